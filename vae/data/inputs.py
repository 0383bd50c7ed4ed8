"""What a caller may hand in: images to compute with, images as data sets keep them, and codes. Checked here, once.

A wrong shape broadcasts and a wrong range has a likelihood too, so a mistake comes out as a number that looks like a result.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vae.device import moved
from vae.errors import ExplorerError

IMAGE_SHAPE = (1, 28, 28)
"""Channels, height and width of every image, of every data set."""

ROUNDING = 1e-4
"""How far a pixel may lie outside [0, 1]: what is left of rounding where an image was scaled there and back."""


class InputError(ExplorerError):
    """Images or codes have a shape, type or range that cannot be meant."""


def as_pixels(images: Tensor | np.ndarray, like: Tensor) -> Tensor:
    """Images (N, C, H, W) in [0, 1], a tensor or an array, in the precision of a tensor `like` which they go with, where it is.

    Raises `InputError` on another shape, type or range. That waits for the device.
    """
    images = _tensor(images, "The images are")
    if not images.is_floating_point() and images.dtype != torch.bool:
        raise InputError(
            f"The images are of type {_name(images)}; expected pixel values in [0, 1]: of bytes, "
            "vae.data.datasets.pixels(images) makes them."
        )
    _check_image_shape(images)
    if images.numel() and images.is_floating_point():
        _check_range(*(value.item() for value in images.aminmax()))
    return moved(images, like)


def as_one(images: Tensor) -> Tensor:
    """The one image of (1, C, H, W). Raises `InputError` where there are more or none."""
    if len(images) != 1:
        raise InputError(f"There are {len(images)} images; expected one at a time, such as images[:1].")
    return images


def as_bytes(images: Tensor | np.ndarray) -> Tensor:
    """Images of any shape as bytes from 0 to 255, a tensor or an array. Raises `InputError` on another type."""
    images = _tensor(images, "The images are")
    if images.dtype != torch.uint8:
        raise InputError(
            f"The images are of type {_name(images)}; expected bytes from 0 to 255: of pixel values in [0, 1], "
            "vae.data.datasets.to_uint8(images) makes them."
        )
    return images


def as_stored(images: Tensor | np.ndarray) -> Tensor:
    """Images (N, C, H, W) as data sets keep them, bytes, a tensor or an array. Raises `InputError` on another shape or type."""
    images = as_bytes(images)
    _check_image_shape(images)
    return images


def as_labels(labels: Tensor | np.ndarray, images: Tensor) -> Tensor:
    """Class indices (N,) of N `images`, int64, a tensor or an array. Raises `InputError` on another shape or type."""
    labels = _tensor(labels, "The labels are")
    if labels.is_floating_point() or labels.is_complex() or labels.shape != images.shape[:1]:
        raise InputError(
            f"The labels are of type {_name(labels)} and have the shape {tuple(labels.shape)}; expected one whole number for "
            f"each of the {len(images)} images."
        )
    return labels.long()


def as_codes(z: Tensor | np.ndarray, latent: int, like: Tensor) -> Tensor:
    """z (N, D) for D = `latent`, a tensor or an array, in the precision of a tensor `like` which it goes with, where it is.

    Raises `InputError` on another shape or type.
    """
    z = _tensor(z, "z is")
    if not z.is_floating_point():
        raise InputError(f"z is of type {_name(z)}; expected floating-point numbers: z.float() makes them.")
    if z.dim() != 2 or z.shape[1] != latent:
        advice = ": add an axis by z[None]" if z.shape == (latent,) else ""
        raise InputError(f"z has the shape {tuple(z.shape)}; expected (N, {latent}), for this model's latent space{advice}.")
    return moved(z, like)


def _tensor(values: object, what: str) -> Tensor:
    if isinstance(values, Tensor):
        return values
    if not isinstance(values, np.ndarray):
        raise InputError(f"{what} of type {type(values).__name__}; expected a tensor or an array.")
    try:
        return torch.tensor(np.ascontiguousarray(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"An array of {values.dtype} is no tensor; convert it, as by array.astype('float32').") from error


def _name(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def _check_image_shape(images: Tensor) -> None:
    shape = tuple(images.shape)
    if shape[1:] != IMAGE_SHAPE:
        expected = ", ".join(map(str, IMAGE_SHAPE))
        raise InputError(f"The images have the shape {shape}; expected (N, {expected}){_advice(shape)}.")


def _advice(shape: tuple[int, ...]) -> str:
    """How images of another shape may become what is expected, where it is plain."""
    _, height, width = IMAGE_SHAPE
    if len(shape) == 3 and shape[1:] == (height, width):
        return ": add a channel axis by images[:, None]"
    if shape == (height, width):
        return ": add axes for the image and its channel by images[None, None]"
    if shape[1:] in ((height * width,), (height, width, 1)) or shape == (height * width,):
        return f": lay them out by images.reshape(-1, 1, {height}, {width})"
    return ": models take grey images of this size alone"


def _check_range(low: float, high: float) -> None:
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("The images hold pixel values that are not finite (NaN or infinite); expected [0, 1]: repair them.")
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return
    if low >= 0:
        advice = "divide by 255" if 16 < high <= 255 else "divide by the value that stands for white"
    else:
        advice = "undo what standardised them, such as images * std + mean"
    raise InputError(f"The images have pixel values from {low:.4g} to {high:.4g}; expected [0, 1]: {advice}.")
