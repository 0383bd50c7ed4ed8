"""The lens: a component that listens to the native chart of the plane, draws its layers and decodes under the pointer.

All it shows under the pointer comes from the atlas, which the browser has; only what is pinned is asked of the server. Its
click reruns the fragment that it stands in, and not the chart, which is outside of that fragment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import streamlit as st

from ui.components import answers
from ui.components.bundle import component
from ui.state.view import FARTHEST

KEY = "lens"
ANSWERED = "lens_answered"


@dataclass(frozen=True)
class Pick:
    """What the visitor pinned: coordinates on the plane, or the held-out image whose code was clicked.

    `click` is the browser's number for this click, by which it knows the answer.
    """

    place: tuple[float, float]
    probe: int | None
    click: float = 0.0


@cache
def _component() -> Callable:
    return component("lens", __file__)


def lens(data: dict, on_pick: Callable[[Pick], None]) -> None:
    """Show the lens. `data` is what `Lens.update` in lens.js describes; `on_pick` hears of clicks, taps and Enter."""

    def picked() -> None:
        pick = _checked(answers.answer(KEY, "pick"))
        if pick is not None:
            st.session_state[ANSWERED] = pick.click
            on_pick(pick)

    data = data | {"answered": st.session_state.get(ANSWERED, 0.0)}
    _component()(key=KEY, data=data, on_pick_change=picked)


def _checked(answer: object) -> Pick | None:
    """What the browser sent, when it is a place."""
    if not isinstance(answer, dict):
        return None
    place = answers.numbers(answer.get("place"), 2, -FARTHEST, FARTHEST)
    click = answers.number(answer.get("click", 0.0), 0.0, answers.LARGEST)
    probe = answer.get("probe")
    known = None if probe is None else answers.whole(probe, answers.LARGEST)
    if place is None or click is None or (probe is not None and known is None):
        return None
    return Pick(place, known, click)
