"""Ink in the convention of a data set: where its images have their content, how large, and how thick its strokes are.

A model knows only pictures like those it was trained on, so a picture of one's own has to be cut out, scaled and placed
as the data set's authors did it with theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from vae.data.ink import find_ink
from vae.data.inputs import IMAGE_SHAPE
from vae.data.picture_files import PictureError
from vae.data.sheet import LEAST_CONTRAST

SIZE = IMAGE_SHAPE[1]
NOTHING = "Nothing stands out from the picture's background; draw something or choose one with more contrast."


@dataclass(frozen=True)
class Preprocessing:
    """How a data set places its content in 28 x 28 pixels.

    The content fits into a square of `box` pixels; "mass" or "bounds" of it is in the middle. With `cells`, it is known
    only as the averages over `cells` x `cells` parts of that square. It is `written` or a thing; `strokes` are the least
    and the greatest usual thickness, in pixels, by `thickness`.
    """

    box: int
    centred_by: str
    cells: int | None = None
    written: bool = True
    strokes: tuple[float, float] | None = None


PREPROCESSING = {
    "mnist": Preprocessing(20, "mass", strokes=(1.7, 4.3)),
    "digits": Preprocessing(20, "bounds", cells=8, strokes=(2.0, 5.1)),
    "fashion-mnist": Preprocessing(SIZE, "bounds", written=False),
    "kmnist": Preprocessing(SIZE, "bounds"),
}
CORNERS = [0, 0, -1, -1], [0, -1, 0, -1]


@dataclass(frozen=True)
class Found:
    """What was found in a picture: its ink (H, W), uint8, and the image (1, 1, 28, 28), uint8, that was made of it."""

    ink: np.ndarray
    image: Tensor


def find_image(picture: np.ndarray, dataset: str, opposite: bool = False) -> Found:
    """A picture (H, W, 3), uint8, as an image that `dataset` could have.

    A picture that has the form of one of its images already, such as one saved from the explorer, stays what it is.
    `opposite` looks for what is lighter than the paper where darker would have been found, and the other way round. Raises
    `PictureError` when nothing is found.
    """
    preprocessing = PREPROCESSING[dataset]
    if not opposite and (levels := _levels_of_image(picture, preprocessing)) is not None:
        return Found(picture[..., 0], torch.from_numpy(levels)[None, None])
    ink = find_ink(picture, preprocessing.written, opposite)
    return Found(ink, to_convention(with_usual_strokes(ink, dataset), dataset))


def _levels_of_image(picture: np.ndarray, preprocessing: Preprocessing) -> np.ndarray | None:
    """The levels (28, 28) of a picture made of 28 x 28 grey squares, ink on black or on white, in its place; else None."""
    height, width = picture.shape[:2]
    if height != width or height % SIZE or np.ptp(picture, 2).max() > 2:
        return None
    squares = picture[..., 0].reshape(SIZE, height // SIZE, SIZE, width // SIZE).astype(np.float64)
    levels = squares.mean((1, 3))
    ink = levels if levels[CORNERS].mean() < 128 else 255 - levels
    if np.percentile(np.abs(squares - levels[:, None, :, None]), 99) > 8 or ink.max() < LEAST_CONTRAST:
        return None
    if ink[CORNERS].max() >= LEAST_CONTRAST:
        return None
    in_place = np.abs(np.array(ndimage.center_of_mass(ink)) - SIZE / 2).max() < 1.5
    return ink.round().astype(np.uint8) if in_place or preprocessing.centred_by == "bounds" else None


def to_convention(ink: np.ndarray, dataset: str) -> Tensor:
    """The ink of a picture (H, W), uint8, 0 where there is none, as an image (1, 1, 28, 28), uint8, that `dataset` could have.

    Raises `PictureError` when there is no ink, or so little that none is left in so few pixels.
    """
    preprocessing = PREPROCESSING[dataset]
    content = _cut_out(ink)
    if preprocessing.cells:
        fitted = _enlarge(_averages(content, preprocessing.cells), preprocessing.box)
    else:
        fitted = _fit(content, preprocessing.box)
    if fitted.max() < LEAST_CONTRAST:  # a few specks, far apart
        raise PictureError(NOTHING)
    top, left = (_offset(fitted, axis, preprocessing.centred_by) for axis in (0, 1))
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return torch.from_numpy(image)[None, None]


def thickness(within: np.ndarray) -> float:
    """The thickness of the strokes of a shape (H, W), bool, in pixels: four times the mean depth, as it is for a long bar."""
    depth = ndimage.distance_transform_edt(np.pad(within, 1))
    return 4 * float(depth[depth > 0].mean() - 0.5) if within.any() else 0.0


def with_usual_strokes(ink: np.ndarray, dataset: str) -> np.ndarray:
    """Ink (H, W), uint8, cut out and with strokes that are as thick as is usual once it fits into the data set's box.

    Strokes grow and shrink to both sides by the same, and so does the box of the content: with a thickness t and a length L,
    (t + d) box / (L + d) is to be the usual thickness. Raises `PictureError` when there is no ink.
    """
    content, preprocessing = _cut_out(ink), PREPROCESSING[dataset]
    length, within = max(content.shape), content > 127
    if preprocessing.strokes is None or length <= SIZE:  # it is as small as the data set's images
        return content
    box, (least, most) = preprocessing.box, preprocessing.strokes
    thick = max(thickness(within), 1.0)
    usual = float(np.clip(thick * box / length, least, most))
    more = (usual * length - thick * box) / (box - usual)
    if abs(more) < 0.5:
        return content
    room = int(np.ceil(max(more, 0) / 2)) + 1
    within = np.pad(within, room)
    depth = ndimage.distance_transform_edt(within) - ndimage.distance_transform_edt(~within)
    return ((depth + more / 2 + 0.5).clip(0, 1) * 255).round().astype(np.uint8)


def _cut_out(picture: np.ndarray) -> np.ndarray:
    """The smallest rectangle of the picture (H, W) with all its ink."""
    if not picture.any():
        raise PictureError(NOTHING)
    (top, bottom), (left, right) = (np.flatnonzero(picture.any(axis))[[0, -1]] for axis in (1, 0))
    return picture[top : bottom + 1, left : right + 1]


def _fit(content: np.ndarray, box: int) -> np.ndarray:
    """The content (H, W), scaled so that its longer side has `box` pixels; antialiased."""
    height, width = (max(1, round(side * box / max(content.shape))) for side in content.shape)
    return np.asarray(Image.fromarray(content).resize((width, height), Image.Resampling.HAMMING))


def _averages(content: np.ndarray, cells: int) -> np.ndarray:
    """The content (H, W) in the middle of a square, averaged over `cells` x `cells` parts of it."""
    side = max(content.shape)
    square = np.zeros((side, side), np.uint8)
    top, left = ((side - length) // 2 for length in content.shape)
    square[top : top + content.shape[0], left : left + content.shape[1]] = content
    return np.asarray(Image.fromarray(square).resize((cells, cells), Image.Resampling.BOX))


def _enlarge(cells: np.ndarray, box: int) -> np.ndarray:
    """`cells` enlarged to (box, box) just as the data set was; see `vae.data.datasets`."""
    values = torch.from_numpy(cells.astype(np.float32))[None, None]
    enlarged = torch.nn.functional.interpolate(values, size=(box, box), mode="bilinear", align_corners=False)
    return enlarged[0, 0].round().numpy().astype(np.uint8)


def _offset(content: np.ndarray, axis: int, centred_by: str) -> int:
    """Where the content (h, w) begins along an axis of 28 pixels; it never sticks out.

    MNIST has its centre of mass in the pixel with index 14, to within half a pixel, in every one of its images.
    """
    length = content.shape[axis]
    if centred_by == "bounds":
        return (SIZE - length) // 2
    mass = content.sum(1 - axis, dtype=np.float64)
    centre = (mass * np.arange(length)).sum() / mass.sum()
    return int(np.clip(round(SIZE / 2 - centre), 0, SIZE - length))
