"""The Plotly figures. Each function takes plain numbers and gives a figure; none knows a widget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas  # noqa: F401  (Plotly looks into a pandas that another visitor's thread may have imported by half)
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from ui import palette
from ui.names import box_of, middles_of, stand
from ui.text import charted
from vae.report import Report

CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "doubleClick": "reset",
    "modeBarButtons": [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
}
CURVES_CONFIG = {"displaylogo": False, "displayModeBar": False, "doubleClick": "reset"}
FONT_SIZE = 16
MOST_CURVE_POINTS = 600
MOST_WORDS = 60
MARK = {"color": palette.NEUTRAL, "width": 1.5, "dash": "dot"}
TERMS = (
    ("elbo", "ELBO", palette.ELBO),
    ("reconstruction", "reconstruction", palette.RECONSTRUCTION),
    ("kl", "KL", palette.KL),
)
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


@dataclass(frozen=True)
class Axes:
    """How a plane lies on the screen: the axes' names, half their length in z, and whether the plane is a strip.

    The `quantile` scale has the prior's distribution function on its axes: every stretch holds as much of N(0, I) as any
    other of its length.
    """

    names: tuple[str, str]
    extent: float
    scale: str = "linear"
    strip: bool = False

    def place(self, values: Tensor) -> np.ndarray:
        """Axis values of plane coordinates."""
        return (torch.special.ndtr(values.double()) if self.scale == "quantile" else values).numpy()


def plane_extent(places: Tensor) -> float:
    """Half the side of the square that shows 199 of 200 codes (N, 2) and the prior's bulk: at least 3."""
    distances = places.abs().amax(1)
    far = float(np.quantile(distances.numpy(), 0.995)) if len(distances) else 0.0
    return math.ceil(2 * max(3.0, far * 1.05)) / 2


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
    for label, place in _name_places(x, y, labels, class_names, axes, font, side).items():
        figure.add_annotation(class_note(class_names[label], place, palette.of_class(label), font))
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
    edge = [0, 1] if axes.scale == "quantile" else [-axes.extent, axes.extent]
    figure = go.Figure(go.Scatter(x=edge, y=edge, mode="markers", marker_opacity=0, hoverinfo="skip", showlegend=False))
    return _strip(figure, axes, ("",)) if axes.strip else _plane(figure, axes)


def _name_places(
    x: np.ndarray, y: np.ndarray, labels: np.ndarray, class_names: Sequence[str], axes: Axes, font: int, side: float
) -> dict[int, tuple[float, float]]:
    """Where each class's name stands: on a strip in its row."""
    places = np.stack([x, y], 1).astype(np.float64)
    if axes.strip:
        return {label: (middle[0], label) for label, middle in middles_of(places, labels, len(class_names)).items()}
    span = 1 if axes.scale == "quantile" else 2 * axes.extent
    return stand(places, labels, [box_of(name, font) for name in class_names], span / side)


