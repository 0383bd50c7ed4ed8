"""The central equation for one image, with q on the plane to move by hand; while q moves, nothing is asked of the server.

What the browser needs for that comes beside it: see `ui.components.likelihood_grids`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import streamlit as st

from ui import glossary
from ui.components import answers
from ui.components.bundle import component
from ui.state.view import FARTHEST

KEY = "elbo_identity"
ANSWERED = "q_answered"


@dataclass(frozen=True)
class Moved:
    """q as it was let go: means and standard deviations, and the browser's number for this move."""

    mean: tuple[float, float]
    sigma: tuple[float, float]
    number: float


@cache
def _component() -> Callable:
    return component(KEY, __file__, glossary.SHEET)


def elbo_identity(data: dict, on_moved: Callable[[Moved], None]) -> None:
    """Show the equation. `data` is what `Identity.update` in elbo_identity.js reads; `on_moved` hears where q was let go."""

    def moved() -> None:
        move = _checked(answers.answer(KEY, "moved"))
        if move is not None:
            st.session_state[ANSWERED] = move.number
            on_moved(move)

    more = {"meanings": glossary.MEANINGS, "answered": st.session_state.get(ANSWERED, 0.0)}
    _component()(key=KEY, data=data | more, on_moved_change=moved)


def packed(values: np.ndarray) -> str:
    """Numbers in single precision, row by row, as text."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def _checked(answer: object) -> Moved | None:
    """What the browser sent, when it is a Gaussian."""
    if not isinstance(answer, dict):
        return None
    mean = answers.numbers(answer.get("mean"), 2, -FARTHEST, FARTHEST)
    sigma = answers.numbers(answer.get("sigma"), 2, 0.0, FARTHEST)
    number = answers.number(answer.get("number"), 0.0, answers.LARGEST)
    if mean is None or sigma is None or number is None or not all(sigma):
        return None
    return Moved(mean, sigma, number)
