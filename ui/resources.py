"""What is cached of runs, for every page. What is cached as a resource is shared by all visitors and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
import torch
from torch import Tensor

import vae
from ui import beside, film, memory
from ui.figures import plane_extent
from ui.layers import Picture, change_picture, density_picture
from ui.pictures import png_url
from ui.view import PRINCIPAL
from vae import data
from vae.atlas import Atlas, make_atlas
from vae.comparison import Figures, figures_of
from vae.config import RunConfig
from vae.device import tune_log1p
from vae.errors import ConfigError, DataError, RunError
from vae.estimates import Estimate, Estimates
from vae.fields import aggregate_density, change_rate
from vae.frames import Frame
from vae.latent import Codes, decode_points, encode_images, make_grid, tile
from vae.model import IMAGE_SHAPE, count_parameters
from vae.plane import Plane, plane_of_axes, plane_of_principal_components
from vae.road import Road, make_road
from vae.run import RunFolder
from vae.story import Story, story_of

CHANGE_CELLS = {"mlp": 72, "conv": 40}
"""Cells a side: a derivative of convolutions takes ten times as long, and theirs is smoother."""

SECONDS_TO_MEND = 20
"""A damaged file is looked at again after so long."""

DRAWN = "drawn_version"

torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # the rest is for a training beside the explorer
tune_log1p()
memory.bound_heaps()


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
    """Take all that is loaded by now out of the garbage collector's sight, once for a page and a data set."""
    memory.settle()


def stay_current(drawn: object, now: object) -> None:
    """Draw the whole page anew where a part of it is about to be drawn again, and the weights are others by now.

    What is cached of earlier weights may be gone, and would be made of the new ones. Only what stands on the screen is drawn
    anew: a training that saves all the time lets the page come first.
    """
    if st.session_state.get(DRAWN) == drawn != now:
        st.rerun()
    st.session_state[DRAWN] = drawn


@st.cache_resource(max_entries=8, show_spinner=False)
def load_run(version: RunVersion) -> vae.Run:
    """The run with its weights. Raises `RunError`."""
    return vae.load_run(version.path)


def frame_of(version: RunVersion) -> Frame | None:
    """The frame made with these weights: the codes of the held-out images. None where there is none."""
    saved = _frame_of(version) if frame_damage(version) is None else None
    return saved or _encoded_frame(version)


@st.cache_resource(max_entries=8, show_spinner=False)
def _frame_of(version: RunVersion) -> Frame | None:
    run = load_run(version)
    return run.folder.frame_of_step(run.step)


def frame_damage(version: RunVersion) -> str | None:
    """Why the frame made with these weights cannot be used, in one sentence. None where it can, or where there is none."""
    load_run(version)  # what is wrong with the weights is another matter
    return _frame_damage(version)


@st.cache_data(max_entries=32, ttl=SECONDS_TO_MEND, show_spinner=False)
def _frame_damage(version: RunVersion) -> str | None:
    try:
        _frame_of(version)
    except RunError as error:
        return str(error)
    return None


def _encoded_frame(version: RunVersion) -> Frame | None:
    """What the frame would hold, for weights that were saved without one, where the data set is at hand by now."""
    config = load_run(version).config
    return _encode(version) if held_out(config) is not None else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _encode(version: RunVersion) -> Frame:
    run = load_run(version)
    images = held_out(run.config)
    with memory.LARGE_QUESTIONS:
        codes: Codes = encode_images(run.model, images.images)
    return Frame(0, run.step, codes, images.labels, None)


def held_out(config: RunConfig) -> data.Split | None:
    """The held-out pictures as a run sees them, or None where the data set is missing or damaged: `why_absent` says why."""
    try:
        return _held_out(config)
    except DataError:
        return None


def _held_out(config: RunConfig) -> data.Split:
    black_and_white = config.training.binarise is not None
    return _load_held_out(config.dataset, config.held_out, black_and_white, data.data_folder(), config)


@st.cache_resource(max_entries=4, show_spinner=False)
def _load_held_out(dataset: str, split: str, black_and_white: bool, folder: Path, _config: RunConfig) -> data.Split:
    return data.held_out_of(_config, folder)


