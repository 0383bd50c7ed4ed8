"""The interpolation between two latent points, decoded, beside the cross-fade of the two images at its ends."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from vae.data.datasets import to_uint8
from vae.latent.grid import tile
from vae.model.autoencoder import VAE

TILE_GAP = 1
"""Black pixels of an image's size between two images of the strip."""
ROW_GAP = 4
"""Black pixels of an image's size between what the line passes through and the cross-fade."""
HUNDREDTHS_PER_FRAME = 4
"""How long the animation shows an image: 25 a second."""


@dataclass(frozen=True)
class Interpolation:
    """S places z (S, D) from one latent point to another, as uint8 images (S, 1, 28, 28) of two kinds.

    `decoded`: the mean pixels decoded at each z. `faded`: the first and the last of these, mixed pixel by pixel.
    """

    z: Tensor
    decoded: Tensor
    faded: Tensor


@torch.no_grad()
def interpolate(model: VAE, start: Tensor, end: Tensor, steps: int = 49) -> Interpolation:
    """The straight line z(t) = (1 - t) start + t end, t from 0 to 1 in `steps` places; start and end are (D,).

    faded(t) = (1 - t) decode(start) + t decode(end), rounded only afterwards. Raises `ValueError` below two steps.
    """
    if steps < 2:
        raise ValueError(f"steps is {steps}; a road has two ends, so ask for at least 2")
    t = torch.linspace(0, 1, steps).view(-1, 1)
    z = torch.lerp(start.cpu(), end.cpu(), t)
    means = model.decode(z.to(model.device)).cpu()  # all in one batch, so that both kinds agree to the last bit at the ends
    return Interpolation(z, to_uint8(means), to_uint8(torch.lerp(means[0], means[-1], t.view(-1, 1, 1, 1))))


def strip(interpolation: Interpolation, count: int = 11, scale: int = 4) -> np.ndarray:
    """One grey picture, uint8: above, `count` evenly spread decoded images; below, the cross-fade at the same places."""
    places = torch.linspace(0, len(interpolation.z) - 1, count).round().long()
    images = torch.cat([interpolation.faded[places], interpolation.decoded[places]])  # `tile` puts the first row at the bottom
    picture = tile(pad(images, (0, TILE_GAP, 0, ROW_GAP)), count)[:-ROW_GAP, :-TILE_GAP]
    return _enlarge(picture.numpy(), scale)


def png(interpolation: Interpolation) -> bytes:
    """The strip as a PNG to keep."""
    content = io.BytesIO()
    Image.fromarray(strip(interpolation, scale=10)).save(content, "PNG")
    return content.getvalue()


def gif(interpolation: Interpolation, scale: int = 8) -> bytes:
    """An endless animation, there and back: along the line on the left, the cross-fade on the right.

    The frames are the S places and the S - 2 between the ends on the way back; equal neighbours become one, shown longer.
    """
    images = torch.cat([pad(interpolation.decoded, (0, ROW_GAP)), interpolation.faded], 3)[
        :, 0
    ].numpy()  # (S, 28, 28 + ROW_GAP + 28)
    there_and_back = [*images, *images[-2:0:-1]]
    first, *others = (Image.fromarray(_enlarge(image, scale)) for image in there_and_back)
    content = io.BytesIO()
    milliseconds = 10 * HUNDREDTHS_PER_FRAME
    first.save(content, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0, optimize=False)
    return content.getvalue()


def _enlarge(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Each pixel of (H, W) as a square of scale x scale."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
