"""Images bent a little at random, for an encoder to learn from.

An encoder that sees the same images again and again learns them by heart: its posteriors are too narrow, and beside the
true ones, for images it has not seen. A bent image need not be one the data set would hold, and it can teach the encoder
all the same: for any image whatever, the ELBO is highest in q where q is closest to the true posterior.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ANGLE, STRETCH, SHEAR, SHIFT, BEND = 0.1, 0.06, 0.08, 0.5, 0.5
"""Standard deviations: radians; logarithm of the scale along either axis; slant; pixels; pixels."""

KNOTS = 5
"""A bend is a smooth field through `KNOTS` x `KNOTS` random displacements."""

NUMBERS = 7 + 2 * KNOTS**2
"""How many random numbers decide how one image is warped."""


def warp(images: Tensor, numbers: Tensor, strength: float = 1.0) -> Tensor:
    """`images` (N, C, H, W) in [0, 1], each turned, stretched, slanted, shifted and bent by standard normal `numbers`.

    `numbers` are (N, NUMBERS). The first one says how much, uniformly from 0 to `strength`, which multiplies all standard
    deviations: many images stay close to what they were. Pixels from outside are 0.
    """
    if not len(images):
        return images  # a process's share of a small batch may be empty, which grid_sample refuses
    height, width = images.shape[2:]
    much = strength * torch.special.ndtr(numbers[:, :1])
    angle, shear, right, down, across, along = (much * numbers[:, 1:7]).unbind(1)
    angle, shear = ANGLE * angle, SHEAR * shear
    wide, high = (STRETCH * across).exp(), (STRETCH * along).exp()
    cos, sin = angle.cos(), angle.sin()
    # The picture is 2 wide and 2 high in affine_grid's terms.
    rows = [
        torch.stack([cos * wide, (shear * cos - sin) * high, SHIFT * 2 / width * right], 1),
        torch.stack([sin * wide, (shear * sin + cos) * high, SHIFT * 2 / height * down], 1),
    ]
    places = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, places + _bend(much * numbers[:, 7:], height, width), align_corners=False)


def _bend(numbers: Tensor, height: int, width: int) -> Tensor:
    """Displacements (N, H, W, 2) to the right and downwards, in affine_grid's terms."""
    knots = BEND * numbers.view(-1, 2, KNOTS, KNOTS)
    field = functional.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
    return torch.stack([field[:, 0] * (2 / width), field[:, 1] * (2 / height)], 3)
