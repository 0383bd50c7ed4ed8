"""What is written in a picture: the ink, apart from paper, light, squares, boxes, and what else a photograph holds.

Only shape and contrast are looked at. A sheet of another level than its surroundings is found first (paper on a table, a black
canvas in a page). Its light is levelled by a smooth surface through its rim. Ink is then what is darker, or lighter, than the
paper, narrower than a third of the sheet, does not reach in from the border and encloses nothing that is ink itself.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from vae.data.sheet import (
    AROUND,
    LEAST_CONTRAST,
    averaged,
    find_sheet,
    is_four_sided,
    main_direction,
    otsu,
    same_size,
    whole_of,
)

PASSES = 3
"""How often one looks again without what stood out and was no ink."""

SHORTEST = 0.035
"""The length of a part, as a share of the picture's shorter side, below which it is dust."""

REACH = 0.2
"""How far from the main part others belong to it, such as the bar of a 5, as a share of its extent."""

LEAST_SHARE = 0.02
"""The share of the ink that a part has to have."""

THICKER = 1.6
"""How many times as thick as a line what hangs on it has to be, to be more than a bend of that line."""


def find_ink(picture: np.ndarray, strokes: bool = True, opposite: bool = False) -> np.ndarray:
    """The ink in a picture (H, W, 3), uint8: (H, W), uint8, from 0 for paper to 255 for full ink; all 0 where there is none.

    With `strokes` it is lines that are looked for, such as of a digit, else a thing of any width. `opposite` takes what is
    lighter than the paper where darker would have been taken, and the other way round.
    """
    sheet = find_sheet(picture) if strokes else whole_of(picture)
    part = picture[sheet.rows, sheet.columns].astype(np.float64)
    flawless = _is_flawless(part, sheet.mask)
    level = _levelled(part, sheet.mask, flawless)
    found = [_candidate(sign * level, sheet.mask, strokes, strokes and not flawless) for sign in (-1, 1)]
    best = int(found[1][1] > found[0][1]) ^ opposite
    ink = np.zeros(picture.shape[:2], np.uint8)
    ink[sheet.rows, sheet.columns] = found[best][0]
    return ink


# The paper's level


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
    return difference @ main_direction(difference[mask])


def _surface(part: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The paper (H, W, 3) as a quadratic surface of each colour: through the rim, and then through all that is near it."""
    height, width = mask.shape
    shrunk = min(1.0, 80 / max(mask.shape))
    size = max(2, round(width * shrunk)), max(2, round(height * shrunk))
    small = averaged(part, *size)
    known = same_size(mask, *size)
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
    offset = (np.array(ndimage.center_of_mass(chosen)) - ndimage.center_of_mass(mask)) / mask.shape
    weight = float((np.minimum(above, level.clip(0)) * chosen).sum() * _centrality(offset))
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
        if above[chosen].sum() > LEAST_SHARE * passed:
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
    index = np.arange(1, count + 1)
    masses = ndimage.sum_labels(above, parts, index)
    extents = np.array([max(side.stop - side.start for side in box) for box in ndimage.find_objects(parts)])
    masses[extents < SHORTEST * min(shape.shape)] = 0
    inside = ~np.isin(index, parts[edge])
    if strokes or (masses * inside).sum() > LEAST_SHARE * masses.sum():
        masses = masses * inside
    if not masses.any():
        return np.zeros(shape.shape, bool)
    centres = np.array(ndimage.center_of_mass(shape, parts, index)).reshape(-1, 2)
    offsets = (centres - ndimage.center_of_mass(mask)) / shape.shape
    main = int((masses * _centrality(offsets)).argmax())
    gaps = ndimage.minimum(ndimage.distance_transform_edt(parts != main + 1), parts, index)
    belongs = (gaps < REACH * extents[main]) & (masses > LEAST_SHARE * masses[main])
    return np.isin(parts, index[belongs])


def _centrality(offsets: np.ndarray) -> np.ndarray:
    """How much places count, by their distances from the middle (..., 2) in shares of the picture."""
    return np.exp(-4 * (offsets**2).sum(-1))


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
        enclosed = (parts[box] > 0) & filled & ~part
        frame = enclosed.sum() > 0.02 * part.sum() or (part.sum() < 0.5 * filled.sum() and is_four_sided(filled))
        if not frame and not (part & edge[box]).any():
            continue
        padded = np.pad(part, 1)
        depth = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
        ridge = part & (depth >= ndimage.maximum_filter(depth, 3))
        thin = float(np.percentile(depth[ridge], 75)) + 1
        core = depth > thin if depth.max() > THICKER * thin else np.zeros_like(part)
        kept = ndimage.distance_transform_edt(~core) <= thin if core.any() else core
        result[box] &= ~part | (kept & part)
    return result
