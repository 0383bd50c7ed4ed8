"""Everything that is cached. What is cached as a resource is shared by all visitors and never changed."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
import torch

import vae
from ui import pictures
from vae import data
from vae.config import RunConfig
from vae.frames import Frame
from vae.latent import Codes, decode_points, encode_images, make_grid, tile
from vae.metrics import MetricsFollower
from vae.run import RunFolder
from vae.training import Report, choose_device, estimate_seconds

torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # the rest is for a training beside the explorer


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


@st.cache_resource(show_spinner=False)
def settle_memory(page: str, dataset: str) -> None:
    """Take all that is loaded by now out of the garbage collector's sight, once for a page and a data set.

    Streamlit collects garbage after every click; with half a million objects of the libraries to look through, that
    held the answer back by a quarter of a second.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=8, show_spinner=False)
def load_run(version: RunVersion) -> vae.Run:
    """The run with its weights. Raises `RunError`."""
    return vae.load_run(version.path)


@st.cache_resource(max_entries=8, show_spinner=False)
def frame_of(version: RunVersion) -> Frame | None:
    """The frame made with these weights: the codes of the held-out images. None where there is none."""
    run = load_run(version)
    return run.folder.frame_of_step(run.step) or _encoded_frame(run)


def _encoded_frame(run: vae.Run) -> Frame | None:
    """What the frame would hold, for weights that were saved without one, where the data set is at hand."""
    images = held_out(run.config.dataset, run.config.held_out)
    if images is None:
        return None
    codes: Codes = encode_images(run.model, images.images)
    return Frame(0, run.step, codes, images.labels, None)


def held_out(dataset: str, split: str) -> data.Split | None:
    """The held-out pictures, or None where the data set is not on this machine."""
    if not data.is_present(dataset):
        return None
    return _load_held_out(dataset, split, data.data_folder())


@st.cache_resource(max_entries=4, show_spinner=False)
def _load_held_out(dataset: str, split: str, folder: Path) -> data.Split:
    return data.load_held_out(dataset, split, folder)


@st.cache_data(max_entries=64, show_spinner=False)
def manifold_picture(version: RunVersion, size: int, extent: float, layout: str) -> str:
    """The manifold grid as a data URL of one PNG, row of the largest z2 on top."""
    images = decode_points(load_run(version).model, make_grid(size, extent, layout).points())
    return pictures.png_url(tile(images, size).numpy())


@st.cache_resource(max_entries=64, show_spinner=False)
def _follower(path: Path) -> MetricsFollower:
    return MetricsFollower(path)


def metrics(folder: RunFolder) -> list[Report]:
    """All reports of a run so far; only what is new is read."""
    return _follower(folder.metrics_path).poll()


def how_to_get(run: vae.Run) -> str:
    """One sentence on how to get a data set that is not on this machine."""
    name = run.config.dataset
    return (
        f"The original pictures need {name}, which is not on this machine; with a network, run: python -m vae download {name}"
    )


@st.cache_data(max_entries=256, ttl=600, show_spinner=False)
def estimated_seconds(config: RunConfig) -> float:
    """About how long a training takes in a process of its own; that has more cores, so it may be done sooner."""
    return estimate_seconds(config, choose_device())


def device_name() -> str:
    """What trainings run on here, in words."""
    return {"cuda": "GPU", "mps": "GPU", "cpu": "processor"}[choose_device().type]


def is_active(folder: RunFolder) -> bool:
    """Whether a run is being trained or waits to be."""
    try:
        return folder.read_status().active
    except vae.RunError:
        return False


def latest_frame(folder: RunFolder) -> Frame | None:
    """The newest frame of a run that may be in training."""
    paths = folder.frame_paths()
    return _frame(folder, paths[-1], paths[-1].stat().st_mtime_ns) if paths else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _frame(_folder: RunFolder, path: Path, stamp: int) -> Frame:
    return _folder.read_frame(path)
