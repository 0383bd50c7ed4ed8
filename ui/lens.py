"""The lens: a component that listens to the native chart of the plane, draws its layers and decodes under the pointer.

All it shows under the pointer comes from the atlas, which the browser has; only what is pinned is asked of the server. Its
click reruns the fragment that it stands in, and not the chart, which is outside of that fragment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import streamlit as st

from ui import answers
from ui.scripts import script
from ui.view import FARTHEST

KEY = "lens"
ANSWERED = "lens_answered"
HTML = """
<div class="lens">
  <canvas width="28" height="28" role="img" aria-label="The decoded image"></canvas>
  <p class="where"></p>
  <p class="what"></p>
  <p class="said" aria-live="polite"></p>
</div>
"""
CSS = """
.lens { position: relative; font-family: var(--st-font); color: var(--st-text-color); text-align: center; }
canvas {
  display: block; box-sizing: border-box; width: min(100%, max(9rem, 50vh - 130px)); aspect-ratio: 1; margin: 0 auto;
  image-rendering: pixelated; background: black; border: 1px solid #7d8794; border-radius: 4px;
}
p { margin: 0.15rem 0 0; line-height: 1.25; font-size: 1rem; min-height: 1.25em; }
.where { font-variant-numeric: tabular-nums; white-space: pre; font-weight: 700; font-size: 1.15rem; }
.said {
  position: absolute; width: 1px; height: 1px; min-height: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
"""


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
    scripts = script("latest", "atlas", "view", "layers", "readout", "ears", "lens")
    return st.components.v2.component("lens", html=HTML, css=CSS, js=scripts)


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
