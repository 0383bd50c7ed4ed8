"""What is cached for the page Explore."""

from __future__ import annotations

import contextlib

import streamlit as st
import torch

from ui.cache import memory
from ui.cache.runs import RunVersion, extent, load_run, plane, snapshot_of
from ui.explore.layers import Picture, change_picture, class_picture, density_picture
from ui.shell import owner
from vae.data import datasets
from vae.errors import DataError, RunError
from vae.evaluation.classifier import Classifier, class_field, load_classifier, save_classifier, train_classifier
from vae.latent.atlas import Atlas, make_atlas
from vae.latent.dimensions import Dimension, rank_dimensions
from vae.latent.fields import aggregate_density, change_rate
from vae.latent.interpolation import Interpolation, interpolate
from vae.latent.prior_samples import Generated, draw_from_prior, generate

CLASS_CELLS = 80
CHANGE_CELLS = {"mlp": 72, "conv": 40}
"""Cells a side of fields: a derivative of convolutions takes ten times as long, and theirs is smoother."""


def atlas(version: RunVersion, axes: str, rest: tuple[float, ...]) -> Atlas:
    """The atlas of the slice through the point `rest`. Raises `AtlasError`."""
    return _atlas(version, axes, rest, extent(version, axes))


@st.cache_resource(max_entries=32, show_spinner=False)
def _atlas(version: RunVersion, axes: str, rest: tuple[float, ...], extent: float) -> Atlas:
    model, shown = load_run(version).model, plane(version, axes)
    with memory.LARGE_QUESTIONS:
        return make_atlas(model, shown, torch.tensor(rest), extent)


@st.cache_data(max_entries=32, show_spinner=False)
def density(version: RunVersion, axes: str) -> Picture:
    """The aggregate posterior on a plane."""
    codes, shown = snapshot_of(version).codes, plane(version, axes)
    window = extent(version, axes)
    with memory.LARGE_QUESTIONS:
        return density_picture(aggregate_density(codes.posterior, shown, window))


def change(version: RunVersion, axes: str, rest: tuple[float, ...]) -> Picture | None:
    """How fast the decoder changes on the slice through the point `rest`; None where it gives no finite numbers."""
    return _change(version, axes, rest, extent(version, axes))


@st.cache_data(max_entries=32, show_spinner=False)
def _change(version: RunVersion, axes: str, rest: tuple[float, ...], extent: float) -> Picture | None:
    model, shown = load_run(version).model, plane(version, axes)
    cells = CHANGE_CELLS[model.config.architecture]
    with memory.LARGE_QUESTIONS:
        field = change_rate(model, shown, torch.tensor(rest), extent, cells)
    return change_picture(field) if field.isfinite().all() else None


@st.cache_resource(max_entries=4, show_spinner="Training a small classifier on this run's data ...")
def classifier(version: RunVersion) -> Classifier | None:
    """The one that was kept with the run, or a new one, which is kept; None where there is none and no data to train it on."""
    run = load_run(version)
    kept = load_classifier(run.folder, len(run.class_names))
    if kept is not None:
        return kept
    try:
        trained = train_classifier(datasets.load(run.config.dataset, run.config.held_out))
    except DataError:
        return None
    if owner.may_act():
        with contextlib.suppress(RunError):  # a folder that takes no files: it is trained anew next time
            save_classifier(run.folder, trained)
    return trained


def classes(version: RunVersion, axes: str, rest: tuple[float, ...], colours: tuple[str, ...]) -> str | None:
    """The classifier's picture of the slice through the point `rest`, in the classes' colours; None without a classifier."""
    known = classifier(version)
    return None if known is None else _classes(version, axes, rest, extent(version, axes), colours, known)


@st.cache_data(max_entries=32, show_spinner=False)
def _classes(
    version: RunVersion, axes: str, rest: tuple[float, ...], extent: float, colours: tuple[str, ...], _known: Classifier
) -> str:
    model, shown = load_run(version).model, plane(version, axes)
    with memory.LARGE_QUESTIONS:
        return class_picture(class_field(model, _known, shown, torch.tensor(rest), extent, CLASS_CELLS), colours)


@st.cache_data(max_entries=16, show_spinner=False)
def dimensions(version: RunVersion) -> list[Dimension]:
    """The latent dimensions by their KL over the held-out codes; none where these are not at hand."""
    snapshot = snapshot_of(version)
    return rank_dimensions(snapshot.codes.posterior) if snapshot is not None and len(snapshot.labels) else []


@st.cache_data(max_entries=16, show_spinner=False)
def interpolation(version: RunVersion, start: tuple[float, ...], end: tuple[float, ...]) -> Interpolation:
    """The interpolation between two points."""
    return interpolate(load_run(version).model, torch.tensor(start), torch.tensor(end))


SIXTEEN = 16
"""How many z are drawn from the prior at a time."""


@st.cache_data(max_entries=64, show_spinner=False)
def sixteen_generated(version: RunVersion, draws: int, pixels: int) -> Generated:
    """The z of this count of draws, to the four decimals that an address has, with the pixels of that count."""
    model = load_run(version).model
    z = draw_from_prior(model.config.latent, SIXTEEN, seed=draws)
    return generate(model, z.double().round(decimals=4).float(), seed=pixels)


def share_below(version: RunVersion, elbo: float) -> float | None:
    """The share of held-out images, from 0 to 1, whose ELBO by one sample of z is lower; None without their codes."""
    snapshot = snapshot_of(version)
    if snapshot is None or not len(snapshot.labels):
        return None
    return (snapshot.codes.terms.elbo < elbo).double().mean().item()
