"""The Plotly figures. Each function takes plain numbers and gives a figure; none knows a widget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ui import palette
from vae.frames import Frame
from vae.latent import make_grid
from vae.training import Report

CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "doubleClick": "reset",
    "modeBarButtons": [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
}
CURVES_CONFIG = {"displaylogo": False, "displayModeBar": False, "doubleClick": "reset"}
FONT_SIZE = 16
MOST_CURVE_POINTS = 600
TERMS = (
    ("elbo", "ELBO", palette.ELBO),
    ("reconstruction", "reconstruction", palette.RECONSTRUCTION),
    ("kl", "KL", palette.KL),
)
_TRANSPARENT = "rgba(0,0,0,0)"
_AXIS = {
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


def plane_extent(frame: Frame) -> float:
    """Half the side of the square, in z, that shows all but the farthest codes and the prior's bulk: at least 3."""
    distances = frame.codes.posterior.mean.abs().amax(1)
    far = float(np.quantile(distances.numpy(), 0.998)) if len(distances) else 0.0
    return math.ceil(2 * max(3.0, far * 1.05)) / 2


def scatter(frame: Frame, class_names: Sequence[str], noun: str, legend_rows: int = 1) -> go.Figure:
    """The codes of the held-out images by class, each class named at the median of its codes."""
    means, labels = frame.codes.posterior.mean.numpy(), frame.labels.numpy()
    figure = go.Figure()
    size = 9 if len(labels) < 1500 else 5
    short = max(map(len, class_names), default=0) < 3
    for label, name in enumerate(class_names):
        probes = np.flatnonzero(labels == label)
        color = palette.CLASSES[label % len(palette.CLASSES)]
        figure.add_scattergl(
            x=means[probes, 0],
            y=means[probes, 1],
            customdata=probes,
            name=name,
            mode="markers",
            marker={"size": size, "color": color, "opacity": 0.75},
            hovertemplate=f"{noun} <b>{name}</b><br>z1 %{{x:.3f}}<br>z2 %{{y:.3f}}<extra></extra>",
        )
        if len(probes):
            x, y = np.median(means[probes], axis=0)
            figure.add_annotation(
                x=float(x), y=float(y), text=f"<b>{name}</b>", name=name, showarrow=False, captureevents=False,
                font={"size": 22 if short else FONT_SIZE, "color": "white"}, bgcolor=color,
                bordercolor="white", borderwidth=1.5, borderpad=3,
            )  # fmt: skip
    extent = plane_extent(frame)
    legend = {
        "orientation": "h", "x": -0.02, "xanchor": "left", "y": 1.01, "yanchor": "bottom",
        "font_size": FONT_SIZE, "itemsizing": "constant",
        "entrywidthmode": "fraction", "entrywidth": 0.092 if short and legend_rows == 1 else 0.19,
    }  # fmt: skip
    figure.update_layout(legend=legend)
    return _plane(figure, [-extent, extent])


def manifold(picture: str, size: int, extent: float, layout: str) -> go.Figure:
    """The manifold grid, a picture (data URL) of `size` x `size` decoded cells, on its axes.

    The linear layout has z itself on the axes. The quantile layout counts cells from 0 and names z at some of them.
    """
    edge = [-extent, extent] if layout == "linear" else [-0.5, size - 0.5]
    figure = go.Figure(go.Scatter(x=edge, y=edge, mode="markers", marker_opacity=0, hoverinfo="skip", showlegend=False))
    figure.add_layout_image(
        source=picture, xref="x", yref="y", x=edge[0], y=edge[1], sizex=edge[1] - edge[0], sizey=edge[1] - edge[0],
        sizing="stretch", layer="above",
    )  # fmt: skip
    _plane(figure, edge)
    if layout == "quantile":
        values = make_grid(size, extent, layout).z1.tolist()
        shown = sorted({round(index * (size - 1) / 6) for index in range(7)})
        ticks = {"tickvals": shown, "ticktext": [f"{values[index]:.2f}" for index in shown], "zeroline": False}
        figure.update_xaxes(**ticks)
        figure.update_yaxes(**ticks)
    return figure


def _plane(figure: go.Figure, edge: list[float]) -> go.Figure:
    figure.update_xaxes(title="z1", range=edge, constrain="domain", **_AXIS)
    figure.update_yaxes(title="z2", range=edge, scaleanchor="x", constrain="domain", **_AXIS)
    margin = {"l": 56, "r": 6, "t": 58, "b": 54, "pad": 0, "autoexpand": False}
    toolbar = {
        "orientation": "v", "bgcolor": _TRANSPARENT, "color": palette.NEUTRAL, "activecolor": palette.ELBO,
    }  # fmt: skip
    return _styled(figure, dragmode="pan", hovermode="closest", margin=margin, modebar=toolbar)


def _styled(figure: go.Figure, **layout: object) -> go.Figure:
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
    figure.update_xaxes(range=[0, epochs], **_CURVE_AXIS)
    figure.update_yaxes(**_CURVE_AXIS)
    figure.update_xaxes(title="epoch", row=3, col=1)
    legend = {
        "orientation": "h",
        "y": 1.01,
        "yanchor": "bottom",
        "x": 0,
        "font_size": FONT_SIZE,
        "title": {"text": "nats per image: "},
    }
    return _styled(figure, margin={"l": 84, "r": 12, "t": 36, "b": 56}, legend=legend, dragmode="pan")


_CURVE_AXIS = {
    "showgrid": True,
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
