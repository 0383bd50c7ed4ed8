"""A diffusion prior's training: asked for, watched, stopped, and looked back at."""

from __future__ import annotations

import html
import shlex

import streamlit as st

from ui.components.live_chart.live_chart import bring_plotly, live_chart
from ui.diffusion import cache, figures, trajectories
from ui.diffusion.cache import PriorVersion
from ui.shell import actions, devices, owner, page_frame
from ui.shell.status_text import duration
from ui.text import plain
from vae.diffusion.folder import PriorFolder
from vae.diffusion.prior_files import read_description
from vae.errors import ExplorerError
from vae.paths import from_root
from vae.runs.folder import RunFolder

SECONDS_BETWEEN_LOOKS = 1.0
DEVICE = "prior_device"
ABOUT_THE_LOSS = (
    "The loss is the mean squared error of what the network predicts, all noise levels alike. Most of it is noise that "
    "nobody can predict, so it falls little while the samples get much better."
)


def is_active(folder: RunFolder) -> bool:
    """Whether a prior of this run is being trained or is about to be."""
    return PriorFolder.in_training(folder).is_active()


def say_ending(folder: RunFolder) -> None:
    """Why the latest training gave no prior, where it failed or was stopped; an earlier prior is there as before."""
    prior = PriorFolder.in_training(folder)
    try:
        status = prior.read_status() if prior.exists else None
    except ExplorerError as error:
        page_frame.say(error)
        return
    if status is not None and status.state in ("failed", "stopped"):
        st.error(plain(status.message))


def show_button(folder: RunFolder, again: bool) -> None:
    """The button that starts a training."""
    label = "Train it again" if again else "Train a diffusion prior"
    device = devices.choose(st, DEVICE)
    devices.say_refusals()
    actions.button(
        st, label, "diffuse", lambda: actions.start_prior(folder, device), width="content",
        type="secondary" if again else "primary",
        help="About a minute; it goes on when you close this page. An earlier prior stays until the new one is finished.",
    )  # fmt: skip
    if not owner.may_act():
        st.caption(owner.SENTENCE)
    actions.tell()


def show(folder: RunFolder) -> None:
    """A training that goes on: where it stands, its losses, and samples of the denoiser as it is."""
    bring_plotly()
    st.fragment(_watch, run_every=SECONDS_BETWEEN_LOOKS)(folder)


def _watch(folder: RunFolder) -> None:
    prior = PriorFolder.in_training(folder)
    if not is_active(folder):
        st.rerun()  # the whole page, once: it looks no more
    try:
        status, reports = prior.read_status(), prior.read_metrics()
    except ExplorerError as error:
        st.error(plain(error))
        return
    share = status.step / status.total_steps if status.total_steps else 0.0
    words, button = st.columns([1, 0.2], vertical_alignment="center")
    left = f", {duration(status.seconds_left)} left" if status.seconds_left else ""
    text = plain(status.message) or f"step {status.step:,} of {status.total_steps:,}{left}"
    words.progress(
        min(share, 1.0), text="**queued**: starting" if status.state == "queued" else f"**training a prior**: {text}"
    )
    actions.button(button, "Stop", "stop_prior", lambda: actions.stop_prior(folder))
    actions.tell()
    losses, plane = st.columns([1, 1], gap="medium")
    with losses, st.container(key="prior_losses"):
        live_chart(
            figures.losses(reports, max(status.total_steps, 1)), key=f"prior_losses_of_{folder.name}",
            config=figures.CHARTS, alt="The denoiser's loss over the steps",
        )  # fmt: skip
    with plane, st.container(key="prior_samples"):
        _samples(prior, folder)


def _samples(prior: PriorFolder, folder: RunFolder) -> None:
    version = PriorVersion.of(prior, folder)
    if version is None:
        st.info("Samples appear here as soon as there are weights to sample with.")
        return
    try:
        known, samples = cache.load_prior(version), cache.live_samples(version)
    except ExplorerError:
        return  # it is being put in its place, just now
    codes = known.standard.to_standard(cache.forward_codes(version).posterior.mean)
    figure = figures.samples_over_codes(
        trajectories.plane_places(samples), trajectories.plane_places(codes), trajectories.extent_of(cache.scene(version))
    )
    key = f"prior_samples_of_{folder.name}"
    live_chart(figure, key=key, config=figures.CHARTS, alt="Samples over codes")


def show_past(folder: RunFolder, prior: PriorFolder) -> None:
    """The losses of a training that has ended, its settings as a command, and the button for another."""
    description = read_description(prior.path / "prior.json")
    reports, status = prior.read_metrics(), prior.read_status()
    chart, words = st.columns([1.4, 1], gap="large")
    with chart, st.container(key="prior_losses"):
        st.plotly_chart(
            figures.losses(reports, max(description.config.steps, 1)), key="prior_losses_chart", height="stretch",
            config=figures.CHARTS, alt="The denoiser's loss over the steps",
        )  # fmt: skip
    with words:
        source = "codes of the held-out images in its frames" if description.from_snapshot else "codes of the training images"
        seconds = f" in {duration(reports[-1].seconds)}" if reports else ""
        message = html.escape(status.message)
        st.html(f'<p class="lead"><b>{status.state}</b>: {status.step:,} steps{seconds} on {source}. {message}</p>')
        st.html(f'<p class="small">{ABOUT_THE_LOSS}</p>')
        st.code(_command(folder), language="bash")
        show_button(folder, again=True)


def _command(folder: RunFolder) -> str:
    """What the button does, as a command."""
    device = st.session_state.get(DEVICE) or devices.AUTO
    words = [] if device == devices.AUTO else ["--device", device]
    return shlex.join(["python", "-m", "vae", "diffuse", *words, "--run", str(from_root(folder.path))])
