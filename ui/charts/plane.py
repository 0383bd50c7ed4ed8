"""The Plotly figures. Each function takes plain numbers and gives a figure; none knows a widget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas  # noqa: F401  (Plotly looks into a pandas that another visitor's thread may have imported by half)
import plotly.graph_objects as go
import torch
from torch import Tensor

from ui.charts import palette
from ui.charts.label_placement import box_of, middles_of, stand_at_clusters
from ui.charts.style import FONT_SIZE, PLANE_AXIS, framed
from ui.text import charted


@dataclass(frozen=True)
class Axes:
    """How a plane lies on the screen: the axes' names, half their length in z, whether the plane is a strip, and its middle.

    The `quantile` scale has the prior's distribution function on its axes: every stretch holds as much of N(0, I) as any
    other of its length.
    """

    names: tuple[str, str]
    extent: float
    scale: str = "linear"
    strip: bool = False
    middle: tuple[float, float] = (0.0, 0.0)

    def edge(self, axis: int) -> list[float]:
        """Where an axis begins and ends."""
        middle = self.middle[axis]
        return [0, 1] if self.scale == "quantile" else [middle - self.extent, middle + self.extent]

    def place(self, values: Tensor) -> np.ndarray:
        """Axis values of plane coordinates."""
        return (torch.special.ndtr(values.double()) if self.scale == "quantile" else values).numpy()


def scatter(
    places: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    axes: Axes,
    colour: Sequence[float] | None = None,
    colour_name: str = "",
    legend_rows: int = 1,
    side: float = 640,
) -> go.Figure:
    """Codes at plane coordinates (N, 2), each class named at the median of its codes, or beside it.

    They are coloured by class, or by `colour`, a number for each code. On a strip each class has a row. Names are kept from
    covering each other on a plane of `side` pixels, or more. The legend takes `legend_rows`, or as many as long names need.
    """
    x, labels = axes.place(places[:, 0]), labels.numpy()
    y = labels + jitter(len(labels)) if axes.strip else axes.place(places[:, 1])
    figure = go.Figure()
    size = 9 if len(labels) < 1500 else 5
    style = {"mode": "markers", "hoverinfo": "skip"}
    short = max(map(len, class_names), default=0) < 3
    legend_rows = max(legend_rows, 1 if short else 2)
    if colour is not None:
        order = np.arange(len(labels))
        marker = {"size": size, "color": colour, "opacity": 0.85, "colorscale": "Viridis", "colorbar": _colour_bar()}
        marker |= dict(zip(("cmin", "cmax"), np.quantile(colour, [0.01, 0.99]).tolist(), strict=True))
        figure.add_scattergl(x=x, y=y, customdata=order, name="", marker=marker, showlegend=False, **style)
        figure.add_annotation(_colour_title(colour_name))
    for label, name in enumerate(class_names):
        probes = np.flatnonzero(labels == label)
        paint = palette.of_class(label)
        if colour is None:
            marker = {"size": size, "color": paint, "opacity": 0.75}
            figure.add_scattergl(x=x[probes], y=y[probes], customdata=probes, name=charted(name), marker=marker, **style)
    font = 22 if short else FONT_SIZE
    for label, place in _name_places(x, y, labels, class_names, axes, font, side):
        figure.add_annotation(class_note(class_names[label], place, label, font))
    legend = {
        "orientation": "h", "x": -0.02, "xanchor": "left", "y": 1.01, "yanchor": "bottom",
        "font_size": FONT_SIZE, "itemsizing": "constant",
        "entrywidthmode": "fraction", "entrywidth": 0.092 if legend_rows == 1 else 0.17,
    }  # fmt: skip
    figure.update_layout(legend=legend)
    figure = _strip(figure, axes, class_names) if axes.strip else _plane(figure, axes)
    return figure.update_layout(margin_t=18 + 22 * legend_rows)


def empty_plane(axes: Axes) -> go.Figure:
    """A plane without codes, for a run whose codes are not there."""
    figure = go.Figure(
        go.Scatter(x=axes.edge(0), y=axes.edge(1), mode="markers", marker_opacity=0, hoverinfo="skip", showlegend=False)
    )
    return _strip(figure, axes, ("",)) if axes.strip else _plane(figure, axes)


def _name_places(
    x: np.ndarray, y: np.ndarray, labels: np.ndarray, class_names: Sequence[str], axes: Axes, font: int, side: float
) -> list[tuple[int, Sequence[float]]]:
    """Where each class's names stand: on a strip in its row."""
    places = np.stack([x, y], 1).astype(np.float64)
    if axes.strip:
        return [(label, (middle[0], label)) for label, middle in middles_of(places, labels, len(class_names)).items()]
    span = 1 if axes.scale == "quantile" else 2 * axes.extent
    return stand_at_clusters(places, labels, [box_of(name, font) for name in class_names], span / side)


