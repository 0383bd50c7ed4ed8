"""The player of a road: what the line passes through beside the cross-fade, there and back, in the browser.

The images travel once; playing asks nothing of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import streamlit as st
from torch import Tensor

from ui import pictures
from ui.scripts import script
from vae.latent import tile
from vae.road import Road

HTML = """
<div class="player">
  <div class="controls">
    <button type="button" aria-label="Play"><i></i><span>Play</span></button>
    <b>A</b><input type="range" min="0" max="1" step="1" value="0" aria-label="Place on the road"><b>B</b>
  </div>
  <div class="canvases">
    <figure><canvas width="28" height="28" role="img" aria-label="Image decoded on the line"></canvas>
      <figcaption>along the line</figcaption></figure>
    <figure><canvas width="28" height="28" role="img" aria-label="Cross-fade of the images at the ends"></canvas>
      <figcaption>cross-fade</figcaption></figure>
  </div>
</div>
"""

CSS = """
.player { font-family: var(--st-font); color: var(--st-text-color); font-size: 1rem; }
.canvases { display: grid; grid-template-columns: 1fr 1fr; gap: 0.75rem; }
figure { margin: 0; text-align: center; }
canvas {
  display: block; box-sizing: border-box; width: min(100%, 13vh); margin: 0 auto;
  aspect-ratio: 1; image-rendering: pixelated; background: black;
  border: 1px solid #7d8794; border-radius: 4px;
}
figcaption { margin-top: 0.25rem; line-height: 1.3; }
.controls { display: flex; align-items: center; gap: 0.6rem; margin-bottom: 0.4rem; }
.controls b { font-size: 1.15rem; }
button {
  display: flex; align-items: center; justify-content: center; gap: 0.5rem; flex: none; width: 6.5rem; min-height: 42px;
  font: inherit; color: inherit; background: var(--st-secondary-background-color); cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 4px);
}
button:hover { border-color: var(--st-primary-color); }
button i { width: 0.8rem; height: 0.9rem; background: currentColor; clip-path: polygon(0 0, 100% 50%, 0 100%); }
button.playing i { clip-path: polygon(0 0, 35% 0, 35% 100%, 65% 100%, 65% 0, 100% 0, 100% 100%, 0 100%); }
input { flex: 1; min-width: 0; height: 42px; margin: 0; accent-color: var(--st-primary-color); cursor: pointer; }
:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; border-radius: 4px; }
"""


@cache
def _component() -> Callable:
    return st.components.v2.component("road", html=HTML, css=CSS, js=script("latest", "road"))


def player(key: str, road: Road, ends: tuple[Sequence[float], Sequence[float]]) -> None:
    """Show a road, at its start and still until somebody presses Play.

    `ends` are the plane coordinates of start and end. Wherever the player is, the page hears of it by the window's event
    `vae-travel`, whose detail is {place: [x, y]}.
    """
    rows = {"along": _row(road.decoded), "faded": _row(road.faded)}
    places = [[float(coordinate) for coordinate in end] for end in ends]
    _component()(key=key, data=rows | {"count": len(road.z), "ends": places})


def _row(images: Tensor) -> str:
    """uint8 images (S, 1, H, W) side by side, as a data URL."""
    return pictures.png_url(tile(images, len(images)).numpy())
