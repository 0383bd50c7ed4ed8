"""The particles: a component that plays codes dissolving into noise, and noise becoming codes, in the browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from ui.scripts import script

KEY = "particles"
SCRIPTS = ("latest", "film", "splats", "plane", "player", "screen", "arrows", "particles")

HTML = """
<div class="replay particles">
  <section class="film">
    <div class="legend" aria-label="Classes"></div>
    <div class="plane" role="img" aria-label="Particles on the plane, coloured by class">
      <canvas class="points"></canvas><canvas class="axes"></canvas>
    </div>
    <div class="transport">
      <button type="button" class="first" aria-label="To the first step" title="To the first step (Home)"><i></i></button>
      <button type="button" class="back" aria-label="One step back" title="One step back (left arrow)"><i></i></button>
      <button type="button" class="play" title="Play or pause (space)"><i></i><span>Play</span></button>
      <button type="button" class="forth" aria-label="One step on" title="One step on (right arrow)"><i></i></button>
      <div class="track"><input type="range" class="slider" min="0" step="any" aria-label="Time"></div>
      <select class="speed" aria-label="Speed" title="Speed">
        <option value="0.25">¼ ×</option><option value="0.5">½ ×</option><option value="1" selected>1 ×</option>
        <option value="2">2 ×</option><option value="4">4 ×</option>
      </select>
    </div>
  </section>
  <aside>
    <p class="sense"></p>
    <div class="now"><p class="time">time t <b></b></p><p class="level">noise level s <b></b></p></div>
    <div class="formula"><span class="shares"></span><span class="step"></span></div>
    <div class="digits"></div>
    <p class="caption">lettered particles, decoded at the nearest step</p>
    <div class="choices">
      <label class="ghosts"><input type="checkbox" checked>codes, faint</label>
      <label class="trails"><input type="checkbox">trajectories</label>
      <label class="field"><input type="checkbox">score, as arrows</label>
    </div>
    <div class="notes"></div>
  </aside>
</div>
"""


@cache
def _component() -> Callable:
    folder = Path(__file__).parent
    css = "\n".join((folder / f"{name}.css").read_text("utf-8") for name in ("projector", "particles"))
    return st.components.v2.component(KEY, html=HTML, css=css, js=script(*SCRIPTS))


def particles(data: dict) -> None:
    """Show a film of particles. `data` is what `Particles.update` in particles.js reads; see `ui.flow.described`."""
    _component()(key=KEY, data=data)