def class_note(name: str, place: Sequence[float], label: int, font: int) -> dict:
    """The name of the class of this number in a box of its colour, as an annotation at a place on the axes."""
    return {
        "x": float(place[0]), "y": float(place[1]), "text": f"<b>{charted(name)}</b>", "name": name, "showarrow": False,
        "font": {"size": font, "color": palette.ink_of_class(label)}, "bgcolor": palette.of_class(label),
        "bordercolor": "white", "borderwidth": 1.5, "borderpad": 3, "captureevents": False,
    }  # fmt: skip


def _colour_bar() -> dict:
    return {
        "orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "thickness": 12, "len": 0.62, "ypad": 4,
        "tickfont_size": FONT_SIZE - 2, "outlinewidth": 0,
    }  # fmt: skip


def _colour_title(name: str) -> dict:
    return {
        "text": f"<b>{name}</b>, nats", "name": "colour", "xref": "paper", "yref": "paper", "x": 0.64, "y": 1.01,
        "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font_size": FONT_SIZE,
    }  # fmt: skip


def jitter(count: int) -> np.ndarray:
    """A little height for codes on a strip, so that they are not all on one line."""
    return np.random.default_rng(0).uniform(-0.32, 0.32, count)


def _plane(figure: go.Figure, axes: Axes) -> go.Figure:
    ticks = _quantile_ticks() if axes.scale == "quantile" else {}
    figure.update_xaxes(title=axes.names[0], range=axes.edge(0), constrain="domain", **PLANE_AXIS, **ticks)
    figure.update_yaxes(title=axes.names[1], range=axes.edge(1), scaleanchor="x", constrain="domain", **PLANE_AXIS, **ticks)
    return framed(figure)


def _strip(figure: go.Figure, axes: Axes, class_names: Sequence[str]) -> go.Figure:
    """One row for each class; below them there is room for the manifold's images."""
    ticks = _quantile_ticks() if axes.scale == "quantile" else {}
    rows = {"tickvals": list(range(len(class_names))), "ticktext": list(map(charted, class_names))}
    figure.update_xaxes(title=axes.names[0], range=axes.edge(0), **PLANE_AXIS, **ticks)
    figure.update_yaxes(range=[-1.6, len(class_names) - 0.4], **(PLANE_AXIS | {"zeroline": False}), **rows)
    widest = max(map(len, class_names))
    if widest < 3:
        figure.update_yaxes(title="class")  # longer names say it themselves
    return framed(figure).update_layout(margin_l=max(56, round(16 + 0.6 * FONT_SIZE * widest)))


def _quantile_ticks() -> dict:
    values = [-2, -1, -0.5, 0, 0.5, 1, 2]
    shares = torch.special.ndtr(torch.tensor(values, dtype=torch.float64)).tolist()
    return {"tickvals": shares, "ticktext": [f"{value:g}".replace("-", "−") for value in values]}


def ellipse(mean: Tensor, covariance: Tensor, radius: float) -> np.ndarray:
    """Points (97, 2) of mean + radius * L (cos, sin) with L L^T = covariance (2, 2): `radius` standard deviations away."""
    angles = torch.linspace(0, 2 * math.pi, 97, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(covariance.double())
    root = vectors * values.clamp_min(0).sqrt()
    return (mean.double() + radius * torch.stack([angles.cos(), angles.sin()], 1) @ root.T).numpy()
