"""Made-up photographs of a digit on paper: pens, papers, light, and what else lies in a picture.

A digit is drawn on a sheet, the sheet may lie askew on a table, light falls on both, and a camera adds blur, noise and the
losses of JPEG. All of it is drawn from one seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

THINNEST = 0.35
"""The line of a fine pen, in pixels of 28; MNIST's strokes have about 2.5."""

Generator = np.random.Generator
Colour = tuple[float, float, float]

PENS: tuple[Colour, ...] = ((40, 40, 44), (30, 40, 130), (150, 30, 35), (25, 90, 50), (95, 95, 100))
PAPERS: tuple[Colour, ...] = ((240, 240, 238), (250, 246, 226), (226, 232, 240), (214, 212, 206))
EQUALLY_LIGHT: tuple[tuple[Colour, Colour], ...] = (
    ((230, 0, 0), (0, 120, 0)),
    ((20, 110, 215), (205, 80, 30)),
    ((200, 40, 140), (90, 105, 100)),
    ((0, 125, 120), (185, 85, 80)),
)
"""Ink and paper that a black-and-white picture can hardly tell apart."""


@dataclass
class Sheet:
    """What is on the table: colours in [0, 255] (H, W, 3), where the digit is, and what is still to be done to it."""

    colours: np.ndarray
    top: int
    left: int
    side: int
    random: Generator
    noise: float = 2.0
    blur: float = 0.6
    quality: int = 90

    @property
    def shape(self) -> tuple[int, int]:
        return self.colours.shape[:2]

    def paint(self, cover: np.ndarray, colour: Colour) -> None:
        """Lay a colour over the sheet, as far as `cover` (H, W) in [0, 1] says."""
        self.colours += cover[..., None] * (np.array(colour) - self.colours)

    def drawn(self, draw: Callable[[ImageDraw.ImageDraw], None]) -> np.ndarray:
        """What `draw` draws in white, (H, W) in [0, 1]."""
        height, width = self.shape
        canvas = Image.new("L", (width, height))
        draw(ImageDraw.Draw(canvas))
        return np.asarray(canvas, np.float64) / 255


def handwriting(image: np.ndarray, side: int, pen: float = 0.0) -> np.ndarray:
    """A data set's image (28, 28), uint8, written `side` pixels large: (side, side) in [0, 1].

    Its outline, half of full ink, is moved outwards by `pen` of the image's pixels, inwards where negative; but a line of
    `THINNEST` remains along the middle of each stroke.
    """
    scale = side / 28
    levels = ndimage.zoom(image / 255.0, scale, order=3, mode="grid-constant", grid_mode=True)
    within = levels > 0.5
    depth = ndimage.distance_transform_edt(within) - ndimage.distance_transform_edt(~within)
    if pen < 0:
        reduced = ndimage.zoom(within.astype(np.float64), 112 / side, order=1, mode="grid-constant", grid_mode=True) > 0.5
        line = ndimage.zoom(_from_centre(reduced), side / 112, order=1, mode="nearest", grid_mode=True) * side / 112
        return (np.maximum(depth + pen * scale, THINNEST / 2 * scale - line) + 0.5).clip(0, 1)
    return (depth + pen * scale + 0.5).clip(0, 1)


CLOCKWISE = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
"""From a pixel's neighbour to the north on, as shifts that bring it to the pixel's place."""


def _from_centre(within: np.ndarray) -> np.ndarray:
    """Distances (H, W) in pixels to the centre line of a shape, by thinning it (Zhang and Suen 1984)."""
    line = np.pad(within, 1).astype(np.uint8)
    changed = True
    while changed:
        changed = False
        for turn in (0, 1):
            around = [np.roll(line, shift, (0, 1)) for shift in CLOCKWISE]
            north, _, east, _, south, _, west, _ = around
            neighbours = sum(around)
            ends = sum((before == 0) & (after == 1) for before, after in zip(around, around[1:] + around[:1], strict=True))
            open_side = (east & south & (north | west)) if turn == 0 else (north & west & (east | south))
            gone = (line == 1) & (neighbours >= 2) & (neighbours <= 6) & (ends == 1) & (open_side == 0)
            line[gone] = 0
            changed |= bool(gone.any())
    return ndimage.distance_transform_edt(line[1:-1, 1:-1] == 0)


