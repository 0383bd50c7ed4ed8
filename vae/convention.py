"""Any picture, drawn or uploaded, in the convention of a data set: where its images have their content, and how large.

A model knows only pictures like those it was trained on, so a picture of one's own has to be cut out, scaled and placed
as the data set's authors did it with theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage
from torch import Tensor

from vae.errors import ExplorerError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
MOST_MEGABYTES = 20
MOST_MEGAPIXELS = 25
FEWEST_PIXELS = 4
LONGEST_SIDE = 512
"""Larger pictures are shrunk to this: enough for 28 x 28, and the grain of paper and camera averages out."""

LEAST_CONTRAST = 12
"""Grey levels between paper and ink below which a picture is taken for blank."""

SIZE = 28
NOTHING = "Nothing stands out from the picture's background; draw something or choose one with more contrast."


class PictureError(ExplorerError):
    """A picture cannot be used."""


@dataclass(frozen=True)
class Convention:
    """How a data set places its content in 28 x 28 pixels.

    The content fits into a square of `box` pixels; "mass" or "bounds" of it is in the middle. With `cells`, it is known
    only as the averages over `cells` x `cells` parts of that square.
    """

    box: int
    centred_by: str
    cells: int | None = None


CONVENTIONS = {
    "mnist": Convention(20, "mass"),
    "digits": Convention(20, "bounds", cells=8),
    "fashion-mnist": Convention(28, "bounds"),
    "kmnist": Convention(28, "bounds"),
}


def read_picture(content: bytes) -> np.ndarray:
    """The bytes of an image file as grey levels (H, W), uint8, with the ink at 255 and the paper at 0.

    Whatever differs from the border is ink, be it darker or lighter. At most 512 pixels a side are kept. Raises
    `PictureError`, before any pixel is decoded where the header tells, when the picture cannot be used.
    """
    if not content:
        raise PictureError("The picture is empty (0 bytes); choose another file or draw one.")
    if len(content) > MOST_MEGABYTES * 1_000_000:
        raise PictureError(
            f"The picture has {len(content) / 1e6:.0f} MB and at most {MOST_MEGABYTES} MB are read; save it smaller and "
            f"try again."
        )
    try:
        picture = Image.open(BytesIO(content), formats=FORMATS)
        _check_header(picture)
        grey = _grey_levels(picture)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"The picture has far more than the {MOST_MEGAPIXELS} million pixels that are read; save it smaller and try again."
        ) from error
    except Image.UnidentifiedImageError as error:
        raise PictureError(f"The file is no picture that can be read; choose one of the kinds {', '.join(FORMATS)}.") from error
    except Exception as error:  # damaged files make decoders raise nearly anything
        raise PictureError(
            "The picture is damaged or incomplete; save it again, for instance as PNG, and try again."
        ) from error
    return _ink(grey)


def to_convention(picture: np.ndarray, dataset: str) -> Tensor:
    """The picture (H, W), uint8 ink on 0, as an image (1, 1, 28, 28), uint8, that `dataset` could have.

    Raises `PictureError` when there is no ink, or so little that none is left in so few pixels.
    """
    convention = CONVENTIONS[dataset]
    content = _cut_out(picture)
    if convention.cells:
        fitted = _enlarge(_averages(content, convention.cells), convention.box)
    else:
        fitted = _fit(content, convention.box)
    if fitted.max() < LEAST_CONTRAST:  # a few specks, far apart
        raise PictureError(NOTHING)
    top, left = (_offset(fitted, axis, convention.centred_by) for axis in (0, 1))
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return torch.from_numpy(image)[None, None]


def _check_header(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MOST_MEGAPIXELS * 1_000_000:
        raise PictureError(
            f"The picture has {width} x {height} pixels and at most {MOST_MEGAPIXELS} million are read; save it smaller and "
            f"try again."
        )
    if min(width, height) < FEWEST_PIXELS:
        raise PictureError(
            f"The picture has {width} x {height} pixels and at least {FEWEST_PIXELS} x {FEWEST_PIXELS} are needed; choose a "
            f"larger one."
        )
    # Phones save photographs as JPEG with a preview (MPO); that is no second picture.
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        raise PictureError("The picture is animated or has several pages; choose one with a single image.")


def _grey_levels(picture: Image.Image) -> np.ndarray:
    """Grey levels (H, W), float32 in [0, 255], upright, without transparency, at most `LONGEST_SIDE` a side."""
    picture = _without_colour(ImageOps.exif_transpose(picture))
    scale = LONGEST_SIDE / max(picture.size)
    if scale < 1:
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.BOX)
    if picture.mode == "LA":
        return _on_paper(*(np.asarray(band, np.float32) for band in picture.split()))
    return np.asarray(picture, np.float32)


def _without_colour(picture: Image.Image) -> Image.Image:
    """The picture with only its lightness, and its opacity if it has any: mode L, LA, or F with values in [0, 255]."""
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel, of whatever range
        levels = np.nan_to_num(np.asarray(picture, np.float32), posinf=0, neginf=0)
        levels = levels - levels.min()
        return Image.fromarray(levels * (255 / max(float(levels.max()), 1e-30)))
    if "a" in picture.mode.lower() or "transparency" in picture.info:
        return picture.convert("RGBA").convert("LA")
    return picture.convert("L")


def _on_paper(grey: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Grey levels and opacity (H, W), both in [0, 255], on the paper that they were made for.

    A border that can be seen is the paper. Else all that can be seen is ink: dark ink is for white paper, light for black.
    """
    opacity = alpha / 255
    border = _border(opacity) > 0.5
    if border.mean() > 0.5:
        paper = float(np.median(_border(grey)[border]))
    else:
        paper = 255 if (grey * opacity).sum() < 127.5 * opacity.sum() else 0
    return paper + opacity * (grey - paper)


