"""A run while it is trained, and after: where it stands, its curves, its plane, a few reconstructions."""

from __future__ import annotations

import html

import streamlit as st
import torch

from ui.cache import run_files, runs
from ui.charts import curves, markup, plane, style
from ui.components.live_chart.live_chart import bring_plotly, live_chart
from ui.shell import status_text
from ui.text import plain
from ui.train import control_panel
from vae.config import RunConfig
from vae.errors import ExplorerError
from vae.jobs.queue import runs_ahead
from vae.latent.grid import tile
from vae.latent.plane import plane_extent, plane_of_axes
from vae.model.inference import decode_points
from vae.runs.folder import Run, RunFolder
from vae.runs.snapshots import Snapshot
from vae.runs.status import Status

SECONDS_BETWEEN_CURVES = 0.4
SECONDS_BETWEEN_PLANES = 1.0
WHOLE = "whole_curves"
SIDE = 350
"""Pixels of the plane's side on a laptop."""


def show(folder: RunFolder) -> None:
    """Status, curves and plane; they go on by themselves while the run is active."""
    _, class_names = folder.read_config()
    active = folder.read_status().active
    bring_plotly()
    left, right = st.columns([1, 0.72], gap="small")
    with left:
        st.checkbox("Show the first, steep steps too", key=WHOLE)
        st.fragment(_curves, run_every=SECONDS_BETWEEN_CURVES if active else None)(folder, active)
    with right:
        st.fragment(_plane, run_every=SECONDS_BETWEEN_PLANES if active else None)(folder, class_names)


def _curves(folder: RunFolder, active: bool) -> None:
    try:
        (config, _), status, reports = folder.read_config(), folder.read_status(), run_files.metrics(folder)
    except ExplorerError as error:
        st.error(plain(error))
        return
    if active != status.active:
        st.rerun()  # the whole page, once: it now looks by itself, or looks no more and may go on with the run
    _headline(folder, config, status)
    steps_per_epoch = max(status.total_steps / config.training.epochs, 1)
    whole = st.session_state.get(WHOLE, False)
    with st.container(key="curves", height="stretch"):
        live_chart(
            curves.curves(reports, config.training.epochs, steps_per_epoch, whole),
            key=f"curves_of_{folder.name}",
            config=curves.CURVES_CONFIG,
            alt="ELBO, reconstruction term and KL term over the epochs",
        )


def _headline(folder: RunFolder, config: RunConfig, status: Status) -> None:
    """Where the training stands, in one line: what follows it stays where it is, whatever becomes of the run."""
    share = min(status.step / status.total_steps, 1.0) if status.total_steps else 0.0
    ahead = runs_ahead(folder, status) if status.state == "queued" else []
    headline = status_text.headline(status, config.training.epochs, ahead)
    if status.state in ("stopped", "failed"):
        can_go_on = control_panel.can_go_on(folder, status)
        headline += " Press **Go on** to continue." if can_go_on else " It was thinned and cannot go on."
    st.progress(share, text=headline)
    if status.state == "failed":
        st.error(plain(status.message))


def _plane(folder: RunFolder, class_names: tuple[str, ...]) -> None:
    try:
        version = runs.RunVersion.now(folder)
        run, snapshot = runs.load_run(version), runs.snapshot_of(version)
    except ExplorerError as error:
        st.error(plain(error))
        return
    damage = runs.snapshot_damage(version)
    if damage is not None:
        st.warning(damage)
    if snapshot is None or not len(snapshot.labels):
        if damage is None:
            st.info("The plane appears here as soon as the training has begun.")
        return
    shown = plane_of_axes(run.config.model.latent)
    places = shown.project(snapshot.codes.posterior.mean)
    axes = plane.Axes(shown.names, plane_extent(places), strip=shown.is_strip)
    which = f", two of {shown.latent} latent dimensions" if shown.is_slice else ""
    st.html(f'<p class="lead">The plane after {_when(folder, snapshot)}{which}</p>')
    with st.container(key="training_plane"):
        live_chart(
            plane.scatter(places, snapshot.labels, class_names, axes, legend_rows=2, side=SIDE),
            key=f"plane_of_{folder.name}",
            config=style.CONFIG,
            alt="Codes of the held-out images by class",
        )
    _reconstructions(run, snapshot)


def _when(folder: RunFolder, snapshot: Snapshot) -> str:
    """The epoch, or the step where the training paused or stopped within one."""
    try:
        epochs = {report.step: report.epoch for report in run_files.metrics(folder) if report.split == "held_out"}
    except ExplorerError:  # the curves say so
        epochs = {}
    epoch = (epochs | {0: 0}).get(snapshot.step)
    return f"step {snapshot.step:,}" if epoch is None else f"epoch {epoch}"


def _reconstructions(run: Run, snapshot: Snapshot) -> None:
    """The first held-out image of every class above what the decoder makes of its posterior's mean."""
    labels = snapshot.labels.tolist()
    first = torch.tensor([labels.index(label) for label in sorted(set(labels))])
    rows = [("decoded", decode_points(run.model, snapshot.codes.posterior.mean[first]))]
    images = runs.held_out(run.config)
    if images is None:
        st.html(f'<p class="small">{html.escape(runs.why_absent(run))}</p>')
    else:
        rows.insert(0, ("original", images.images[first]))
    st.html("".join(markup.row(name, tile(images, len(first)).numpy()) for name, images in rows))