def picture_of(image: np.ndarray, kinds: tuple[str, ...], random: Generator) -> bytes:
    """A JPEG of the image (28, 28), uint8, drawn large on paper, disturbed in the given ways (`KINDS`)."""
    height, width = random.choice([(480, 640), (640, 480), (600, 800), (560, 560)])
    side = int(min(height, width) * random.uniform(0.5, 0.85))
    top, left = (int((length - side) * random.uniform(0.3, 0.7)) for length in (height, width))
    if "colours" in kinds:
        ink, paper = EQUALLY_LIGHT[random.integers(len(EQUALLY_LIGHT))]
    else:
        ink, paper = _one_of(random, PENS), _one_of(random, PAPERS)
    sheet = Sheet(np.full((height, width, 3), paper, np.float64), top, left, side, random)
    for kind in kinds:
        if kind in UNDER:
            UNDER[kind](sheet)
    usual, thick = random.uniform(-0.3, 0.5), random.uniform(0.9, 1.6)
    pen = -5.0 if "fine pen" in kinds else thick if "marker" in kinds else usual
    cover = np.zeros(sheet.shape)
    cover[top : top + side, left : left + side] = handwriting(image, side, pen)
    sheet.paint(cover * random.uniform(0.88, 1), ink)
    for kind in kinds:
        if kind in OVER:
            OVER[kind](sheet)
    _light(sheet, random.uniform(0, 0.12))
    return _camera(sheet)


def _one_of(random: Generator, colours: tuple[Colour, ...]) -> Colour:
    return tuple(np.array(colours[random.integers(len(colours))]) + random.uniform(-8, 5))


PEN_KINDS = ("fine pen", "marker")


def _squares(sheet: Sheet) -> None:
    """Squared paper or lined paper, printed paler than ink, often in blue."""
    random, (height, width) = sheet.random, sheet.shape
    step, thick = int(sheet.side * random.uniform(0.1, 0.3)), int(random.integers(1, 4))
    first, lined = random.integers(step, size=2), random.random() < 0.3

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for y in range(first[0], height, step):
            pen.line([(0, y), (width, y)], 255, thick)
        for x in range(first[1], width, step) if not lined else ():
            pen.line([(x, 0), (x, height)], 255, thick)

    sheet.paint(sheet.drawn(draw) * random.uniform(0.4, 0.8), [(110, 140, 200), (150, 150, 150)][random.integers(2)])


def _box(sheet: Sheet) -> None:
    """A form's printed box around the digit."""
    random, inset = sheet.random, int(sheet.side * sheet.random.uniform(-0.02, 0.06))
    corners = [sheet.left + inset, sheet.top + inset, sheet.left + sheet.side - inset, sheet.top + sheet.side - inset]
    thick = int(random.integers(2, 5))
    sheet.paint(sheet.drawn(lambda pen: pen.rectangle(corners, outline=255, width=thick)), (60, 60, 60))


def _neighbour(sheet: Sheet) -> None:
    """The end of the next digit reaches in from one side."""
    random, (height, width) = sheet.random, sheet.shape
    reach, thick = sheet.side * random.uniform(0.05, 0.15), int(sheet.side / 11)
    gap = (min(sheet.left, width - sheet.left - sheet.side), min(sheet.top, height - sheet.top - sheet.side))
    reach = min(reach + 10, max(gap) + sheet.side * 0.1)
    along = random.uniform(0.2, 0.8, 2)
    if random.random() < 0.5:
        x = 0 if sheet.left > width - sheet.left - sheet.side else width
        ends = [(x, along[0] * height), (abs(x - reach), along[1] * height), (x, along[1] * height + 40)]
    else:
        y = 0 if sheet.top > height - sheet.top - sheet.side else height
        ends = [(along[0] * width, y), (along[1] * width, abs(y - reach)), (along[1] * width + 40, y)]
    sheet.paint(sheet.drawn(lambda pen: pen.line(ends, 255, thick, joint="curve")), (45, 45, 60))


def _thumb(sheet: Sheet) -> None:
    """Something dark at the border: a thumb, a pen, the edge of a book."""
    random, (height, width) = sheet.random, sheet.shape
    reach = sheet.side * random.uniform(0.12, 0.22)
    across = random.uniform(0.1, 0.9)
    x, y = [(across * width, 0), (across * width, height), (0, across * height), (width, across * height)][random.integers(4)]
    box = [x - reach, y - reach, x + reach, y + reach]
    blob = ndimage.gaussian_filter(sheet.drawn(lambda pen: pen.ellipse(box, 255)), 2)
    sheet.paint(blob, [(150, 105, 85), (60, 50, 50)][random.integers(2)])


def _frame(sheet: Sheet) -> None:
    """A thin dark frame at the border, as a scanner or a screenshot leaves it."""
    random, (height, width) = sheet.random, sheet.shape
    thick = int(random.integers(1, 9))
    sheet.paint(sheet.drawn(lambda pen: pen.rectangle([0, 0, width - 1, height - 1], outline=255, width=thick)), (30, 30, 30))


