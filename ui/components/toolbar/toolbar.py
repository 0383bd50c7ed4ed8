"""The buttons at the right of the menu that the browser serves by itself: the address to copy, and the other theme.

It also tells the server what the browser lacks, as it is on every page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ui.components import answers
from ui.components.bundle import component

KEY = "bar_buttons"


@cache
def _component() -> Callable:
    return component("bar", __file__)


def toolbar(cookie: str, lacks_webgl: bool, on_lacks_webgl: Callable[[], None]) -> None:
    """Show the buttons.

    `cookie` is what the owner's browser keeps, and nothing for others; `on_lacks_webgl` hears that there is no WebGL.
    """

    def told() -> None:
        if answers.answer(KEY, "lacks_webgl") is True:
            on_lacks_webgl()

    data = {"cookie": cookie, "lacks_webgl": lacks_webgl}
    _component()(key=KEY, width="content", data=data, on_lacks_webgl_change=told)
