"""The projector: a component that plays a film of frames in the browser and asks nothing of the server meanwhile.

The film's pictures come beside it, as images that nobody sees; the component finds each by its description, and unpacks it
once. The server hears of one thing: the epoch at which the film stands still, for the address.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from ui import answers
from ui.scripts import script

KEY, PICTURES = "projector", "frames"
SCRIPTS = ("latest", "film", "splats", "plane", "names", "trail", "lines", "player", "screen", "stage", "replay")
FARTHEST_EPOCH = 2**31 - 1

HTML = """
<div class="replay">
  <section class="film">
    <div class="legend" role="group" aria-label="Classes"></div>
    <div class="plane" role="img" aria-label="The codes of the held-out images, coloured by class">
      <canvas class="points" title="Press a dot to follow it"></canvas><div class="names"></div><canvas class="axes"></canvas>
    </div>
    <div class="transport">
      <button type="button" class="first" aria-label="To the first frame" title="To the first frame (Home)"><i></i></button>
      <button type="button" class="back" aria-label="One frame back" title="One frame back (left arrow)"><i></i></button>
      <button type="button" class="play" title="Play or pause (space)"><i></i><span>Play</span></button>
      <button type="button" class="forth" aria-label="One frame on" title="One frame on (right arrow)"><i></i></button>
      <div class="track"><div class="ticks"></div>
        <input type="range" class="slider" step="any" aria-label="Epoch"></div>
      <select class="speed" aria-label="Speed" title="Speed">
        <option value="0.25">¼ ×</option><option value="0.5">½ ×</option><option value="1" selected>1 ×</option>
        <option value="2">2 ×</option><option value="4">4 ×</option>
      </select>
      <button type="button" class="loop" aria-pressed="false" title="Begin anew at the end">Loop</button>
    </div>
  </section>
  <aside>
    <div class="now"><p class="epoch">epoch <b></b> <small></small></p><p class="where"></p></div>
    <div class="curves" title="Press or drag: the film goes there">
      <p class="key"><i></i>train<i class="dashed"></i>held out<span>nats per image</span></p>
      <div class="lines"><canvas role="img" aria-label="ELBO, reconstruction and KL over the epochs"></canvas>
        <div class="heads"></div><div class="cursor"></div></div>
    </div>
    <figure class="manifold">
      <div class="mosaic"><canvas width="1" height="1" role="img" aria-label="The manifold after this epoch"></canvas>
        <p>This frame has no manifold grid.</p></div>
      <figcaption>manifold, z from −3 to 3 <label class="under"><input type="checkbox">under the dots</label></figcaption>
    </figure>
    <div class="notes"></div>
  </aside>
</div>
"""


@cache
def _component() -> Callable:
    css = Path(__file__).with_name("projector.css").read_text("utf-8")
    return st.components.v2.component(KEY, html=HTML, css=css, js=script(*SCRIPTS))


def projector(data: dict, pictures: list[tuple[str, bytes]], on_rest: Callable[[int], None]) -> None:
    """Show a film. `data` is what `Replay.update` in replay.js reads, `pictures` the frames' names and packed pictures.

    `on_rest` hears of the epoch at which the film came to rest.
    """

    def rested() -> None:
        epoch = answers.whole(answers.answer(KEY, "rest"), FARTHEST_EPOCH)
        if epoch is not None:
            on_rest(epoch)

    _component()(key=KEY, data=data, on_rest_change=rested)
    with st.container(key=PICTURES):
        for name, picture in pictures:
            st.image(picture, alt=name, output_format="PNG")
