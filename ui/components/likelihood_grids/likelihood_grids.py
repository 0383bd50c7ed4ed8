"""An image's log p(x given z) on two grids, kept in the browser for the equation: large, and sent once for an image.

Streamlit sends an element that has not changed only once, so it is one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import streamlit as st

from ui.components.bundle import component

KEY, PLACE = "likelihood_grids", "grids"


@cache
def _component() -> Callable:
    return component(KEY, __file__)


def likelihood_grids(data: dict) -> None:
    """Give the browser the grids that the equation calls by their name, `data["name"]`."""
    with st.container(key=PLACE):
        _component()(key=KEY, data=data)