def _ink(grey: np.ndarray) -> np.ndarray:
    """Grey levels (H, W) as ink (H, W), uint8: the distance from the paper, to whichever side the content is."""
    level = float(np.median(_border(grey)))
    contrast = max(level - grey.min(), grey.max() - level)
    distance = grey - _paper(grey, level, contrast)
    if level > (grey.min() + grey.max()) / 2:
        distance = -distance
    grain = 4 * float(np.median(np.abs(_border(distance))))  # 0 for a flawless ground
    ink = _without_specks((distance - grain).clip(0))
    full = float(np.percentile(ink[ink >= ink.max() / 2], 98))
    if full < max(LEAST_CONTRAST, grain):
        return np.zeros(grey.shape, np.uint8)
    return (ink / full * 255).clip(0, 255).round().astype(np.uint8)


def _border(grey: np.ndarray) -> np.ndarray:
    """The outermost pixels of (H, W), in one row."""
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def _paper(grey: np.ndarray, level: float, contrast: float) -> np.ndarray:
    """The level of the paper (H, W), bilinear between the four corners: one side of a photograph is often darker.

    A corner far from the border's median shows ink and counts as the median.
    """
    height, width = grey.shape
    y, x = max(1, height // 8), max(1, width // 8)
    corners = [
        [np.median(grey[rows, columns]) for columns in (slice(x), slice(-x, None))] for rows in (slice(y), slice(-y, None))
    ]
    corners = np.where(np.abs(np.array(corners) - level) < contrast / 3, corners, level)
    down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)
    top, bottom = (left + across * (right - left) for left, right in corners)
    return top + down * (bottom - top)


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) without what stands apart and has less than a fiftieth of it all, such as dust and grain."""
    parts, count = ndimage.label(ink > 0.15 * ink.max(), structure=np.ones((3, 3)))
    masses = ndimage.sum_labels(ink, parts, np.arange(count + 1))
    masses[0] = 0  # the paper's
    kept = (masses > masses.sum() / 50)[parts]
    return ink * ndimage.binary_dilation(kept, np.ones((3, 3)))  # with one pixel of soft edge


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
    """`cells` enlarged to (box, box) just as the data set was; see `vae.data`."""
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