@st.cache_resource(max_entries=32, show_spinner=False)
def plane(version: RunVersion, axes: str) -> Plane:
    """The plane that a view's `axes` name: two latent dimensions counted from 1, or "pca". Raises `ConfigError`."""
    latent = load_run(version).config.model.latent
    if axes == PRINCIPAL and latent > 2:
        frame = frame_of(version)
        if frame is None:
            raise ConfigError("Principal components need the codes of this run, which are not there; choose two axes.")
        return plane_of_principal_components(frame.codes.posterior.mean)
    first, second = (int(axis) - 1 for axis in axes.split(",")) if latent > 2 and axes != PRINCIPAL else (0, 1)
    return plane_of_axes(latent, first, second)


def extent(version: RunVersion, axes: str) -> float:
    """Half the side of the square that shows the codes, if there are any, and the prior's bulk."""
    return _extent(version, axes) if frame_of(version) is not None else 3.0


@st.cache_data(max_entries=64, show_spinner=False)
def _extent(version: RunVersion, axes: str) -> float:
    return plane_extent(places(version, axes))


@st.cache_resource(max_entries=32, show_spinner=False)
def places(version: RunVersion, axes: str) -> Tensor:
    """The codes of the held-out images on a plane, (N, 2). There have to be some: see `frame_of`."""
    return plane(version, axes).project(frame_of(version).codes.posterior.mean)


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
    codes, shown = frame_of(version).codes, plane(version, axes)
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


@st.cache_data(max_entries=16, show_spinner=False)
def road(version: RunVersion, start: tuple[float, ...], end: tuple[float, ...]) -> Road:
    """The road between two points."""
    return make_road(load_run(version).model, torch.tensor(start), torch.tensor(end))


@st.cache_data(max_entries=64, show_spinner=False)
def figures(version: RunVersion, axes: str) -> Figures:
    """What can be quoted of these weights. There has to be a frame: see `frame_of`."""
    run = load_run(version)
    seconds = [report.seconds for report in beside.look(run.folder).reports if report.step <= run.step]
    parameters = count_parameters(run.model)
    return figures_of(frame_of(version), plane(version, axes), parameters, seconds[-1] if seconds else 0.0)


@st.cache_data(max_entries=64, show_spinner=False)
def manifold(version: RunVersion, axes: str, middle: tuple[float, float], half_side: float, cells: int) -> str:
    """What the decoder draws over a square of the plane, as a data URL; a slice goes through z = 0."""
    model, shown = load_run(version).model, plane(version, axes)
    places = torch.tensor(middle) + make_grid(cells, half_side).points()
    z = shown.points(places, torch.zeros(shown.latent))
    return png_url(tile(decode_points(model, z), cells).numpy())


@st.cache_data(max_entries=1024, show_spinner=False)
def story(version: RunVersion, grey: bytes) -> Story:
    """The posterior and the terms of an image, which is known by its grey levels."""
    image = torch.frombuffer(bytearray(grey), dtype=torch.uint8).view(1, *IMAGE_SHAPE)
    return story_of(load_run(version).model, image)


def share_below(version: RunVersion, elbo: float) -> float | None:
    """The share of held-out images, from 0 to 1, whose ELBO by one sample of z is lower; None without their codes."""
    frame = frame_of(version)
    if frame is None or not len(frame.labels):
        return None
    return (frame.codes.terms.elbo < elbo).double().mean().item()


def why_absent(run: vae.Run) -> str:
    """Why a run's original pictures are not there, and what to do."""
    try:
        _held_out(run.config)
    except DataError as error:
        return f"There are no original pictures: {error}"
    return "The original pictures are there by now; reload this page."


@st.cache_resource(show_spinner=False)
def _estimates() -> Estimates:
    return Estimates()


def estimate(config: RunConfig, device: str) -> Estimate | None:
    """About how long a training takes; None while nobody knows yet. It is measured in a process of its own."""
    return _estimates().ask(config, device)


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


@st.cache_resource(max_entries=256, show_spinner=False)
def packed_frame(path: Path, stamp: int, classes: int, plane_name: str, _plane: Plane) -> film.Packed | None:
    """One frame of a run, packed for the browser on the plane that `plane_name` names.

    None where it is damaged, or does not fit a run of so many `classes` and of the plane's latent dimensions, which its name
    tells. Raises `RunError` where it cannot be read, which may pass and is not remembered.
    """
    try:
        return film.pack(RunFolder(path.parents[1]).read_frame(path), _plane)
    except RunError as error:
        if isinstance(error.__cause__, OSError):
            raise
        return None
