"""The sheet that is written on: paper on a table, a black canvas in a light page, the inside of a form's box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

LEAST_CONTRAST = 12
"""Grey levels between paper and ink below which a picture is taken for blank."""

REDUCED = 160
"""Pixels of the longer side of the copy on which a sheet is looked for."""

DEEPEST = 4
"""Sheets within sheets: a box on a paper on a table in a page."""

SMALLEST, LARGEST = 0.02, 0.96
"""Shares of a region that a sheet within it has, to be one and not the region itself."""

LEAST_WITHIN = 0.003
"""The share of a sheet that has to be something else than sheet, so that there is a point in it."""

AROUND = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Region:
    """A part of a picture: rows, columns, and which of their pixels belong to it (H, W)."""

    rows: slice
    columns: slice
    mask: np.ndarray


def find_sheet(picture: np.ndarray) -> Region:
    """The innermost four-sided region with sharp edges and something in it, else the whole picture."""
    region = whole_of(picture)
    for _ in range(DEEPEST):
        inner = _sheet_within(picture, region)
        if inner is None:
            break
        region = inner
    return region


def whole_of(picture: np.ndarray) -> Region:
    height, width = picture.shape[:2]
    return Region(slice(0, height), slice(0, width), np.ones((height, width), bool))


def _sheet_within(picture: np.ndarray, region: Region) -> Region | None:
    """The largest sheet that lies in a region and is not the region itself."""
    colours = picture[region.rows, region.columns].astype(np.float64)
    shrunk = min(1.0, REDUCED / max(region.mask.shape))
    height, width = (max(1, round(side * shrunk)) for side in region.mask.shape)
    mask = same_size(region.mask, width, height)
    small = averaged(colours, width, height)
    grey = small - np.median(small[mask], 0)
    grey = grey @ main_direction(grey[mask])
    if np.ptp(grey[mask]) < LEAST_CONTRAST:
        return None
    bright = grey > otsu(grey[mask])
    sheets = [part for kind in (bright & mask, ~bright & mask) for part in _sheets(kind, grey, mask)]
    if not sheets:
        return None
    best = max(sheets, key=np.count_nonzero)
    return _cut(region, same_size(best, *region.mask.shape[::-1]), shrunk)


def _sheets(kind: np.ndarray, grey: np.ndarray, mask: np.ndarray) -> Iterator[np.ndarray]:
    """The connected parts of one kind (H, W) that are sheets, with what lies on them."""
    parts, count = ndimage.label(kind)
    for number in 1 + np.flatnonzero(np.bincount(parts.ravel(), minlength=count + 1)[1:] > SMALLEST * mask.size):
        part = parts == number
        filled = ndimage.binary_fill_holes(part)
        within = ndimage.binary_erosion(filled, AROUND) & ~part
        area = np.count_nonzero(filled)
        mostly_sheet = np.count_nonzero(part) >= 0.5 * area and area <= LARGEST * np.count_nonzero(mask)
        holds_something = np.count_nonzero(within) >= LEAST_WITHIN * area
        if mostly_sheet and holds_something and is_four_sided(filled) and _sharpness(grey, filled, mask) >= 0.5:
            yield filled


def _cut(region: Region, sheet: np.ndarray, shrunk: float) -> Region | None:
    """A sheet (H, W) in a region as a region of the picture, without its edge, which was only seen on a copy."""
    edge = max(1, round(0.012 * min(np.ptp(np.flatnonzero(sheet.any(axis))) for axis in (0, 1)))) + round(0.8 / shrunk)
    inner = ndimage.binary_erosion(sheet, AROUND, edge) & region.mask
    if not inner.any():
        return None
    rows, columns = ndimage.find_objects(inner.astype(np.uint8))[0]
    return Region(_within(region.rows, rows), _within(region.columns, columns), inner[rows, columns])


def _within(outer: slice, inner: slice) -> slice:
    return slice(outer.start + inner.start, outer.start + inner.stop)


def is_four_sided(part: np.ndarray) -> bool:
    """Whether a part (H, W) covers the same as the quadrangle of its extremes along the diagonals."""
    y, x = part.nonzero()
    corners = [(x[i], y[i]) for i in ((x + y).argmin(), (x - y).argmax(), (x + y).argmax(), (x - y).argmin())]
    canvas = Image.new("1", part.shape[::-1])
    ImageDraw.Draw(canvas).polygon([(int(a), int(b)) for a, b in corners], 1)
    quadrangle = np.asarray(canvas)
    return (part & quadrangle).sum() > 0.88 * (part | quadrangle).sum()


def _sharpness(grey: np.ndarray, part: np.ndarray, mask: np.ndarray) -> float:
    """How much of the difference between a part and what is around it lies within three pixels of its edge."""
    shell = ~ndimage.binary_erosion(part, AROUND, 3, border_value=1)
    inside = shell & ndimage.binary_erosion(part, AROUND, border_value=1)
    outside = ndimage.binary_dilation(part, AROUND, 4) & ~ndimage.binary_dilation(part, AROUND, 1) & mask
    beyond = ~part & mask
    if not inside.any() or not outside.any():
        return 0.0
    whole = np.median(grey[part]) - np.median(grey[beyond])
    return float((np.median(grey[inside]) - np.median(grey[outside])) / whole) if whole else 0.0


def averaged(colours: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, C) averaged down to (height, width, C)."""
    bands = (Image.fromarray(band.astype(np.float32)) for band in np.moveaxis(colours, 2, 0))
    return np.stack([np.asarray(band.resize((width, height), Image.Resampling.BOX), np.float64) for band in bands], 2)


def same_size(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask (H, W) as large as another picture, (height, width)."""
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def otsu(values: np.ndarray) -> float:
    """The threshold that parts values into two classes with the least variance within them (Otsu 1979)."""
    if np.ptp(values) < 1e-6:
        return float(values.min()) - 1
    counts, edges = np.histogram(values, 128)
    centres = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * centres).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(between[:-1])])


def main_direction(differences: np.ndarray) -> np.ndarray:
    """The direction of colour (3,) in which differences (N, 3) are largest, scaled so that greys keep their levels."""
    _, vectors = np.linalg.eigh(differences.T @ differences)
    direction = vectors[:, -1]
    return direction * (1 if direction.sum() >= 0 else -1) / np.sqrt(3)
