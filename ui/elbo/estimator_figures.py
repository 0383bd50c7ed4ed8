"""Figures of estimates: how they settle, how they scatter, and how two kinds of gradient differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from ui.charts import palette
from ui.charts.style import FONT_SIZE, line_axis, styled
from vae.evidence.monte_carlo import Running

CURVE_POINTS = 200
FILL = "rgba(217,115,13,0.25)"
BASELINE = "#d8639a"
"""The score function's hue, lighter."""


def settling(running: Running, exact: float, name: str) -> go.Figure:
    """A running mean within three standard errors, over the number of samples, and the exact value it settles on."""
    count = len(running.mean)
    places = np.unique(np.geomspace(2, count, CURVE_POINTS).astype(int)) - 1
    mean, error = running.mean.numpy()[places], 3 * running.standard_error.numpy()[places]
    samples = places + 1
    figure = go.Figure()
    edge = {"mode": "lines", "line_width": 0, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=samples, y=mean + error, **edge)
    figure.add_scatter(
        x=samples, y=mean - error, fill="tonexty", fillcolor=FILL, **(edge | {"showlegend": True}), name="± 3 standard errors"
    )
    figure.add_scatter(x=samples, y=mean, mode="lines", line={"color": palette.KL, "width": 3}, name="mean of the samples")
    figure.add_hline(y=exact, line={"color": palette.NEUTRAL, "width": 2.5, "dash": "dash"})
    figure.update_xaxes(type="log", title="samples", **line_axis())
    figure.update_yaxes(title=f"{name}, nats", **line_axis())
    legend = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font_size": FONT_SIZE - 1}
    return styled(figure, legend=legend, margin={"l": 76, "r": 8, "t": 34, "b": 52}, dragmode=False)


def scattering(estimates: dict[int, Tensor]) -> go.Figure:
    """Estimates of one term (repetitions,) from so many samples each: every dot is one estimate."""
    figure = go.Figure()
    for count, values in estimates.items():
        figure.add_box(
            y=values.numpy(), name=f"{count:,}", boxpoints="all", jitter=0.6, pointpos=0, fillcolor="rgba(0,0,0,0)",
            marker={"color": palette.RECONSTRUCTION, "size": 5, "opacity": 0.6}, line={"color": palette.NEUTRAL, "width": 1.5},
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    figure.update_xaxes(title="samples in each estimate", type="category", **line_axis(showgrid=False))
    figure.update_yaxes(title="reconstruction term, nats", **line_axis())
    return styled(figure, margin={"l": 76, "r": 8, "t": 10, "b": 52}, dragmode=False)


GRADIENT_KINDS = (
    ("through z = mean + sigma · ε", palette.RECONSTRUCTION),
    ("score function", palette.GAP),
    ("score function with a baseline", BASELINE),
)


def gradient_histograms(drawn: Sequence[Tensor], names: tuple[str, ...]) -> go.Figure:
    """Single-sample gradients (K, D) of each kind in a row, one column for each of the dimensions in `names`."""
    figure = make_subplots(rows=len(drawn), cols=len(names), vertical_spacing=0.14, horizontal_spacing=0.08)
    kinds = [(kind, gradients, colour) for (kind, colour), gradients in zip(GRADIENT_KINDS, drawn, strict=True)]
    for row, (kind, gradients, colour) in enumerate(kinds, start=1):
        for column, name in enumerate(names, start=1):
            values = gradients[:, column - 1].numpy()
            low, high = np.quantile(values, [0.005, 0.995])
            heights, edges = np.histogram(values, bins=50, range=(low, max(high, low + 1e-9)))
            figure.add_bar(
                x=(edges[1:] + edges[:-1]) / 2, y=heights, width=edges[1] - edges[0], marker_color=colour, name=kind,
                showlegend=column == 1, hoverinfo="skip", row=row, col=column,
            )  # fmt: skip
            mean = {"color": palette.NEUTRAL, "width": 3, "dash": "dash"}
            figure.add_vline(x=float(values.mean()), line=mean, row=row, col=column)
            if row == len(kinds):
                figure.update_xaxes(title=f"gradient by the mean of {name}", row=row, col=column)
    figure.update_xaxes(**line_axis())
    figure.update_yaxes(showticklabels=False, **line_axis(showgrid=False))
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font_size": FONT_SIZE - 1}
    return styled(figure, legend=legend, margin={"l": 16, "r": 8, "t": 36, "b": 52}, dragmode=False, bargap=0)
