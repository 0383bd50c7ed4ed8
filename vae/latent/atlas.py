"""The atlas: the plane decoded once on a fine lattice, from which the lens in the browser draws any point between.

What is stored of a mean pixel p is q = sigmoid(logit(p) / 2), that is sqrt(p) / (sqrt(p) + sqrt(1 - p)): edges that move
with z are smoother in q than in p, so fewer lattice points do. Between them q is interpolated by Catmull-Rom splines
(Keys 1981, a = -1/2) along both directions, and p = q^2 / (q^2 + (1 - q)^2). `ui/components/lens/atlas.js` does the same.

On the wire the atlas is one grey JPEG: for each of the 784 pixels a map of its q over the lattice, and these maps side by
side. Over the plane a pixel changes smoothly, which is what JPEG is good at.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vae.data.inputs import IMAGE_SHAPE
from vae.errors import ExplorerError
from vae.latent.plane import Plane
from vae.model.autoencoder import VAE
from vae.model.inference import BATCH, with_channels_last

SMALLEST, LARGEST = 64, 144
"""Lattice points a side; a multiple of JPEG's blocks of 8, and in all no more pixels than tablets decode (16 million)."""

GOOD_ENOUGH, AIM = 0.040, 0.030
"""An error, at the 99.9th percentile of pixels, that needs no finer lattice, and the one that a finer lattice aims at."""

QUALITIES = (92, 90, 86, 80, 70, 55, 40, 25, 10)
MOST_BYTES = 1_450_000
WIDEST = 1456
"""Pixels: what Streamlit sends as it is."""

TRIALS = 1000
PIXELS = IMAGE_SHAPE[1] * IMAGE_SHAPE[2]


class AtlasError(ExplorerError):
    """There is no atlas of this plane."""


@dataclass(frozen=True)
class Atlas:
    """A lattice of `size` x `size` points over [-extent, extent]^2 of the plane, its corners included, as a JPEG.

    `mean_error` and `high_error` are the mean and the 99.9th percentile of the absolute difference between a pixel of
    the lens and of the exact decoding, in pixel values, at random points of the plane.
    """

    picture: bytes
    size: int
    extent: float
    mean_error: float
    high_error: float

    @property
    def columns(self) -> int:
        """Maps side by side in the picture."""
        return WIDEST // self.size

    def lattice(self) -> np.ndarray:
        """q as the browser reads it, (size, size, 784) uint8, the lowest row first."""
        with Image.open(io.BytesIO(self.picture)) as picture:
            return _from_mosaic(np.asarray(picture), self.size)


@torch.no_grad()
def make_atlas(model: VAE, plane: Plane, through: Tensor, extent: float) -> Atlas:
    """The atlas of the slice through the point `through` (D,), as fine as its error asks.

    A first lattice is tried at random points of the plane; the error falls with the square of the spacing, so a second
    one is made as fine as needed. Raises `AtlasError` where the decoder gives no finite numbers.
    """
    model, generator = with_channels_last(model), torch.Generator().manual_seed(0)
    trials = (torch.rand(TRIALS, 2, generator=generator) * 2 - 1) * extent
    exact = _decode(model, plane.points(trials, through)).numpy()
    size, lattice = SMALLEST, _lattice(model, plane, through, extent, SMALLEST)
    error = np.quantile(np.abs(lens(lattice, extent, trials.numpy()) - exact), 0.999)
    if error > GOOD_ENOUGH:
        size = min(int(np.ceil(SMALLEST * np.sqrt(error / AIM) / 8)) * 8, LARGEST)
        lattice = _lattice(model, plane, through, extent, size)
    picture = _compressed(_mosaic(lattice))
    stored = Atlas(picture, size, extent, 0.0, 0.0).lattice()
    errors = np.abs(lens(stored, extent, trials.numpy()) - exact)
    return Atlas(picture, size, extent, float(errors.mean()), float(np.quantile(errors, 0.999)))


def lens(lattice: np.ndarray, extent: float, coordinates: np.ndarray) -> np.ndarray:
    """Mean pixels (N, 784) in [0, 1] at plane coordinates (N, 2) within the extent, from a lattice (n, n, 784) uint8."""
    size = len(lattice)
    place = np.clip((coordinates / extent + 1) / 2 * (size - 1), 0, size - 1)
    first = np.minimum(place.astype(int), size - 2)
    weights = _catmull_rom(place - first)  # (N, 2, 4)
    q = np.zeros((len(coordinates), PIXELS), np.float32)
    for row in range(4):
        for column in range(4):
            at = np.clip(first + np.array([column - 1, row - 1]), 0, size - 1)
            weight = weights[:, 0, column] * weights[:, 1, row]
            q += weight[:, None] * lattice[at[:, 1], at[:, 0]]
    q = np.clip(q / 255, 0, 1)
    return q**2 / (q**2 + (1 - q) ** 2)


def _catmull_rom(t: np.ndarray) -> np.ndarray:
    """The weights (..., 4) of the four neighbours at -1, 0, 1 and 2 for places t in [0, 1]."""
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    return np.stack(weights, -1).astype(np.float32) / 2


def _lattice(model: VAE, plane: Plane, through: Tensor, extent: float, size: int) -> np.ndarray:
    """q on the lattice, (size, size, 784) uint8. On a strip all rows are the same and one is decoded."""
    values = torch.linspace(-extent, extent, size)
    rows = torch.zeros(1) if plane.is_strip else values
    b, a = torch.meshgrid(rows, values, indexing="ij")
    p = _decode(model, plane.points(torch.stack([a.flatten(), b.flatten()], 1), through))
    q = p.sqrt() / (p.sqrt() + (1 - p).sqrt())
    lattice = (q * 255).round().to(torch.uint8).view(len(rows), size, PIXELS).numpy()
    return np.broadcast_to(lattice, (size, size, PIXELS))


def _decode(model: VAE, z: Tensor) -> Tensor:
    """Mean pixels (N, 784) on the CPU."""
    p = torch.cat([model.decode(part.to(model.device)).flatten(1).cpu() for part in z.split(BATCH)])
    if not p.isfinite().all():
        raise AtlasError("The decoder of this run gives no finite numbers on this plane, so there is no lens; train it anew.")
    return p


def _mosaic(lattice: np.ndarray) -> np.ndarray:
    """One picture of the 784 maps (size, size), row by row."""
    size = len(lattice)
    columns = WIDEST // size
    rows = -(-PIXELS // columns)
    maps = np.zeros((rows * columns, size, size), np.uint8)
    maps[:PIXELS] = lattice.transpose(2, 0, 1)
    return maps.reshape(rows, columns, size, size).transpose(0, 2, 1, 3).reshape(rows * size, columns * size)


def _from_mosaic(picture: np.ndarray, size: int) -> np.ndarray:
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    maps = picture.reshape(rows, size, columns, size).transpose(0, 2, 1, 3).reshape(-1, size, size)
    return np.ascontiguousarray(maps[:PIXELS].transpose(1, 2, 0))


def _compressed(mosaic: np.ndarray) -> bytes:
    """A JPEG of the best quality that is small enough to send."""
    for quality in QUALITIES:
        content = io.BytesIO()
        Image.fromarray(mosaic).save(content, "JPEG", quality=quality)
        if content.tell() <= MOST_BYTES:
            break
    return content.getvalue()
