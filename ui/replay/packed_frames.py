"""A run's frames, packed to be played in the browser: one picture a frame, which the browser keeps.

Each frame travels as one grey PNG: above the manifold's mosaic, below it the codes' places as bytes. So a browser asks for
it by its address, once, and a run that grows sends what is new alone.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ui.charts.plane import jitter
from vae.data.inputs import IMAGE_SHAPE
from vae.latent.grid import tile
from vae.latent.plane import Plane, plane_extent
from vae.runs.snapshots import Snapshot

MOST_FRAMES = 100
"""More are thinned: a browser has to hold them all."""

STEPS = 65_535
"""Places are stored in so many steps from -reach to reach."""

SIDE = IMAGE_SHAPE[1]
WIDTH = 560
"""Of a picture without a mosaic, in pixels."""


@dataclass(frozen=True)
class Packed:
    """One frame, packed.

    `reach` is the largest coordinate, `extent` half the side of the square that shows this frame's codes, `cells` the
    mosaic's cells a side (0 without one), `reconstruction` and `kl` the means over the probes in nats per image.
    """

    epoch: int
    step: int
    labels: bytes
    reach: float
    extent: float
    cells: int
    reconstruction: float
    kl: float
    picture: bytes

    @property
    def elbo(self) -> float:
        """In nats per image."""
        return self.reconstruction - self.kl


def pack(frame: Snapshot, plane: Plane) -> Packed:
    """A frame on a plane. Each place is right to `reach` / 65,535; on a strip the second coordinate is the class's row."""
    projected = plane.project(frame.codes.posterior.mean)
    places = projected.numpy().astype(np.float64)
    if plane.is_strip:
        places[:, 1] = frame.labels.numpy() + jitter(len(places))
    reach = max(float(np.abs(places).max(initial=0.0)), 1e-6)
    mosaic = _mosaic(frame.grid)
    terms = frame.codes.terms
    return Packed(
        frame.epoch, frame.step, frame.labels.to(torch.uint8).numpy().tobytes(), reach, plane_extent(projected),
        len(mosaic) // SIDE, _mean(terms.reconstruction), _mean(terms.kl), _picture(mosaic, places, reach),
    )  # fmt: skip


def _mean(values: torch.Tensor) -> float:
    return float(values.double().mean()) if len(values) else 0.0


def _mosaic(grid: torch.Tensor | None) -> np.ndarray:
    """The manifold as one picture (cells * 28, cells * 28); no rows where there is none, or it is no square."""
    cells = 0 if grid is None else math.isqrt(len(grid))
    if not cells or cells**2 != len(grid):
        return np.zeros((0, WIDTH), np.uint8)
    return tile(grid, cells).numpy()


def _picture(mosaic: np.ndarray, places: np.ndarray, reach: float) -> bytes:
    """Below the mosaic all high bytes of x, then its low bytes, then those of y, filled up to whole rows."""
    steps = np.rint((places.T / reach + 1) / 2 * STEPS).astype(np.uint16)
    content = np.concatenate([steps >> 8, steps & 255], 1).astype(np.uint8).reshape(-1)
    rows = -(-max(content.size, 1) // mosaic.shape[1])
    below = np.zeros(rows * mosaic.shape[1], np.uint8)
    below[: content.size] = content
    file = io.BytesIO()
    Image.fromarray(np.concatenate([mosaic, below.reshape(rows, -1)])).save(file, "PNG", compress_level=3)
    return file.getvalue()


def unpack(packed: Packed) -> tuple[np.ndarray, np.ndarray | None]:
    """The places (N, 2) and the mosaic of a packed frame, as the browser reads them."""
    pixels = np.asarray(Image.open(io.BytesIO(packed.picture)))
    height, count = packed.cells * SIDE, len(packed.labels)
    high_and_low = pixels[height:].reshape(-1)[: 4 * count].reshape(2, 2, count).astype(np.float64)
    steps = high_and_low[:, 0] * 256 + high_and_low[:, 1]
    return ((steps / STEPS * 2 - 1) * packed.reach).T, pixels[:height] if packed.cells else None


def thin(paths: Sequence[Path], most: int = MOST_FRAMES) -> list[Path]:
    """At most `most` (2 or more) of the frames: every 2nd, 4th, 8th ..., from the first on, and the last.

    A run that grows keeps the frames that it had, or half of them: none is sent again.
    """
    return [paths[index] for index in _kept(len(paths), stride(len(paths), most))]


def stride(count: int, most: int = MOST_FRAMES) -> int:
    """How many frames one is kept of."""
    every = 1
    while len(_kept(count, every)) > most:
        every *= 2
    return every


def _kept(count: int, every: int) -> list[int]:
    return sorted({*range(0, count, every), *([count - 1] if count else [])})


@dataclass(frozen=True)
class PackedFilm:
    """Frames of one run in the order of their steps, all of the same probes; `left_out` are the files that are none."""

    frames: tuple[Packed, ...]
    left_out: tuple[str, ...]

    @cached_property
    def extent(self) -> float:
        """Half the side of the square that shows the codes of every frame: nothing moves the axes."""
        return max((frame.extent for frame in self.frames), default=3.0)

    @cached_property
    def labels(self) -> np.ndarray:
        """The classes of the probes, (N,)."""
        return np.frombuffer(self.frames[0].labels if self.frames else b"", np.uint8)

    @property
    def has_manifold(self) -> bool:
        """Whether any frame has a grid."""
        return any(frame.cells for frame in self.frames)


def join(packed: Iterable[tuple[str, Packed | None]]) -> PackedFilm:
    """The film of files by name. A file is left out when it is damaged (None) or has other probes than most."""
    packed = list(packed)
    common = Counter(frame.labels for _, frame in packed if frame is not None).most_common(1)
    fits = {name for name, frame in packed if frame is not None and frame.labels == common[0][0]}
    by_step = {frame.step: frame for name, frame in packed if name in fits}
    left_out = tuple(name for name, _ in packed if name not in fits)
    return PackedFilm(tuple(by_step[step] for step in sorted(by_step)), left_out)
