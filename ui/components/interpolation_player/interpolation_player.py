"""The player of an interpolation: what the line passes through beside the cross-fade, there and back, in the browser.

The images travel once; playing asks nothing of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

from ui.charts import markup
from ui.components.bundle import component
from vae.latent.grid import tile
from vae.latent.interpolation import Interpolation


@cache
def _component() -> Callable:
    return component("interpolation_player", __file__)


def player(key: str, interpolation: Interpolation, ends: tuple[Sequence[float], Sequence[float]]) -> None:
    """Show an interpolation, at its start and still until somebody presses Play.

    `ends` are the plane coordinates of start and end. Wherever the player is, the page hears of it by the window's event
    `vae-travel`, whose detail is {place: [x, y]}.
    """
    rows = {"along": _row(interpolation.decoded), "faded": _row(interpolation.faded)}
    places = [[float(coordinate) for coordinate in end] for end in ends]
    _component()(key=key, data=rows | {"count": len(interpolation.z), "ends": places})


def _row(images: Tensor) -> str:
    """uint8 images (S, 1, H, W) side by side, as a data URL."""
    return markup.png_url(tile(images, len(images)).numpy())
