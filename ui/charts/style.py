"""How every figure looks: font, axes, lines."""

from __future__ import annotations

import plotly.graph_objects as go

from ui.charts import palette

CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "doubleClick": "reset",
    "modeBarButtons": [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
}
FONT_SIZE = 16
_TRANSPARENT = "rgba(0,0,0,0)"
PLANE_AXIS = {
    "showgrid": False,
    "zeroline": True,
    "zerolinecolor": palette.NEUTRAL,
    "zerolinewidth": 1,
    "showline": True,
    "linecolor": palette.NEUTRAL,
    "mirror": True,
    "ticks": "outside",
    "tickcolor": palette.NEUTRAL,
    "tickfont_size": FONT_SIZE - 1,
    "title_font_size": FONT_SIZE + 2,
}


def framed(figure: go.Figure) -> go.Figure:
    """The frame and the behaviour of a plane; one unit is as long on both axes unless the figure says otherwise."""
    margin = {"l": 56, "r": 6, "t": 40, "b": 54, "pad": 0, "autoexpand": False}
    toolbar = {
        "orientation": "v", "bgcolor": _TRANSPARENT, "color": palette.NEUTRAL, "activecolor": palette.ELBO,
    }  # fmt: skip
    return styled(figure, dragmode="pan", hovermode=False, margin=margin, modebar=toolbar)


def styled(figure: go.Figure, **layout: object) -> go.Figure:
    """What all figures have in common."""
    hover = {"font_size": FONT_SIZE, "font_color": "#14181d", "bgcolor": "white"}
    transparent = {"paper_bgcolor": _TRANSPARENT, "plot_bgcolor": _TRANSPARENT}
    return figure.update_layout(font_size=FONT_SIZE, uirevision="keep", hoverlabel=hover, **transparent, **layout)


def line_axis(showgrid: bool = True) -> dict:
    """An axis of a figure of lines or columns."""
    return {
        "showgrid": showgrid,
        "gridcolor": "rgba(125,135,148,0.25)",
        "zeroline": False,
        "showline": True,
        "linecolor": palette.NEUTRAL,
        "tickfont_size": FONT_SIZE - 1,
        "title_font_size": FONT_SIZE + 1,
    }
