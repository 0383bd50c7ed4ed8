"""A film as a GIF: the plane, the manifold and the epoch, to be shown where there is no explorer."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ui.charts import palette
from ui.charts.label_placement import stand
from ui.replay.packed_frames import PackedFilm, unpack

PLANE, SIDE, GAP, LINE = 440, 280, 16, 30
"""Pixels: the sides of plane and manifold, the room between them, the height of a line of words."""

MOST_PICTURES = 60
"""Of few frames, dots on their way are drawn between; more pictures than this would be too many to send by mail."""

SECONDS, LAST_SECONDS = 9.0, 2.0
"""How long a film takes at most, and how long its end is seen."""

LARGEST = 34
"""Size of the font that says the epoch, where that leaves room."""

PADDING = 4
"""Pixels around a class's name."""

SHORTEST = 0.1
"""Seconds of one picture: programs that show GIFs slow down what is faster."""

"""Paper and ink, as in the themes."""

GREYS, SHADES = 32, 6
"""Greys farther apart than the blocks of 4 levels in which Pillow looks colours up, so that the paper keeps its own."""


@dataclass(frozen=True)
class Still:
    """One picture to be drawn: places (N, 2), and of the frame passed last the mosaic and the words for its epoch."""

    places: np.ndarray
    mosaic: np.ndarray | None
    words: str


