"""What components in the browser send, checked before anything is made of it: anybody can send anything over a websocket.

A component's answer is JSON, which Streamlit parses while it registers the component, before a line of ours is run. Brackets
within thousands of brackets, and whole numbers of thousands of digits, end that in an error that it does not expect (seen in
1.67). So it is given a parser that takes what our components send and for the rest raises the error that it does expect.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from types import SimpleNamespace

import streamlit as st
from streamlit.components.v2.bidi_component import serialization

DEEPEST, LONGEST = 8, 1_000_000
"""Brackets within each other, and characters of a whole answer: ours are a few numbers, or a picture as text."""

LARGEST = 2.0**53
PNG = "data:image/png;base64,"


def parse(text: str) -> object:
    """What JSON says. Raises `json.JSONDecodeError` on anything else, and on more than a component of ours sends."""
    if len(text) > LONGEST or _is_deeper(text, DEEPEST):
        raise json.JSONDecodeError("more than a component sends", text[:40], 0)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a number of too many digits
        raise json.JSONDecodeError(str(error), text[:40], 0) from error


def _is_deeper(text: str, most: int) -> bool:
    """Whether there are more than so many brackets within each other; none of ours stands in a string."""
    depth = 0
    for bracket in re.finditer(r"[][{}]", text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > most:
            return True
    return False


serialization.json = SimpleNamespace(loads=parse, dumps=json.dumps, JSONDecodeError=json.JSONDecodeError)


def answer(key: str, name: str) -> object:
    """What a component told under a name, unchecked; None where it told nothing."""
    told = st.session_state.get(key)
    return told.get(name) if isinstance(told, dict) else None


def number(value: object, low: float, high: float) -> float | None:
    """A finite number from `low` to `high`, or None."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    return float(value) if fits and math.isfinite(value) else None


def numbers(value: object, count: int, low: float, high: float) -> tuple[float, ...] | None:
    """So many numbers from `low` to `high`, or None."""
    if not isinstance(value, list) or len(value) != count:
        return None
    known = tuple(number(part, low, high) for part in value)
    return None if None in known else known


def whole(value: object, most: float) -> int | None:
    """A whole number from zero to `most`, or None."""
    known = number(value, 0, most)
    return int(known) if known is not None and known == int(known) else None


def png(value: object, longest: int) -> bytes | None:
    """The content of a PNG's data URL of at most so many characters, or None; whether it is a picture, reading it tells."""
    if not isinstance(value, str) or not value.startswith(PNG) or len(value) > longest:
        return None
    try:
        return base64.b64decode(value[len(PNG) :], validate=True) or None
    except (binascii.Error, ValueError):
        return None
