"""Browsers without WebGL, such as remote desktops often have: their charts are SVG, with a part of the codes.

Plotly draws thousands of dots by WebGL, and an empty grey box where there is none. The browser tells what it lacks (webgl.js);
it is taken to lack nothing until then.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ui.charts.style import FONT_SIZE

LACKING = "lacks_webgl"
MOST = 2000
"""Dots of a figure; as SVG each is an element of the page, and zooming moves all of them."""

PER_DOT = ("x", "y", "customdata", "text", "ids")


def is_lacking() -> bool:
    """Whether this visitor's browser said that it cannot draw by WebGL."""
    return st.session_state.get(LACKING, False)


def note_lacking() -> None:
    """Remember it for the session."""
    st.session_state[LACKING] = True


def drawable(figure: go.Figure) -> go.Figure:
    """The figure as this visitor's browser can draw it."""
    return as_svg(figure) if is_lacking() else figure


def as_svg(figure: go.Figure, most: int = MOST) -> go.Figure:
    """The same figure without WebGL: about `most` of its dots, the same share of each trace, always the same ones.

    Lines stay whole. Where dots are left out, a sentence on the plane says so, and goes with a picture that is taken of it.
    """
    before = {axes: _dots(figure, axes) for axes in dict.fromkeys(map(_axes, figure.data))}
    share = min(1.0, most / max(sum(before.values()), 1))
    drawn = go.Figure([_svg_trace(trace, share) for trace in figure.data], figure.layout)
    for axes, count in before.items():
        if (kept := _dots(drawn, axes)) < count:
            drawn.add_annotation(_note(axes, kept, count))
    return drawn


def _axes(trace: go.Scatter | go.Scattergl) -> tuple[str, str]:
    return trace.xaxis or "x", trace.yaxis or "y"


def _is_dots(trace: go.Scatter | go.Scattergl) -> bool:
    return trace.type.startswith("scatter") and trace.mode == "markers"


def _dots(figure: go.Figure, axes: tuple[str, str]) -> int:
    return sum(len(trace.x) for trace in figure.data if _is_dots(trace) and _axes(trace) == axes)


def _svg_trace(trace: go.Scatter | go.Scattergl, share: float) -> go.Scatter | go.Scattergl:
    if trace.type != "scattergl":
        return trace
    fields = trace.to_plotly_json() | {"type": "scatter"}
    if share < 1 and _is_dots(trace):
        count = len(trace.x)
        kept = np.sort(np.random.default_rng(0).permutation(count)[: max(round(share * count), 1)])
        fields |= {name: np.asarray(fields[name])[kept] for name in PER_DOT if fields.get(name) is not None}
        marker = fields.get("marker", {})
        fields["marker"] = marker | {
            name: np.asarray(value)[kept] for name, value in marker.items() if np.ndim(value) == 1 and len(value) == count
        }
    return go.Scatter(fields)


def _note(axes: tuple[str, str], kept: int, count: int) -> dict:
    words = f"{kept:,} of {count:,} dots are drawn:<br>this browser has no WebGL."
    return {
        "text": words, "name": "no-webgl", "xref": f"{axes[0]} domain", "yref": f"{axes[1]} domain", "x": 0.01, "y": 0.01,
        "xanchor": "left", "yanchor": "bottom", "align": "left", "showarrow": False, "captureevents": False, "borderpad": 3,
        "font": {"size": FONT_SIZE - 2, "color": "#ffffff"}, "bgcolor": "rgba(20,24,29,0.85)",
    }  # fmt: skip
