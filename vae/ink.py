"""What is written in a picture: the ink, apart from paper, light, squares, boxes, and what else a photograph holds.

Only shape and contrast are looked at. A sheet of another level than its surroundings is found first (paper on a table, a black
canvas in a page). Its light is levelled by a smooth surface through its rim. Ink is then what is darker, or lighter, than the
paper, narrower than a third of the sheet, does not reach in from the border and encloses nothing that is ink itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

LEAST_CONTRAST = 12
"""Grey levels between paper and ink below which a picture is taken for blank."""

REDUCED = 160
"""Pixels of the longer side of the copy on which sheet and light are looked for."""

PASSES = 3
"""How often one looks again without what stood out and was no ink."""

AROUND = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Region:
    """A part of a picture: rows, columns, and which of their pixels belong to it (H, W)."""

    rows: slice
    columns: slice
    mask: np.ndarray


def find_ink(picture: np.ndarray, strokes: bool = True, opposite: bool = False) -> np.ndarray:
    """The ink in a picture (H, W, 3), uint8: (H, W), uint8, from 0 for paper to 255 for full ink; all 0 where there is none.

    With `strokes` it is lines that are looked for, such as of a digit, else a thing of any width. `opposite` takes what is
    lighter than the paper where darker would have been taken, and the other way round.
    """
    sheet = find_sheet(picture) if strokes else _whole(picture)
    part = picture[sheet.rows, sheet.columns].astype(np.float64)
    flawless = _is_flawless(part, sheet.mask)
    level = _levelled(part, sheet.mask, flawless)
    found = [_candidate(sign * level, sheet.mask, strokes, strokes and not flawless) for sign in (-1, 1)]
    best = int(found[1][1] > found[0][1]) ^ opposite
    ink = np.zeros(picture.shape[:2], np.uint8)
    ink[sheet.rows, sheet.columns] = found[best][0]
    return ink


# The sheet


def find_sheet(picture: np.ndarray) -> Region:
    """The innermost four-sided region with sharp edges and something in it, else the whole picture."""
    region = _whole(picture)
    for _ in range(4):
        inner = _sheet_within(picture, region)
        if inner is None:
            break
        region = inner
    return region


def _whole(picture: np.ndarray) -> Region:
    height, width = picture.shape[:2]
    return Region(slice(0, height), slice(0, width), np.ones((height, width), bool))


def _sheet_within(picture: np.ndarray, region: Region) -> Region | None:
    """The largest sheet that lies in a region and is not the region itself."""
    colours = picture[region.rows, region.columns].astype(np.float64)
    shrunk = min(1.0, REDUCED / max(colours.shape))
    height, width = (max(1, round(side * shrunk)) for side in colours.shape[:2])
    small = _resized(colours, width, height)
    mask = np.asarray(Image.fromarray(region.mask).resize((width, height), Image.Resampling.NEAREST))
    grey = _main_direction(small[mask] - np.median(small[mask], 0))
    grey = (small - np.median(small[mask], 0)) @ grey
    if np.ptp(grey[mask]) < LEAST_CONTRAST:
        return None
    bright = grey > otsu(grey[mask])
    best, most = None, 0.02 * mask.size
    for kind in (bright & mask, ~bright & mask):
        parts, count = ndimage.label(kind)
        for number in range(1, count + 1):
            part = parts == number
            if part.sum() <= most:
                continue
            filled = ndimage.binary_fill_holes(part)
            inside = ndimage.binary_erosion(filled, AROUND, 1) & ~part
            if part.sum() < 0.5 * filled.sum() or filled.sum() > 0.96 * mask.sum() or inside.sum() < 0.003 * filled.sum():
                continue
            if not _is_four_sided(filled) or _sharpness(grey, filled, mask) < 0.5:
                continue
            best, most = filled, part.sum()
    if best is None:
        return None
    full = np.asarray(Image.fromarray(best).resize((region.mask.shape[1], region.mask.shape[0]), Image.Resampling.NEAREST))
    edge = max(1, round(0.012 * min(np.ptp(np.flatnonzero(full.any(axis))) for axis in (0, 1)))) + round(0.8 / shrunk)
    full = ndimage.binary_erosion(full, AROUND, edge) & region.mask
    if not full.any():
        return None
    rows, columns = ndimage.find_objects(full.astype(np.uint8))[0]
    offset = lambda outer, inner: slice(outer.start + inner.start, outer.start + inner.stop)
    return Region(offset(region.rows, rows), offset(region.columns, columns), full[rows, columns])


def _is_four_sided(part: np.ndarray) -> bool:
    """Whether a part (H, W) covers the same as the quadrangle of its extremes along the diagonals."""
    y, x = part.nonzero()
    corners = [(x[i], y[i]) for i in ((x + y).argmin(), (x - y).argmax(), (x + y).argmax(), (x - y).argmin())]
    canvas = Image.new("1", part.shape[::-1])
    ImageDraw.Draw(canvas).polygon([(int(a), int(b)) for a, b in corners], 1)
    quadrangle = np.asarray(canvas)
    return (part & quadrangle).sum() > 0.88 * (part | quadrangle).sum()


def _sharpness(grey: np.ndarray, part: np.ndarray, mask: np.ndarray) -> float:
    """How much of the difference between a part and what is around it lies within three pixels of its edge."""
    inside = part & ~ndimage.binary_erosion(part, AROUND, 3, border_value=1) & ndimage.binary_erosion(part, AROUND, 1, border_value=1)
    outside = ndimage.binary_dilation(part, AROUND, 4) & ~ndimage.binary_dilation(part, AROUND, 1) & mask
    beyond = ~part & mask
    if not inside.any() or not outside.any():
        return 0.0
    whole = np.median(grey[part]) - np.median(grey[beyond])
    return float((np.median(grey[inside]) - np.median(grey[outside])) / whole) if whole else 0.0


def _resized(colours: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, C) averaged down to (height, width, C)."""
    bands = [Image.fromarray(band.astype(np.float32)).resize((width, height), Image.Resampling.BOX) for band in np.moveaxis(colours, 2, 0)]
    return np.stack([np.asarray(band, np.float64) for band in bands], 2)


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


