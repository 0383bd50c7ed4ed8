"""A run while it is trained, and after: where it stands, its curves, its plane, a few reconstructions."""

from __future__ import annotations

import html

import streamlit as st
import torch

from ui import beside, figures, pictures, resources, standing, steer
from ui.live_chart import bring_plotly, live_chart
from ui.text import plain
from vae.config import RunConfig
from vae.errors import ExplorerError
from vae.frames import Frame
from vae.latent import decode_points, tile
from vae.plane import plane_of_axes
from vae.run import Run, RunFolder
from vae.status import Status
from vae.turn import runs_ahead

SECONDS_BETWEEN_CURVES = 0.4
SECONDS_BETWEEN_PLANES = 1.0
SIDE = 350
"""Pixels of the plane's side on a laptop."""


def show(folder: RunFolder) -> None:
    """Status, curves and plane; they go on by themselves while the run is active."""
    _, class_names = folder.read_config()
    active = folder.read_status().active
    bring_plotly()
    curves, plane = st.columns([1, 0.72], gap="small")
    with curves:
        st.fragment(_curves, run_every=SECONDS_BETWEEN_CURVES if active else None)(folder, active)
    with plane:
        st.fragment(_plane, run_every=SECONDS_BETWEEN_PLANES if active else None)(folder, class_names)


def _curves(folder: RunFolder, active: bool) -> None:
    try:
        (config, _), status, reports = folder.read_config(), folder.read_status(), beside.metrics(folder)
    except ExplorerError as error:
        st.error(plain(error))
        return
    if active != status.active:
        st.rerun()  # the whole page, once: it now looks by itself, or looks no more and may go on with the run
    _headline(folder, config, status)
    steps_per_epoch = max(status.total_steps / config.training.epochs, 1)
    with st.container(key="curves", height="stretch"):
        live_chart(
            figures.curves(reports, config.training.epochs, steps_per_epoch),
            key=f"curves_of_{folder.name}",
            config=figures.CURVES_CONFIG,
            alt="ELBO, reconstruction term and KL term over the epochs",
        )


def _headline(folder: RunFolder, config: RunConfig, status: Status) -> None:
    """Where the training stands; beside it, where it has ended, what can be done with it."""
    share = min(status.step / status.total_steps, 1.0) if status.total_steps else 0.0
    ahead = runs_ahead(folder, status) if status.state == "queued" else []
    headline = standing.headline(status, config.training.epochs, ahead)
    if status.active:
        st.progress(share, text=headline)
        return
    words, button = st.columns([1, 0.3], vertical_alignment="center")
    words.progress(share, text=headline)
    with button:
        if status.state == "finished" and st.button("Explore it", type="primary", width="stretch", key="explore"):
            st.switch_page("app.py")
        elif status.state in ("stopped", "failed"):
            if status.step == 0 or folder.can_go_on():
                steer.go_on(folder)
            else:
                st.caption("It was thinned and cannot go on.")
    if status.state == "failed":
        st.error(plain(status.message))


def _plane(folder: RunFolder, class_names: tuple[str, ...]) -> None:
    try:
        version = resources.RunVersion.now(folder)
        run, frame = resources.load_run(version), resources.frame_of(version)
    except ExplorerError as error:
        st.error(plain(error))
        return
    damage = resources.frame_damage(version)
    if damage is not None:
        st.warning(damage)
    if frame is None or not len(frame.labels):
        if damage is None:
            st.info("The plane appears here as soon as the training has begun.")
        return
    plane = plane_of_axes(run.config.model.latent)
    places = plane.project(frame.codes.posterior.mean)
    axes = figures.Axes(plane.names, figures.plane_extent(places), strip=plane.is_strip)
    which = f", two of {plane.latent} latent dimensions" if plane.is_slice else ""
    st.html(f'<p class="lead">The plane after {_when(folder, frame)}{which}</p>')
    with st.container(key="training_plane"):
        live_chart(
            figures.scatter(places, frame.labels, class_names, axes, legend_rows=2, side=SIDE),
            key=f"plane_of_{folder.name}",
            config=figures.CONFIG,
            alt="Codes of the held-out images by class",
        )
    _reconstructions(run, frame)


def _when(folder: RunFolder, frame: Frame) -> str:
    """The epoch, or the step where the training paused or stopped within one."""
    try:
        epochs = {report.step: report.epoch for report in beside.metrics(folder) if report.split == "held_out"}
    except ExplorerError:  # the curves say so
        epochs = {}
    epoch = (epochs | {0: 0}).get(frame.step)
    return f"step {frame.step:,}" if epoch is None else f"epoch {epoch}"


def _reconstructions(run: Run, frame: Frame) -> None:
    """The first held-out image of every class above what the decoder makes of its posterior's mean."""
    labels = frame.labels.tolist()
    first = torch.tensor([labels.index(label) for label in sorted(set(labels))])
    rows = [("decoded", decode_points(run.model, frame.codes.posterior.mean[first]))]
    images = resources.held_out(run.config)
    if images is None:
        st.html(f'<p class="small">{html.escape(resources.why_absent(run))}</p>')
    else:
        rows.insert(0, ("original", images.images[first]))
    st.html("".join(pictures.row(name, tile(images, len(first)).numpy()) for name, images in rows))
