"""What is cached for the page Compare."""

from __future__ import annotations

import streamlit as st
import torch

from ui.cache import run_files
from ui.cache.runs import RunVersion, load_run, plane, snapshot_of
from ui.charts.markup import png_url
from vae.diffusion.evaluation import Figures
from vae.evaluation.comparison import figures_of
from vae.latent.grid import make_grid, tile
from vae.model.autoencoder import count_parameters
from vae.model.inference import decode_points

Turn = tuple[tuple[float, float], tuple[float, float]]
"""An orthogonal matrix, by its rows."""


@st.cache_data(max_entries=64, show_spinner=False)
def figures(version: RunVersion, axes: str) -> Figures:
    """What can be quoted of these weights. There has to be a snapshot: see `snapshot_of`."""
    run = load_run(version)
    seconds = [report.seconds for report in run_files.look(run.folder).reports if report.step <= run.step]
    parameters = count_parameters(run.model)
    return figures_of(snapshot_of(version), plane(version, axes), parameters, seconds[-1] if seconds else 0.0)


@st.cache_data(max_entries=64, show_spinner=False)
def manifold(
    version: RunVersion, axes: str, turn: Turn | None, middle: tuple[float, float], half_side: float, cells: int
) -> str:
    """What the decoder draws over a square of the plane, turned or not, as a data URL; a slice goes through z = 0."""
    model, shown = load_run(version).model, plane(version, axes)
    shown = shown if turn is None else shown.turned(torch.tensor(turn))
    places = torch.tensor(middle) + make_grid(cells, half_side).points()
    z = shown.points(places, torch.zeros(shown.latent))
    return png_url(tile(decode_points(model, z), cells).numpy())
