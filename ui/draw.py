"""A square to draw on with mouse, pen or finger: white ink on black, as the data sets have it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import streamlit as st

from ui import answers
from ui.scripts import script

LONGEST = 500_000
"""Characters; 280 x 280 pixels need fewer, whatever is drawn."""

HTML = """
<canvas width="280" height="280" role="img" aria-label="Draw a digit here"></canvas>
<div class="row">
  <input type="range" min="8" max="44" value="24" aria-label="Thickness" title="Thickness">
  <button type="button" class="undo" disabled>Undo</button>
  <button type="button" class="clear" disabled>Clear</button>
</div>
"""

CSS = """
canvas {
  display: block; box-sizing: border-box; width: min(100%, 26vh); max-width: 320px; margin: 0 auto; aspect-ratio: 1;
  background: black;
  border: 1px solid #7d8794; border-radius: 4px; touch-action: none; cursor: crosshair;
}
.row {
  display: flex; align-items: center; gap: 0.4rem; margin-top: 0.4rem;
  font: 1rem var(--st-font); color: var(--st-text-color);
}
input { flex: 1 1 3rem; min-width: 3rem; height: 40px; margin: 0; accent-color: var(--st-primary-color); }
button {
  min-height: 40px; padding: 0 0.5rem; font: inherit; color: inherit; cursor: pointer;
  background: var(--st-secondary-background-color); border: 1px solid #7d8794; border-radius: 4px;
}
button:hover:enabled { border-color: var(--st-primary-color); }
button:disabled { opacity: 0.5; cursor: default; }
:is(button, input):focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""


@cache
def _component() -> Callable:
    return st.components.v2.component("draw", html=HTML, css=CSS, js=script("latest", "draw"))


def canvas(key: str, on_drawn: Callable[[bytes], None]) -> None:
    """A canvas that calls `on_drawn` with a PNG of 280 x 280 pixels whenever the drawing has changed.

    Nothing is called for a canvas that became empty. It must not stand in a form.
    """

    def drawn() -> None:
        content = answers.png(answers.answer(key, "drawn"), LONGEST)
        if content is not None:
            on_drawn(content)

    _component()(key=key, on_drawn_change=drawn)
