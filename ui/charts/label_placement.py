"""Where classes are named on a plane: at the median of their codes, or beside it where names would lie on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

CROWDED = 24
"""Pixels. Codes whose standard deviation is less are too small a spot for names, as before a training."""

MOST_ROUNDS = 100
"""Of moving names apart. Where there is room a few are enough."""

LETTER, LINE, AROUND = 0.62, 1.25, 4.5
"""A bold letter's width and a line's height, in sizes of the font, and pixels around them: padding and border."""


CELL = 14
"""Pixels. Codes so far apart, with fewer between them, may be of two clusters."""

THIN, LARGE, FEWEST = 0.35, 0.12, 10
"""A cluster ends where its class is thinner than this share of what is around the middle one of its codes; it has a name of its
own when it holds so large a share of its class, and so many codes. Chosen on the shipped runs."""

FARTHEST = 100
"""Cells from the median; codes beyond are counted at the border."""


def box_of(name: str, font: float) -> tuple[float, float]:
    """Width and height of a name in its box, in pixels, for a font of so many."""
    return LETTER * font * len(name) + 2 * AROUND, LINE * font + 2 * AROUND


def middles_of(places: np.ndarray, labels: np.ndarray, classes: int) -> dict[int, np.ndarray]:
    """The median of each class's codes (N, 2), (2,), for those classes that have any."""
    present = [label for label in range(classes) if (labels == label).any()]
    return {label: np.median(places[labels == label], 0) for label in present}


def clusters_of(places: np.ndarray, cell: float) -> list[np.ndarray]:
    """The medians (2,) of a class's large clusters, of codes (N, 2) on cells of a size; of all codes where there is but one."""
    middle = np.median(places, 0)
    column, row = (np.clip(np.rint((places - middle) / cell), -FARTHEST, FARTHEST).astype(int) + FARTHEST).T
    counts = np.zeros((2 * FARTHEST + 1, 2 * FARTHEST + 1))
    np.add.at(counts, (column, row), 1)
    density = ndimage.gaussian_filter(counts, 1.0)
    parts, count = ndimage.label(density > THIN * np.median(density[column, row]), np.ones((3, 3)))
    part = parts[column, row]
    fewest = max(FEWEST, LARGE * len(places))
    large = [places[part == number] for number in range(1, count + 1) if (part == number).sum() >= fewest]
    return [np.median(codes, 0) for codes in large] if len(large) > 1 else [middle]


def stand_at_clusters(
    places: np.ndarray, labels: np.ndarray, boxes: Sequence[tuple], pixel: float = 1.0
) -> list[tuple[int, np.ndarray]]:
    """As `stand`, with a name at each large cluster of a class: pairs of a class and a place (2,)."""
    present = [label for label in range(len(boxes)) if (labels == label).any()]
    named = [(label, middle) for label in present for middle in clusters_of(places[labels == label], CELL * pixel)]
    return _without_overlap(named, places, boxes, pixel)


def stand(places: np.ndarray, labels: np.ndarray, boxes: Sequence[tuple], pixel: float = 1.0) -> dict[int, np.ndarray]:
    """Where each class's name stands, (2,), among codes (N, 2). None in a crowd.

    `boxes` are the width and height of every class's name in pixels, and a `pixel` is so long in the unit of the codes.
    """
    return dict(_without_overlap([*middles_of(places, labels, len(boxes)).items()], places, boxes, pixel))


def _without_overlap(
    named: Sequence[tuple[int, np.ndarray]], places: np.ndarray, boxes: Sequence[tuple], pixel: float
) -> list[tuple[int, np.ndarray]]:
    """Classes and where their names stand, moved apart; none in a crowd of codes (N, 2)."""
    if not named or places.std(0).max() < CROWDED * pixel:
        return []
    sizes = pixel * np.array([boxes[label] for label, _ in named])
    moved = apart(np.stack([middle for _, middle in named]), sizes)
    return [(label, place) for (label, _), place in zip(named, moved, strict=True)]


def apart(middles: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Middles (N, 2) of boxes of `sizes` (N, 2), moved the shortest way until no two of them overlap, or nearly so."""
    moved = middles.astype(np.float64)
    enough = sizes.min() / 1000
    for _ in range(MOST_ROUNDS):
        farthest = 0.0
        for i in range(len(moved)):
            for j in range(i):
                over = (sizes[i] + sizes[j]) / 2 - np.abs(moved[i] - moved[j])
                axis = int(over.argmin())
                if over[axis] > 0:
                    way = (over[axis] / 2) * (1 if moved[i, axis] >= moved[j, axis] else -1)
                    moved[i, axis], moved[j, axis] = moved[i, axis] + way, moved[j, axis] - way
                    farthest = max(farthest, abs(way))
        if farthest <= enough:
            break
    return moved
