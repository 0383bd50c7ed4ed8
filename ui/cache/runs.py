"""What is cached of runs, for every page. What is cached as a resource is shared by all visitors and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from torch import Tensor

import vae
from ui.cache import memory
from ui.state.view import PRINCIPAL
from vae.config import RunConfig
from vae.data import datasets
from vae.data.inputs import IMAGE_SHAPE
from vae.errors import ConfigError, DataError, RunError
from vae.latent.plane import Plane, plane_extent, plane_of_axes, plane_of_principal_components, plane_window
from vae.latent.posterior_summary import PosteriorSummary, summarise_posterior
from vae.model.inference import Codes, encode_images
from vae.runs.folder import RunFolder
from vae.runs.snapshots import Snapshot

SECONDS_TO_MEND = 20
"""A damaged file is looked at again after so long."""


@dataclass(frozen=True)
class RunVersion:
    """One state of a run's weights on the disk: what cached results belong to."""

    path: Path
    stamp: int

    @classmethod
    def now(cls, folder: RunFolder) -> RunVersion:
        """The weights as they are now (a missing file has stamp 0; loading it says so)."""
        try:
            stamp = (folder.path / "model.safetensors").stat().st_mtime_ns
        except OSError:
            stamp = 0
        return cls(folder.path, stamp)


@st.cache_resource(max_entries=8, show_spinner=False)
def load_run(version: RunVersion) -> vae.Run:
    """The run with its weights. Raises `RunError`."""
    return vae.load_run(version.path)


def snapshot_of(version: RunVersion) -> Snapshot | None:
    """The snapshot made with these weights: the codes of the held-out images. None where there is none."""
    saved = _snapshot_of(version) if snapshot_damage(version) is None else None
    return saved or _encoded_snapshot(version)


@st.cache_resource(max_entries=8, show_spinner=False)
def _snapshot_of(version: RunVersion) -> Snapshot | None:
    run = load_run(version)
    return run.folder.snapshot_of_step(run.step)


def snapshot_damage(version: RunVersion) -> str | None:
    """Why the snapshot made with these weights cannot be used, in one sentence. None where it can, or where there is none."""
    load_run(version)  # what is wrong with the weights is another matter
    return _snapshot_damage(version)


@st.cache_data(max_entries=32, ttl=SECONDS_TO_MEND, show_spinner=False)
def _snapshot_damage(version: RunVersion) -> str | None:
    try:
        _snapshot_of(version)
    except RunError as error:
        return str(error)
    return None


def _encoded_snapshot(version: RunVersion) -> Snapshot | None:
    """What the snapshot would hold, for weights that were saved without one, where the data set is at hand by now."""
    config = load_run(version).config
    return _encode(version) if held_out(config) is not None else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _encode(version: RunVersion) -> Snapshot:
    run = load_run(version)
    images = held_out(run.config)
    with memory.LARGE_QUESTIONS:
        codes: Codes = encode_images(run.model, images.images)
    return Snapshot(0, run.step, codes, images.labels, None)


def held_out(config: RunConfig) -> datasets.Split | None:
    """The held-out pictures as a run sees them, or None where the data set is missing or damaged: `why_absent` says why."""
    try:
        return _held_out(config)
    except DataError:
        return None


def _held_out(config: RunConfig) -> datasets.Split:
    black_and_white = config.training.binarise is not None
    return _load_held_out(config.dataset, config.held_out, black_and_white, datasets.data_folder(), config)


@st.cache_resource(max_entries=4, show_spinner=False)
def _load_held_out(dataset: str, split: str, black_and_white: bool, folder: Path, _config: RunConfig) -> datasets.Split:
    return datasets.held_out_of(_config, folder)


@st.cache_resource(max_entries=32, show_spinner=False)
def plane(version: RunVersion, axes: str) -> Plane:
    """The plane that a view's `axes` name: two latent dimensions counted from 1, or "pca". Raises `ConfigError`."""
    latent = load_run(version).config.model.latent
    if axes == PRINCIPAL and latent > 2:
        snapshot = snapshot_of(version)
        if snapshot is None:
            raise ConfigError("Principal components need the codes of this run, which are not there; choose two axes.")
        return plane_of_principal_components(snapshot.codes.posterior.mean)
    first, second = (int(axis) - 1 for axis in axes.split(",")) if latent > 2 and axes != PRINCIPAL else (0, 1)
    return plane_of_axes(latent, first, second)


def extent(version: RunVersion, axes: str) -> float:
    """Half the side of the square that shows the codes, if there are any, and the prior's bulk."""
    return _extent(version, axes) if snapshot_of(version) is not None else 3.0


@st.cache_data(max_entries=64, show_spinner=False)
def _extent(version: RunVersion, axes: str) -> float:
    return plane_extent(places(version, axes))


def window(version: RunVersion, axes: str) -> tuple[tuple[float, float], float]:
    """Middle and half the side of the square that a plane shows at first."""
    return plane_window(places(version, axes)) if snapshot_of(version) is not None else ((0.0, 0.0), 3.0)


@st.cache_resource(max_entries=32, show_spinner=False)
def places(version: RunVersion, axes: str) -> Tensor:
    """The codes of the held-out images on a plane, (N, 2). There have to be some: see `snapshot_of`."""
    return plane(version, axes).project(snapshot_of(version).codes.posterior.mean)


@st.cache_data(max_entries=1024, show_spinner=False)
def summary(version: RunVersion, grey: bytes) -> PosteriorSummary:
    """The posterior and the terms of an image, which is known by its grey levels."""
    image = torch.frombuffer(bytearray(grey), dtype=torch.uint8).view(1, *IMAGE_SHAPE)
    return summarise_posterior(load_run(version).model, image)


def why_absent(run: vae.Run) -> str:
    """Why a run's original pictures are not there, and what to do."""
    try:
        _held_out(run.config)
    except DataError as error:
        return f"There are no original pictures: {error}"
    return "The original pictures are there by now; reload this page."


def is_active(folder: RunFolder) -> bool:
    """Whether a run is being trained or waits to be."""
    try:
        return folder.read_status().active
    except vae.RunError:
        return False


def is_ahead(folder: RunFolder) -> bool:
    """Whether a run has its turn before one that is asked for now."""
    try:
        return folder.read_status().state in ("queued", "running")
    except vae.RunError:
        return False


def own_image(grey: bytes) -> Tensor:
    """An image of one's own, uint8 (1, 1, 28, 28)."""
    return torch.from_numpy(np.frombuffer(grey, np.uint8).copy()).view(1, *IMAGE_SHAPE)
