"""Pixels made black or white, so that a Bernoulli log p(x) is a true log-probability of an image."""

from __future__ import annotations

import torch
from torch import Tensor

WAYS = ("threshold", "random")
IMAGES_AT_A_TIME = 1_000


def binarised(x: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """x in [0, 1] with every pixel 0 or 1, of the same shape.

    `threshold`: 1 from a half upwards. `random`: 1 with the pixel's value as its probability, drawn from `generator`.
    """
    if how not in WAYS:
        raise ValueError(f"how is {how!r}; choose one of {WAYS}")
    if how == "threshold":
        return (x >= 0.5).to(x)
    return (torch.rand(x.shape, generator=generator, device=generator.device).to(x) < x).to(x)


def binarised_by(x: Tensor, noise: Tensor) -> Tensor:
    """x in [0, 1] with every pixel 1 with its value as its probability, as standard normal `noise` of its shape decides."""
    return (torch.special.ndtr(noise) < x).to(x)


def binarised_once(images: Tensor, seed: int = 0) -> Tensor:
    """uint8 images (N, C, H, W) with every pixel 0 or 255, at random by its grey value.

    The same seed and the same images give the same pixels; images that are black or white already stay as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = [binarised(part.cpu() / 255, "random", generator) for part in images.split(IMAGES_AT_A_TIME)]
    return (255 * torch.cat(parts)).to(images)
