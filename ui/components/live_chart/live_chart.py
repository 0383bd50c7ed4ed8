"""A Plotly chart that changes while it is looked at.

Streamlit (1.67) puts a new element in the place of a chart whose figure has changed: for a moment nothing is there, then a
chart of another height. Here the chart that is there is redrawn, by the code of Plotly that its Python package brings.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import plotly.graph_objects as go
import streamlit as st
from plotly.offline import get_plotlyjs

from ui.charts.webgl import drawable
from ui.components.bundle import component

ARRIVED = """
window.dispatchEvent(new Event('vae-plotly')); // live_chart.js may be waiting
export default function () {}
"""


@cache
def _plotly() -> Callable:
    return st.components.v2.component("plotly", js=get_plotlyjs() + ARRIVED)


@cache
def _chart() -> Callable:
    return component("live_chart", __file__, isolate_styles=False)


def bring_plotly() -> None:
    """Bring Plotly to the browser: once on a page, outside of what is run again and again. It takes no room."""
    _plotly()(key="plotly")


def live_chart(figure: go.Figure, key: str, config: dict, alt: str, height: int | str = "stretch") -> None:
    """Show a figure, `height` pixels high or as high as its container.

    What is drawn under the same `key` changes in place, and what was zoomed into or hidden stays so: another thing to look
    at has to have another key.
    """
    _chart()(key=key, data={"figure": drawable(figure).to_json(), "config": config, "alt": alt}, height=height)
