"""How a view reads in an address, and what an address asks for."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from ui.state.lesson import MOST_STEPS
from ui.state.view import (
    CELLS,
    CHAIN,
    CHAPTERS,
    COLOURS,
    DIRECTIONS,
    FARTHEST,
    GREATEST_WEIGHT,
    LAYERS,
    LONGEST_NAME,
    MOST_DIMENSIONS,
    MOST_RUNS,
    NOISES,
    OWN_PIXELS,
    PICTURES,
    PIXELS,
    PRINCIPAL,
    SAMPLERS,
    SCALES,
    SECTIONS,
    SOURCES,
    Point,
    View,
)
from ui.text import literally


def in_words(view: View) -> dict[str, str]:
    """The query that asks for this view; defaults are left out."""
    plain, query = View(), {}
    for name, field in FIELDS.items():
        value = getattr(view, field.name)
        if value != getattr(plain, field.name):
            query[name] = field.write(value)
    return query


def read_address(query: dict[str, str]) -> tuple[View, str | None]:
    """The view that an address asks for, and a sentence about the first part of it that makes no sense."""
    known, problem = {}, None
    for name, field in FIELDS.items():
        if name not in query:
            continue
        try:
            known[field.name] = field.read(query[name])
        except (ValueError, KeyError, binascii.Error, zlib.error):
            asked = literally(f"{name}={query[name][:60]}")
            problem = problem or f"The address asks for {asked}, which is not {_with_article(field.expected)}."
    return View(**known), problem


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


@dataclass(frozen=True)
class Field:
    """How one part of the view is written to the address and read from it; `read` raises `ValueError`."""

    name: str
    expected: str
    read: Callable[[str], object]
    write: Callable[[object], str] = str


def _read_point(text: str, longest: int = MOST_DIMENSIONS) -> Point:
    point = tuple(float(part) for part in text.split(","))
    if len(point) > longest or not all(math.isfinite(value) and abs(value) <= FARTHEST for value in point):
        raise ValueError(text)
    return point


def _read_gaussian(text: str) -> Point:
    q = _read_point(text, 2 * MOST_DIMENSIONS)
    if len(q) % 2 or not all(deviation > 0 for deviation in q[len(q) // 2 :]):
        raise ValueError(text)
    return q


def _write_point(point: Point) -> str:
    return ",".join(f"{value:.4f}" for value in point)


def _write_gaussian(q: Point) -> str:
    """Nine digits, however small: an encoder's standard deviations may be below 0.00005, and single precision comes back."""
    return ",".join(f"{value:.9g}" for value in q)


def _read_count(text: str) -> int:
    count = int(text)
    if not 0 <= count < 2**31:
        raise ValueError(text)
    return count


def _read_cells(text: str) -> int:
    if not CELLS[0] <= int(text) <= CELLS[1]:
        raise ValueError(text)
    return int(text)


def _read_steps(text: str) -> int:
    if not CHAIN[0] <= int(text) <= CHAIN[1]:
        raise ValueError(text)
    return int(text)


def _read_name(text: str) -> str:
    if not 0 < len(text) <= LONGEST_NAME:
        raise ValueError(text)
    return text


def _read_step(text: str) -> int:
    if not 1 <= int(text) <= MOST_STEPS:
        raise ValueError(text)
    return int(text)


def _read_weight(text: str) -> float:
    if not 0 <= float(text) <= GREATEST_WEIGHT:
        raise ValueError(text)
    return float(text)


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    return lambda text: choices[choices.index(text)]


def _read_layers(text: str) -> tuple[str, ...]:
    chosen = set(map(_one_of(LAYERS), text.split(","))) if text != "none" else set()
    return tuple(layer for layer in LAYERS if layer in chosen)


def _read_axes(text: str) -> str:
    if text == PRINCIPAL:
        return text
    first, second = (int(part) for part in text.split(","))
    if first == second or not (1 <= first <= MOST_DIMENSIONS and 1 <= second <= MOST_DIMENSIONS):
        raise ValueError(text)
    return f"{first},{second}"


def _read_runs(text: str) -> tuple[str, ...]:
    names = tuple(map(unquote, text.split(",")))
    if not all(names) or not len(set(names)) == len(names) <= MOST_RUNS:
        raise ValueError(text)
    return names


def _write_runs(names: tuple[str, ...]) -> str:
    """A folder that was named by hand may have a comma in its name."""
    return ",".join(name.replace("%", "%25").replace(",", "%2C") for name in names)