def _onto(sheet: Sheet, shrunk: float, skew: float, ground: Colour, grain: float) -> None:
    """Lay the sheet, `shrunk` and turned and tapered by up to `skew` of its size, on a ground."""
    random, (height, width) = sheet.random, sheet.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    middle = np.array([width, height]) / 2
    moved = middle + (corners - middle) * shrunk + random.uniform(-skew, skew, (4, 2)) * min(height, width)
    table = np.array(ground) + ndimage.gaussian_filter(random.normal(0, grain * 6, (height, width)), (0.5, 6))[..., None]
    mapping = _perspective(moved, corners)
    how = ((width, height), Image.Transform.PERSPECTIVE, mapping, Image.Resampling.BICUBIC)
    warped = Image.fromarray(sheet.colours.clip(0, 255).astype(np.uint8)).transform(*how)
    cover = Image.new("L", (width, height), 255).transform(*how)
    sheet.colours = np.array(table)
    inside = np.asarray(cover, np.float64)[..., None] / 255
    sheet.colours += inside * (np.asarray(warped, np.float64) - sheet.colours)


def _perspective(moved: np.ndarray, corners: np.ndarray) -> tuple[float, ...]:
    """Pillow's eight numbers that take `moved` (4, 2) back to `corners` (4, 2)."""
    rows, values = [], []
    for (x, y), (u, v) in zip(moved, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(rows, values))


def _table(sheet: Sheet) -> None:
    """A sheet on a darker table."""
    random = sheet.random
    wood = [(70, 52, 40), (50, 52, 56), (105, 88, 70)][random.integers(3)]
    _onto(sheet, random.uniform(0.6, 0.85), 0.03, wood, 2.0)


def _tilted(sheet: Sheet) -> None:
    """Seen askew: the paper fills the picture and more."""
    _onto(sheet, 1.12, 0.1, (200, 200, 196), 0.5)


def _dark_canvas(sheet: Sheet) -> None:
    """A screenshot: a light page around a black canvas with white ink."""
    random, (height, width) = sheet.random, sheet.shape
    sheet.colours = 255 - sheet.colours if random.random() < 0.5 else (255 - sheet.colours.mean(2, keepdims=True)).repeat(3, 2)
    sheet.colours[sheet.colours.min(2) < 60] *= 0.5
    page = np.full((height, width, 3), (248, 249, 251), float)
    rim = int(sheet.side * random.uniform(0.02, 0.08))
    top, left = max(1, sheet.top - rim), max(1, sheet.left - rim)
    bottom, right = min(height - 1, sheet.top + sheet.side + rim), min(width - 1, sheet.left + sheet.side + rim)
    page[top:bottom, left:right] = sheet.colours[top:bottom, left:right]
    sheet.colours = page


def _light(sheet: Sheet, strength: float) -> None:
    """Light that falls from one side: `strength` of it is missing at the other."""
    angle = sheet.random.uniform(0, 2 * np.pi)
    down, across = _coordinates(sheet)
    sheet.colours *= (1 - strength / 2 + strength / 2 * (np.cos(angle) * across + np.sin(angle) * down))[..., None]


def _coordinates(sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
    height, width = sheet.shape
    return np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]


def _corners(sheet: Sheet) -> None:
    """The light falls off to the corners, and from one side."""
    down, across = _coordinates(sheet)
    sheet.colours *= (1 - sheet.random.uniform(0.2, 0.38) * (down**2 + across**2))[..., None]
    _light(sheet, sheet.random.uniform(0.1, 0.3))


def _shadow(sheet: Sheet) -> None:
    """A hand or a telephone throws a shadow with a soft edge over part of the paper."""
    random = sheet.random
    down, across = _coordinates(sheet)
    angle, softness = random.uniform(0, 2 * np.pi), random.uniform(0.08, 0.3)
    edge = (np.cos(angle) * across + np.sin(angle) * down - random.uniform(-0.5, 0.5)) / softness
    sheet.colours *= (1 - random.uniform(0.25, 0.5) / (1 + np.exp(-4 * edge)))[..., None]


def _noise(sheet: Sheet) -> None:
    """A dim, blurred and much compressed picture."""
    random = sheet.random
    sheet.colours *= random.uniform(0.5, 0.9)
    sheet.noise, sheet.blur, sheet.quality = random.uniform(8, 16), random.uniform(1, 2.5), int(random.integers(25, 60))


UNDER = {"squares": _squares}
OVER = {
    "form box": _box,
    "neighbour": _neighbour,
    "dark canvas": _dark_canvas,
    "perspective": _tilted,
    "table": _table,
    "corners": _corners,
    "shadow": _shadow,
    "frame": _frame,
    "thumb": _thumb,
    "noise": _noise,
}
KINDS = ("colours", *PEN_KINDS, *UNDER, *OVER)


def _camera(sheet: Sheet) -> bytes:
    """Blur, noise and JPEG."""
    colours = ndimage.gaussian_filter(sheet.colours, (sheet.blur, sheet.blur, 0))
    colours = colours + sheet.random.normal(0, sheet.noise, colours.shape)
    content = BytesIO()
    Image.fromarray(colours.clip(0, 255).round().astype(np.uint8)).save(content, "JPEG", quality=sheet.quality)
    return content.getvalue()
