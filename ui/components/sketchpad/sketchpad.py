"""A square to draw on with mouse, pen or finger: white ink on black, as the data sets have it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ui.components import answers
from ui.components.bundle import component

LONGEST = 500_000
"""Characters; 280 x 280 pixels need fewer, whatever is drawn."""


@cache
def _component() -> Callable:
    return component("draw", __file__)


def canvas(key: str, on_drawn: Callable[[bytes], None], on_cleared: Callable[[], None]) -> None:
    """A canvas that calls `on_drawn` with a PNG of 280 x 280 pixels whenever the drawing has changed.

    When it became empty `on_cleared` is called instead. It must not stand in a form.
    """

    def drawn() -> None:
        told = answers.answer(key, "drawn")
        content = answers.png(told, LONGEST)
        if told == "":
            on_cleared()
        elif content is not None:
            on_drawn(content)

    _component()(key=key, on_drawn_change=drawn)