def _read_own(text: str) -> bytes:
    packed = base64.urlsafe_b64decode(text.encode("ascii", "replace"))
    grey = zlib.decompressobj().decompress(packed, OWN_PIXELS + 1)
    if len(grey) != OWN_PIXELS:
        raise ValueError(text)
    return grey


def _write_own(grey: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(grey, 9)).decode()


BY_POINTS = ", decimals with a point and a comma between numbers"

FIELDS = {
    "z": Field("z", f"point; it should read like z=0.5,-1.2{BY_POINTS}", _read_point, _write_point),
    "image": Field("probe", "number of an image; it should read like image=7", _read_count),
    "own": Field("own", "image of one's own; copy the whole link", _read_own, _write_own),
    "original": Field("source", f"source of images; choose one of {', '.join(SOURCES)}", _one_of(SOURCES)),
    "layers": Field(
        "layers", f"list of layers; choose of {', '.join(LAYERS)}", _read_layers, lambda layers: ",".join(layers) or "none"
    ),
    "colour": Field("colour", f"colouring; choose one of {', '.join(COLOURS)}", _one_of(COLOURS)),
    "axes": Field("axes", "pair of axes; it should read like axes=1,3 or axes=pca", _read_axes),
    "scale": Field("scale", f"scale; choose one of {', '.join(SCALES)}", _one_of(SCALES)),
    "cells": Field("cells", f"number of cells from {CELLS[0]} to {CELLS[1]}", _read_cells),
    "buttons": Field("buttons", "choice; it should read buttons=on", lambda text: ("on",).index(text) == 0, lambda _: "on"),
    "epsilon": Field("epsilon", "count; it should read like epsilon=3", _read_count),
    "draws": Field("draws", "count; it should read like draws=3", _read_count),
    "x": Field("drawn_pixels", "choice; it should read x=drawn", lambda text: ("drawn",).index(text) == 0, lambda _: "drawn"),
    "a": Field("start", f"point; it should read like a=0.5,-1.2{BY_POINTS}", _read_point, _write_point),
    "b": Field("end", f"point; it should read like b=0.5,-1.2{BY_POINTS}", _read_point, _write_point),
    "q": Field("q", f"Gaussian; it should read like q=0.5,-1.2,0.05,0.03{BY_POINTS}", _read_gaussian, _write_gaussian),
    "pixels": Field("pixels", f"kind of pixels; choose one of {', '.join(PIXELS)}", _one_of(PIXELS)),
    "section": Field("section", f"section; choose one of {', '.join(SECTIONS)}", _one_of(SECTIONS)),
    "runs": Field("runs", f"list of up to {MOST_RUNS} runs; it should read like runs=mnist,digits", _read_runs, _write_runs),
    "picture": Field("picture", f"picture of runs; choose one of {', '.join(PICTURES)}", _one_of(PICTURES)),
    "scales": Field(
        "one_scale", "choice; it should read scales=one", lambda text: ("own", "one").index(text) == 1, lambda _: "one"
    ),
    "aligned": Field("aligned", "choice; it should read aligned=on", lambda text: ("on",).index(text) == 0, lambda _: "on"),
    "direction": Field("direction", f"direction; choose one of {', '.join(DIRECTIONS)}", _one_of(DIRECTIONS)),
    "class": Field("guide", "number of a class; it should read like class=7", _read_count),
    "weight": Field("weight", f"guidance weight from 0 to {GREATEST_WEIGHT:g}", _read_weight, "{:g}".format),
    "steps": Field("chain", f"number of steps from {CHAIN[0]} to {CHAIN[1]}", _read_steps),
    "sampler": Field("sampler", f"sampler; choose one of {', '.join(SAMPLERS)}", _one_of(SAMPLERS)),
    "noise": Field("noise", f"noise schedule; choose one of {', '.join(NOISES)}", _one_of(NOISES)),
    "chapter": Field("chapter", f"chapter; choose one of {', '.join(CHAPTERS)}", _one_of(CHAPTERS)),
    "epoch": Field("epoch", "epoch; it should read like epoch=7", _read_count),
    "lesson": Field("lesson", f"name of a lesson; it has at most {LONGEST_NAME} letters", _read_name),
    "step": Field("step", f"step of a lesson; it should read like step=2, from 1 to {MOST_STEPS}", _read_step),
    "mode": Field(
        "presenting", "mode; it should read mode=present", lambda text: ("present",).index(text) == 0, lambda _: "present"
    ),
}
"""The address's words."""