# The paper's level


def _main_direction(differences: np.ndarray) -> np.ndarray:
    """The direction of colour (3,) in which differences (N, 3) are largest, scaled so that greys keep their levels."""
    _, vectors = np.linalg.eigh(differences.T @ differences)
    direction = vectors[:, -1]
    return direction * (1 if direction.sum() >= 0 else -1) / np.sqrt(3)


def _is_flawless(part: np.ndarray, mask: np.ndarray) -> bool:
    """Whether most of the rim of a part of a picture (H, W, 3) has one colour, as in no photograph."""
    rim = part[_rim(mask, 0.02)]
    return bool((np.abs(rim - np.median(rim, 0)).max(1) <= 1).mean() > 0.5)


def _rim(mask: np.ndarray, share: float) -> np.ndarray:
    """The outermost `share` of a mask (H, W), as a mask."""
    return mask & ~ndimage.binary_erosion(mask, AROUND, max(1, round(share * min(mask.shape))))


def _levelled(part: np.ndarray, mask: np.ndarray, flawless: bool) -> np.ndarray:
    """Grey levels (H, W) above or below the paper of a part of a picture (H, W, 3): 0 where the mask is not."""
    paper = np.median(part[_rim(mask, 0.02)], 0) if flawless else _surface(part, mask)
    usual = np.median(paper.reshape(-1, 3), 0)
    gain = np.where(usual > 64, usual / np.maximum(paper, 20), 1)
    difference = (part - paper) * gain * mask[..., None]
    return difference @ _main_direction(difference[mask])


