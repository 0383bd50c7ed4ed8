"""Between images and the latent plane: encode a data set, lay out and decode a grid."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data import pixels
from vae.elbo import Terms, kl_to_prior
from vae.inputs import as_stored
from vae.model import VAE, Posterior

LAYOUTS = ("linear", "quantile")
BATCH = 128
"""Images at a time: what fits into a processor's caches is up to twice as fast for `conv` as a thousand at once."""

BATCH_ON_GPU = 2048
"""There every batch costs the time to start it."""


def batch_for(device: torch.device) -> int:
    """How many images or z to take at a time on a device."""
    return BATCH_ON_GPU if device.type == "cuda" else BATCH


@dataclass(frozen=True)
class Codes:
    """The posteriors of N images and their terms, the reconstruction estimated with one sample of z per image."""

    posterior: Posterior
    terms: Terms

    def first(self, count: int) -> Codes:
        """The codes of the first `count` images."""
        posterior = Posterior(self.posterior.mean[:count], self.posterior.log_variance[:count])
        return Codes(posterior, Terms(self.terms.reconstruction[:count], self.terms.kl[:count]))


def with_channels_last(model: VAE) -> VAE:
    """The model as it decodes many z soonest: convolutions on the CPU are nearly twice as fast with the channels last."""
    return copy.deepcopy(model).to(memory_format=torch.channels_last) if model.device.type == "cpu" else model


@torch.no_grad()
def encode_images(model: VAE, images: Tensor, seed: int = 0, batch: int | None = None) -> Codes:
    """Codes of uint8 images (N, C, H, W), a batch at a time.

    The one sample of z per image is drawn from `seed`, so that two calls differ by the model alone. The KL term is exact.
    Raises `InputError` on images of another shape or type.
    """
    images, generator = as_stored(images), torch.Generator(device=model.device).manual_seed(seed)
    means, log_variances, reconstructions = [], [], []
    for part in images.split(batch or batch_for(model.device)):
        x = pixels(part.to(model.device))
        posterior = model.encode(x)
        epsilon = torch.randn(posterior.mean.shape, generator=generator, device=model.device)
        parameters = model.decode_parameters(posterior.sample(epsilon))
        means.append(posterior.mean)
        log_variances.append(posterior.log_variance)
        reconstructions.append(model.likelihood.log_prob(parameters, x))
    posterior = Posterior(torch.cat(means), torch.cat(log_variances))
    return Codes(posterior, Terms(torch.cat(reconstructions), kl_to_prior(posterior)))


@dataclass(frozen=True)
class Grid:
    """A square of decoded cells: cell (row, column) is decoded at z = (z1[column], z2[row]), rows bottom to top."""

    z1: Tensor
    z2: Tensor

    def points(self) -> Tensor:
        """z of all cells, (rows * columns, 2), the bottom row first, each row left to right."""
        z2, z1 = torch.meshgrid(self.z2, self.z1, indexing="ij")
        return torch.stack([z1.flatten(), z2.flatten()], 1)


def make_grid(size: int, extent: float = 3.0, layout: str = "linear") -> Grid:
    """A grid of `size` x `size` cells.

    `linear`: the cells tile the square from -extent to extent, each decoded at its centre. `quantile`: cell i lies at
    the prior's quantile (i + 1/2) / size, so that every cell stands for the same share of N(0, I); extent plays no part.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; choose one of {LAYOUTS}")
    shares = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    values = torch.special.ndtri(shares) if layout == "quantile" else (2 * shares - 1) * extent
    return Grid(values.float(), values.float())


@torch.no_grad()
def decode_points(model: VAE, z: Tensor, batch: int | None = None) -> Tensor:
    """Mean pixels of z (N, D) as uint8 images (N, C, H, W) on the CPU, a batch at a time."""
    parts = [to_uint8(model.decode(part.to(model.device))) for part in z.split(batch or batch_for(model.device))]
    return torch.cat(parts).cpu()


def to_uint8(images: Tensor) -> Tensor:
    """Pixel values in [0, 1] rounded to the nearest of 0 .. 255."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8)


def tile(images: Tensor, columns: int) -> Tensor:
    """One picture (rows * H, columns * W) of images (rows * columns, 1, H, W), whose first row comes out at the bottom."""
    count, _, height, width = images.shape
    rows = count // columns
    cells = images.view(rows, columns, height, width).flip(0)
    return cells.permute(0, 2, 1, 3).reshape(rows * height, columns * width)
