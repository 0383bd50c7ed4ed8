"""An uploaded picture: what was found in it as an outline, and how to correct it.

The picture stays for the session, across pages, with what the visitor made of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import streamlit as st
from scipy import ndimage

from ui.charts import markup
from ui.components import answers
from ui.components.bundle import component
from vae.data.preprocessing import Found, find_image

Crop = tuple[float, float, float, float]

KEPT = "uploaded_picture"
WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)
LEAST_SHARE = 0.01
OUTLINE = (255, 60, 170)
"""Neither paper nor any usual ink has this colour."""


@dataclass(frozen=True)
class Uploaded:
    """A picture (H, W, 3), uint8, for a data set; what to look for in it, and where; what was found, if anything."""

    picture: np.ndarray
    dataset: str
    inverted: bool = False
    crop: Crop = WHOLE
    found: Found | None = None

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns of the crop."""
        height, width = self.picture.shape[:2]
        left, top, right, bottom = self.crop
        return (
            slice(math.floor(top * height), max(math.ceil(bottom * height), math.floor(top * height) + 1)),
            slice(math.floor(left * width), max(math.ceil(right * width), math.floor(left * width) + 1)),
        )

    @cached_property
    def picture_url(self) -> str:
        """The picture as a data URL."""
        return markup.png_url(self.picture)

    @cached_property
    def outline_url(self) -> str:
        """The line around the ink that was found, transparent elsewhere, as a data URL."""
        line = np.zeros((*self.picture.shape[:2], 4), np.uint8)
        if self.found is not None:
            ink = np.zeros(line.shape[:2], bool)
            ink[self.place] = self.found.ink > 127
            thick = max(1, round(max(ink.shape) / 140))
            line[ndimage.binary_dilation(ink, np.ones((3, 3)), thick) & ~ink] = (*OUTLINE, 255)
        return markup.png_url(line)


def kept(dataset: str) -> Uploaded | None:
    """The picture that this session has for a data set."""
    uploaded = st.session_state.get(KEPT)
    return uploaded if uploaded is not None and uploaded.dataset == dataset else None


def look(uploaded: Uploaded) -> Found:
    """Look for the image in a picture, and keep both for the session. Raises `PictureError` when nothing is found."""
    st.session_state[KEPT] = replace(uploaded, found=None)
    found = find_image(uploaded.picture[uploaded.place], uploaded.dataset, uploaded.inverted)
    st.session_state[KEPT] = replace(uploaded, found=found)
    return found


@cache
def _component() -> Callable:
    return component("uploaded", __file__)


def show(key: str, uploaded: Uploaded, on_corrected: Callable[[Uploaded], None]) -> None:
    """The picture with its outline; calls `on_corrected` with the picture as the visitor corrects it."""

    def corrected() -> None:
        answer = checked(answers.answer(key, "corrected"))
        if answer is not None:
            on_corrected(replace(uploaded, inverted=answer[0], crop=answer[1]))

    data = {
        "picture": uploaded.picture_url,
        "outline": uploaded.outline_url,
        "inverted": uploaded.inverted,
        "crop": list(uploaded.crop),
    }
    _component()(key=key, data=data, on_corrected_change=corrected)


def checked(answer: object) -> tuple[bool, Crop] | None:
    """What the browser sent, when it makes sense: anybody can send anything over a websocket."""
    if not isinstance(answer, dict) or not isinstance(answer.get("inverted"), bool):
        return None
    crop = answers.numbers(answer.get("crop"), 4, 0, 1)
    if crop is None:
        return None
    left, top, right, bottom = crop
    if right - left < LEAST_SHARE or bottom - top < LEAST_SHARE:
        return None
    return answer["inverted"], crop