def class_note(name: str, place: Sequence[float], paint: str, font: int) -> dict:
    """A class's name in a box of its colour `paint`, as an annotation at a place on the axes."""
    return {
        "x": float(place[0]), "y": float(place[1]), "text": f"<b>{charted(name)}</b>", "name": name, "showarrow": False,
        "font": {"size": font, "color": palette.ink_on(paint)}, "bgcolor": paint, "bordercolor": "white", "borderwidth": 1.5,
        "borderpad": 3, "captureevents": False,
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
    edge = [0, 1] if axes.scale == "quantile" else [-axes.extent, axes.extent]
    ticks = _quantile_ticks() if axes.scale == "quantile" else {}
    figure.update_xaxes(title=axes.names[0], range=edge, constrain="domain", **PLANE_AXIS, **ticks)
    figure.update_yaxes(title=axes.names[1], range=edge, scaleanchor="x", constrain="domain", **PLANE_AXIS, **ticks)
    return framed(figure)


def _strip(figure: go.Figure, axes: Axes, class_names: Sequence[str]) -> go.Figure:
    """One row for each class; below them there is room for the manifold's images."""
    edge = [0, 1] if axes.scale == "quantile" else [-axes.extent, axes.extent]
    ticks = _quantile_ticks() if axes.scale == "quantile" else {}
    rows = {"tickvals": list(range(len(class_names))), "ticktext": list(map(charted, class_names))}
    figure.update_xaxes(title=axes.names[0], range=edge, **PLANE_AXIS, **ticks)
    figure.update_yaxes(range=[-1.6, len(class_names) - 0.4], **(PLANE_AXIS | {"zeroline": False}), **rows)
    widest = max(map(len, class_names))
    if widest < 3:
        figure.update_yaxes(title="class")  # longer names say it themselves
    return framed(figure).update_layout(margin_l=max(56, round(16 + 0.6 * FONT_SIZE * widest)))


def _quantile_ticks() -> dict:
    values = [-2, -1, -0.5, 0, 0.5, 1, 2]
    shares = torch.special.ndtr(torch.tensor(values, dtype=torch.float64)).tolist()
    return {"tickvals": shares, "ticktext": [f"{value:g}".replace("-", "−") for value in values]}


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


def curves(reports: Sequence[Report], epochs: int, steps_per_epoch: float) -> go.Figure:
    """The ELBO and its two terms over the epochs: solid as training saw them, dashed on the held-out images.

    The horizontal axis spans the whole training from the start, so that a live curve grows and its axis stands still.
    """
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.05)
    train = thin_out([report for report in reports if report.split == "train" and report.scope == "steps"])
    held_out = thin_out([report for report in reports if report.split == "held_out"])
    for row, (field, name, color) in enumerate(TERMS, start=1):
        for chosen, dash, where in ((train, "solid", "train"), (held_out, "dash", "held out")):
            few = where == "held out" and len(chosen) < 40
            figure.add_scatter(
                x=[report.step / steps_per_epoch for report in chosen],
                y=[getattr(report, field) for report in chosen],
                name=where, legendgroup=where, showlegend=row == 1,
                mode="lines+markers" if few else "lines",
                line={"color": color, "dash": dash, "width": 3 if dash == "dash" else 2.5},
                marker={"size": 7}, opacity=1.0 if dash == "dash" else 0.65,
                hovertemplate=f"{name}, {where}<br>epoch %{{x:.2f}}<br><b>%{{y:.2f}}</b> nats per image<extra></extra>",
                row=row, col=1,
            )  # fmt: skip
        low, high = y_range([getattr(report, field) for report in train], [getattr(report, field) for report in held_out])
        figure.update_yaxes(
            title={"text": f"<b>{name}</b>", "font_color": color, "standoff": 8}, range=[low, high], nticks=5, row=row, col=1
        )
    marks = steering_marks(reports, steps_per_epoch)
    lines = [{"type": "line", "x0": epoch, "x1": epoch, "y0": 0, "y1": 1, "yref": "paper", "line": MARK} for epoch, _ in marks]
    labels = [
        {
            "x": epoch, "y": 0.02 + 0.12 * (mark % 3), "yref": "y domain", "text": f" {charted(words)}", "showarrow": False,
            "xanchor": "left", "yanchor": "bottom", "font_size": FONT_SIZE - 1,
        }
        for mark, (epoch, words) in enumerate(marks)
    ]  # fmt: skip
    figure.update_layout(shapes=lines, annotations=labels)  # all at once: one by one each would cost more than the one before
    figure.update_xaxes(range=[0, epochs], **line_axis())
    figure.update_yaxes(**line_axis())
    figure.update_xaxes(title="epoch", row=3, col=1)
    legend = {
        "orientation": "h",
        "y": 1.01,
        "yanchor": "bottom",
        "x": 0,
        "font_size": FONT_SIZE,
        "title": {"text": "nats per image: "},
    }
    return styled(figure, margin={"l": 84, "r": 12, "t": 36, "b": 56}, legend=legend, dragmode="pan")


def steering_marks(reports: Sequence[Report], steps_per_epoch: float) -> list[tuple[float, str]]:
    """Where on the axis of epochs something was changed by hand, and what."""
    marks, before = [], 0
    for report in reports:
        if report.scope == "steps":
            if report.steered:
                marks.append((before / steps_per_epoch, report.steered[:MOST_WORDS]))
            before = report.step
    return marks


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


def y_range(train: Sequence[float], held_out: Sequence[float]) -> tuple[float, float]:
    """A vertical range in which the later part of a curve is seen and its steep first moments may be cut off."""
    settled = list(train[len(train) // 12 :]) + list(held_out[1:] if len(held_out) > 3 else held_out)
    values = settled or [0.0, 1.0]
    low, high = float(np.quantile(values, 0.01)), float(np.quantile(values, 0.99))
    low, high = min(low, *held_out[-1:], low), max(high, *held_out[-1:], high)
    margin = max((high - low) * 0.08, 0.5)
    return low - margin, high + margin


def thin_out(reports: Sequence[Report], most: int = MOST_CURVE_POINTS) -> list[Report]:
    """At most `most` of the reports, evenly spread, the first and the last among them."""
    if len(reports) <= most:
        return list(reports)
    return [reports[round(index * (len(reports) - 1) / (most - 1))] for index in range(most)]
