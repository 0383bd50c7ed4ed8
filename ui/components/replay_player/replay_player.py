"""The projector: a component that plays a film of frames in the browser and asks nothing of the server meanwhile.

The film's pictures come beside it, as images that nobody sees; the component finds each by its description, and unpacks it
once. The server hears of one thing: the epoch at which the film stands still, for the address.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import streamlit as st

from ui.components import answers
from ui.components.bundle import component
from ui.components.playback import PLAYBACK

KEY, PICTURES = "projector", "frames"
FARTHEST_EPOCH = 2**31 - 1


@cache
def _component() -> Callable:
    return component(KEY, __file__, PLAYBACK)


def projector(data: dict, pictures: list[tuple[str, bytes]], on_rest: Callable[[int], None]) -> None:
    """Show a film. `data` is what `Replay.update` in replay_player.js reads, `pictures` the frames' names and packed pictures.

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