def _surface(part: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The paper (H, W, 3) as a quadratic surface of each colour: through the rim, and then through all that is near it."""
    height, width = mask.shape
    shrunk = min(1.0, 80 / max(mask.shape))
    size = max(2, round(width * shrunk)), max(2, round(height * shrunk))
    small = _resized(part, *size)
    known = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    terms, used = _quadratic(*known.shape), _rim(known, 0.15)
    for turn in range(6):
        weights = np.ones(used.sum())
        for _ in range(8):
            root = np.sqrt(weights)[:, None]
            fitted = np.linalg.lstsq(terms[used] * root, small[used] * root, rcond=None)[0]
            error = np.abs(small - terms @ fitted).max(2)
            weights = 1 / np.maximum(error[used], 1)
        spread = max(3.0, 3 * 1.4826 * float(np.median(error[used])))
        used = known & (error < spread) if turn < 5 else used
    return _quadratic(height, width) @ fitted


def _quadratic(height: int, width: int) -> np.ndarray:
    """1, x, y, x^2, xy, y^2 at the pixels of a picture, (H, W, 6)."""
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / n * 2 - 1 for n in (height, width)), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 2)


# The ink


def _candidate(level: np.ndarray, mask: np.ndarray, strokes: bool, narrow: bool) -> tuple[np.ndarray, float]:
    """The ink (H, W), uint8, where it is what lies above the paper, and how much that is; all, or what is narrow."""
    none = np.zeros(level.shape, np.uint8), 0.0
    above = level - _without_narrow(level) if narrow else level.clip(0)
    above[~mask] = 0
    values = above[mask]
    noise = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    above = (above - np.median(values)).clip(0)
    least = max(LEAST_CONTRAST, 4 * noise)
    chosen, full = _chosen(above, least, mask, strokes, narrow)
    if not chosen.any():
        return none
    soft = ndimage.binary_dilation(chosen, AROUND, 2) & (above > 0.15 * full)
    soft = ndimage.binary_dilation(soft, AROUND)
    ink = (above / full * soft).clip(0, 1) * 255
    off = (np.array(ndimage.center_of_mass(chosen)) - ndimage.center_of_mass(mask)) / mask.shape
    weight = float((np.minimum(above, level.clip(0)) * chosen).sum() * np.exp(-4 * off @ off))
    return ink.round().astype(np.uint8), weight


def _chosen(above: np.ndarray, least: float, mask: np.ndarray, strokes: bool, narrow: bool) -> tuple[np.ndarray, float]:
    """Which pixels (H, W) are ink, and the level of full ink.

    What stands out most may be something else, a frame or a thumb: without it one looks again. Where nothing else is found, ink
    may reach the border.
    """
    rest, passed = above.copy(), 0.0
    for _ in range(PASSES):
        shape, full = _standing_out(rest, least)
        chosen = _choose(shape, rest, mask, strokes, narrow)
        if above[chosen].sum() > 0.02 * passed:
            return chosen, full
        passed += float(above[shape].sum())
        rest[ndimage.binary_dilation(shape, AROUND, 2)] = 0
    shape, full = _standing_out(above, least)
    return _choose(shape, above, mask, False, narrow), full


def _standing_out(above: np.ndarray, least: float) -> tuple[np.ndarray, float]:
    """What stands out (H, W), and the level at which it does."""
    values = above[above > least]
    if not len(values):
        return np.zeros(above.shape, bool), 0.0
    strong = otsu(values)
    seed = above > max(least, strong)
    full = float(np.median(above[seed]))
    return _hysteresis(above > max(least, 0.5 * full, 0.9 * strong), seed), full


def _without_narrow(level: np.ndarray) -> np.ndarray:
    """Levels (H, W) without what is lighter than its surroundings and narrower than a third of the picture; smooth."""
    height, width = level.shape
    shrunk = min(1.0, 96 / max(level.shape))
    size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
    small = np.asarray(Image.fromarray(level.astype(np.float32)).resize(size, Image.Resampling.BOX))
    window = max(3, round(min(size) / 3))
    opened = ndimage.grey_opening(small, (window, window), mode="nearest")
    opened = ndimage.uniform_filter(opened, 3, mode="nearest") if shrunk < 1 else opened
    return np.asarray(Image.fromarray(opened).resize((width, height), Image.Resampling.BILINEAR), np.float64)


def _hysteresis(wide: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The parts of `wide` (H, W) in which there is some of `seed`."""
    parts, count = ndimage.label(wide, AROUND)
    has = np.zeros(count + 1, bool)
    has[parts[seed]] = True
    has[0] = False
    return has[parts]


def _choose(shape: np.ndarray, above: np.ndarray, mask: np.ndarray, strokes: bool, narrow: bool) -> np.ndarray:
    """Of a shape (H, W) the parts that are the ink: the one that counts most, near the middle, and what belongs to it."""
    edge = _rim(mask, 0.012 if narrow else 0.004)
    if strokes:
        shape = _without_frames(shape, edge)
    parts, count = ndimage.label(shape, AROUND)
    if not count:
        return shape & False
    index = np.arange(1, count + 1)
    masses = ndimage.sum_labels(above, parts, index)
    boxes = ndimage.find_objects(parts)
    least = 0.035 * min(shape.shape)
    extents = np.array([max(s.stop - s.start for s in box) for box in boxes])
    masses[extents < least] *= 0.0
    touches = np.zeros(count + 1, bool)
    touches[parts[edge]] = True
    touching = touches[1:]
    if strokes or (masses * ~touching).sum() > 0.02 * masses.sum():
        masses = masses * ~touching
    if not masses.any():
        return shape & False
    middle = np.array(ndimage.center_of_mass(mask))
    centres = np.array(ndimage.center_of_mass(shape, parts, index)).reshape(-1, 2)
    distance = np.linalg.norm((centres - middle) / np.array(shape.shape), axis=1)
    main = int((masses * np.exp(-4 * distance**2)).argmax())
    keep = np.zeros(count + 1, bool)
    keep[main + 1] = True
    near = ndimage.distance_transform_edt(parts != main + 1)
    reach = 0.2 * extents[main]
    gaps = ndimage.minimum(near, parts, index)
    keep[1:] |= (gaps < reach) & (masses > masses[main] / 50)
    return keep[parts]


def _without_frames(shape: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """A shape (H, W) without lines that reach the edge or enclose other parts; what is thicker than those lines stays."""
    parts, count = ndimage.label(shape, AROUND)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    result = shape.copy()
    for number, box in enumerate(ndimage.find_objects(parts), 1):
        part = parts[box] == number
        if sizes[number] < 30:
            continue
        filled = ndimage.binary_fill_holes(part)
        enclosed = sizes_within = (parts[box] > 0) & filled & ~part
        frame = enclosed.sum() > 0.02 * part.sum() or (part.sum() < 0.5 * filled.sum() and _is_four_sided(filled))
        if not frame and not (part & edge[box]).any():
            continue
        padded = np.pad(part, 1)
        depth = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
        ridge = part & (depth >= ndimage.maximum_filter(depth, 3))
        thin = float(np.percentile(depth[ridge], 75)) + 1
        core = depth > thin
        kept = ndimage.distance_transform_edt(~core) <= thin if core.any() else core
        result[box] &= ~part | (kept & part)
    return result
