"""A run while it is trained, and after: where it stands, its curves, its plane."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui import figures, resources
from ui.ask import duration
from vae.config import RunConfig
from vae.errors import ExplorerError, describe
from vae.plane import plane_of_axes
from vae.run import RunFolder, Status
from vae.worker import start_process

SECONDS_BETWEEN_CURVES = 0.4
SECONDS_BETWEEN_PLANES = 1.0


def show(folder: RunFolder) -> None:
    """Status, curves and plane; they go on by themselves while the run is active."""
    config, class_names = folder.read_config()
    active = folder.read_status().active
    curves, plane = st.columns([1, 0.72], gap="small")
    with curves:
        st.fragment(_curves, run_every=SECONDS_BETWEEN_CURVES if active else None)(folder, config, active)
    with plane:
        st.fragment(_plane, run_every=SECONDS_BETWEEN_PLANES if active else None)(folder, config, class_names)


def _curves(folder: RunFolder, config: RunConfig, active: bool) -> None:
    try:
        status, reports = folder.read_status(), resources.metrics(folder)
    except ExplorerError as error:
        st.error(str(error))
        return
    if active and not status.active:
        st.rerun()  # the whole page, once: it may now go on with the run, and looks no more
    _headline(folder, config, status)
    steps_per_epoch = max(status.total_steps / config.training.epochs, 1)
    with st.container(key="curves", height="stretch"):
        st.plotly_chart(
            figures.curves(reports, config.training.epochs, steps_per_epoch),
            key="curves_chart",
            config=figures.CURVES_CONFIG,
            height="stretch",
            alt="ELBO, reconstruction term and KL term over the epochs",
        )


def _headline(folder: RunFolder, config: RunConfig, status: Status) -> None:
    words, button = st.columns([1, 0.3], vertical_alignment="center")
    with words:
        share = status.step / status.total_steps if status.total_steps else 0.0
        st.progress(min(share, 1.0), text=_where(config, status))
    with button:
        if status.active:
            stopping = folder.stop_is_asked()
            st.button("Stop", disabled=stopping, width="stretch", key="stop", on_click=_try, args=(folder.ask_to_stop,))
        elif status.state in ("stopped", "failed"):
            st.button("Go on", width="stretch", key="resume", on_click=_try, args=(lambda: _resume(folder),))
        elif st.button("Explore it", type="primary", width="stretch", key="explore"):
            st.switch_page("app.py")
    if status.state == "failed":
        st.error(status.message)
    if message := st.session_state.pop("watch_message", None):
        st.error(message)


def _where(config: RunConfig, status: Status) -> str:
    epochs = f"epoch {min(status.epoch + status.active, config.training.epochs)} of {config.training.epochs}"
    if status.state == "queued":
        return "**queued**: starting, or waiting for its turn"
    if status.state == "running" and status.message:
        return f"**training**: {status.message}"
    if status.state == "running":
        speed = f"{status.images_per_second:,.0f} images a second"
        return f"**training** on {status.device}: {epochs}, {speed}, {duration(status.seconds_left)} left"
    return f"**{status.state}**: {epochs}. {status.message if status.state == 'stopped' else ''}"


def _plane(folder: RunFolder, config: RunConfig, class_names: tuple[str, ...]) -> None:
    try:
        frame = resources.latest_frame(folder)
    except ExplorerError as error:
        st.error(str(error))
        return
    if frame is None:
        st.info("The plane appears here as soon as the training has begun.")
        return
    plane = plane_of_axes(config.model.latent)
    places = plane.project(frame.codes.posterior.mean)
    axes = figures.Axes(plane.names, figures.plane_extent(places), strip=plane.is_strip)
    which = f", two of {plane.latent} latent dimensions" if plane.is_slice else ""
    st.html(f'<p class="lead">The plane after epoch {frame.epoch}{which}</p>')
    with st.container(key="training_plane"):
        st.plotly_chart(
            figures.scatter(places, frame.labels, class_names, axes, legend_rows=2),
            key="plane_chart",
            config=figures.CONFIG,
            height="stretch",
            alt="Codes of the held-out images by class",
        )


def _try(action: Callable[[], None]) -> None:
    """Do what a button asks; what goes wrong is told at the next drawing."""
    try:
        action()
    except (ExplorerError, OSError) as error:
        st.session_state["watch_message"] = describe(error)


def _resume(folder: RunFolder) -> None:
    folder.queue_again()
    start_process(folder)