def between(film: PackedFilm) -> int:
    """How many pictures a frame stands for: itself, and dots on their way to the next."""
    return max(1, MOST_PICTURES // max(len(film.frames) - 1, 1))


def stills(film: PackedFilm, words: Sequence[str]) -> Iterator[Still]:
    """Every frame with its words, and between two of them evenly spaced places on straight lines."""
    count, before = between(film), None
    for frame, said in zip(film.frames, words, strict=True):
        places, mosaic = unpack(frame)
        if before is not None:
            for step in range(1, count):
                yield Still(before.places + step / count * (places - before.places), before.mosaic, before.words)
        before = Still(places, mosaic, said)
        yield before


def make_gif(
    film: PackedFilm, words: Sequence[str], class_names: Sequence[str], axes: tuple[str, str], strip: bool, dark: bool
) -> bytes:
    """The film as a GIF that plays for ever; its last picture stays longer. Every frame is in it, with its words."""
    shades = palette.DARK if dark else palette.LIGHT
    colours = _palette(shades)
    painter = _Painter(film, words, class_names, axes, strip, shades)
    pictures = [painter.paint(still).quantize(palette=colours, dither=Image.Dither.NONE) for still in stills(film, words)]
    each = max(SHORTEST, min(1.0 / between(film), SECONDS / len(pictures)))
    durations = [round(each * 1000)] * (len(pictures) - 1) + [round(LAST_SECONDS * 1000)]
    content = io.BytesIO()
    pictures[0].save(
        content, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False, disposal=1
    )
    return content.getvalue()


def _palette(shades: palette.Shades) -> Image.Image:
    """Greys, and every class's colour in some shades on the paper."""
    paper = np.array(_rgb(shades.background))
    shares = np.linspace(1, 0, SHADES, endpoint=False)[:, None]
    colours = [np.rint(paper + shares * (np.array(_rgb(colour)) - paper)) for colour in shades.classes]
    greys = np.linspace(0, 255, GREYS)[:, None].repeat(3, 1)
    rows = np.concatenate([greys, *colours, [paper, _rgb(shades.ink), _rgb(palette.NEUTRAL)]])
    image = Image.new("P", (1, 1))
    image.putpalette(np.rint(rows).astype(np.uint8).tobytes())
    return image


class _Painter:
    """Draws the stills of one film, all with the same axes."""

    def __init__(
        self, film: PackedFilm, words: Sequence[str], class_names: Sequence[str], axes: tuple[str, str], strip: bool,
        shades: palette.Shades,
    ) -> None:  # fmt: skip
        self.film, self.names, self.strip = film, class_names, strip
        self.labels = film.labels
        self.shades, self.paper, self.ink = shades, shades.background, shades.ink
        self.colours = np.array([_word(colour) for colour in shades.classes], np.uint32)[
            np.arange(max(len(class_names), 1)) % len(shades.classes)
        ]
        radius = 6 if len(self.labels) < 1500 else 3.5  # at twice the size
        self.reach = int(radius)
        across, down = np.meshgrid(*[np.arange(-self.reach, self.reach + 1, dtype=np.int32)] * 2)
        self.disc = (across + 2 * PLANE * down)[np.hypot(across, down) <= radius]
        self.words, self.bold = ImageFont.load_default(15), ImageFont.load_default(17)
        self.width = PLANE + 2 * GAP + (SIDE + GAP if film.has_manifold else 0)
        self.caption = f"{axes[0]} across, {'classes' if strip else axes[1]} up; positions between epochs are interpolated"
        room = SIDE
        if not film.has_manifold:
            self.caption = self.caption.split(";")[0]
            room = PLANE - GAP - self.words.getlength(self.caption)
        self.large = _fitting(words, room)

    def paint(self, still: Still) -> Image.Image:
        image = Image.new("RGB", (self.width, PLANE + 2 * LINE + GAP), self.paper)
        image.paste(self._dots(still.places), (GAP, GAP))
        draw = ImageDraw.Draw(image)
        draw.rectangle((GAP, GAP, GAP + PLANE - 1, GAP + PLANE - 1), outline=palette.NEUTRAL)
        self._name_classes(draw, still.places)
        below = GAP + PLANE + 8
        if self.film.has_manifold:
            left = PLANE + 2 * GAP
            draw.text((left, GAP), still.words, self.ink, self.large)
            self._paste_mosaic(image, draw, still.mosaic, left)
        else:
            draw.text((self.width - GAP, below + 8), still.words, self.ink, self.large, anchor="rt")
        draw.text((GAP, below), self.caption, self.ink, self.words)
        return image

    def _paste_mosaic(self, image: Image.Image, draw: ImageDraw.ImageDraw, mosaic: np.ndarray | None, left: int) -> None:
        top = GAP + PLANE - SIDE
        draw.text((left, top - 24), "manifold, z from -3 to 3", self.ink, self.words)
        if mosaic is None:
            draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), "black")
        else:
            small = Image.fromarray(mosaic).resize((SIDE, SIDE), Image.Resampling.BOX)
            image.paste(small, (left, top))

    def _pixels(self, places: np.ndarray, side: int) -> np.ndarray:
        """Pixels (N, 2) of places, across and down, on a plane of some side."""
        x = (places[:, 0] / self.film.extent + 1) / 2 * side
        if self.strip:
            return np.stack([x, side * (1 - (places[:, 1] + 0.5) / len(self.names))], 1)
        return np.stack([x, (1 - places[:, 1] / self.film.extent) / 2 * side], 1)

    def _dots(self, places: np.ndarray) -> Image.Image:
        """Discs at twice the size, each over those before it, then halved, which makes them smooth."""
        side = 2 * PLANE
        canvas = np.full((side, side), _word(self.paper), np.uint32)
        canvas[:, side // 2 - 1 : side // 2 + 1] = _word(palette.NEUTRAL)
        if not self.strip:
            canvas[side // 2 - 1 : side // 2 + 1] = _word(palette.NEUTRAL)
        centres = np.floor(self._pixels(places, side)).astype(np.int32)
        inside = ((centres >= self.reach) & (centres < side - self.reach)).all(1)
        at = (centres[inside] @ np.array([1, side], np.int32))[:, None] + self.disc
        canvas.reshape(-1)[at] = self.colours[self.labels[inside]][:, None]  # in the order of the probes: the last one stays
        return Image.fromarray(canvas.view(np.uint8).reshape(side, side, 4)[..., :3]).reduce(2)

    def _name_classes(self, draw: ImageDraw.ImageDraw, places: np.ndarray) -> None:
        """Names at the medians, or beside them; none while all codes lie in one spot, as before training."""
        pixels = self._pixels(places, PLANE) + GAP
        boxes = [np.array(draw.textbbox((0, 0), name, font=self.bold)[2:]) + 2 * PADDING for name in self.names]
        for label, middle in stand(pixels, self.labels, boxes).items():
            colour, half = self.shades.of_word(palette.of_class(label)), boxes[label] / 2
            draw.rectangle((*(middle - half), *(middle + half)), colour, "white")
            draw.text(tuple(middle), self.names[label], palette.ink_on(colour), self.bold, anchor="mm")


def _fitting(words: Sequence[str], room: float) -> ImageFont.FreeTypeFont:
    """The largest font in which all of these fit into a room of so many pixels."""
    widest = max(map(ImageFont.load_default(LARGEST).getlength, words))
    return ImageFont.load_default(int(LARGEST * min(1.0, room / widest)))


def _rgb(colour: str) -> tuple[int, int, int]:
    return tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))


def _word(colour: str) -> int:
    """A pixel of four bytes in memory: red, green, blue, and one that is not used."""
    return int.from_bytes(bytes((*_rgb(colour), 255)), sys.byteorder)
