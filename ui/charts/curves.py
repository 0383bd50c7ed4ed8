"""The ELBO and its two terms over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ui.charts import palette
from ui.charts.style import FONT_SIZE, line_axis, styled
from ui.text import charted
from vae.training.report import Report

CURVES_CONFIG = {"displaylogo": False, "displayModeBar": False, "doubleClick": "reset"}
MOST_CURVE_POINTS = 600
MOST_WORDS = 60
MARK = {"color": palette.NEUTRAL, "width": 1.5, "dash": "dot"}
TERMS = (
    ("elbo", "ELBO", palette.ELBO),
    ("reconstruction", "reconstruction", palette.RECONSTRUCTION),
    ("kl", "KL", palette.KL),
)


def curves(reports: Sequence[Report], epochs: int, steps_per_epoch: float, whole: bool = False) -> go.Figure:
    """The ELBO and its two terms over the epochs: solid as training saw them, dashed on the held-out images.

    The horizontal axis spans the whole training from the start, so that a live curve grows and its axis stands still.
    The vertical ones show what comes after the first, steep steps, or the `whole` training.
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
        seen = [[getattr(report, field) for report in chosen] for chosen in (train, held_out)]
        low, high = whole_range(*seen) if whole else y_range(*seen)
        figure.update_yaxes(
            title={"text": f"<b>{name}</b>", "font_color": color, "standoff": 8}, range=[low, high], nticks=5, row=row, col=1
        )
    marks = control_marks(reports, steps_per_epoch)
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
    figure = styled(figure, margin={"l": 84, "r": 12, "t": 36, "b": 56}, legend=legend, dragmode="pan")
    return figure.update_yaxes(uirevision=f"whole {whole}")


def control_marks(reports: Sequence[Report], steps_per_epoch: float) -> list[tuple[float, str]]:
    """Where on the axis of epochs something was changed by hand, and what."""
    marks, before = [], 0
    for report in reports:
        if report.scope == "steps":
            if report.steered:
                marks.append((before / steps_per_epoch, report.steered[:MOST_WORDS]))
            before = report.step
    return marks


def y_range(train: Sequence[float], held_out: Sequence[float]) -> tuple[float, float]:
    """A vertical range in which the later part of a curve is seen and its steep first moments may be cut off."""
    settled = list(train[len(train) // 12 :]) + list(held_out[1:] if len(held_out) > 3 else held_out)
    values = settled or [0.0, 1.0]
    low, high = float(np.quantile(values, 0.01)), float(np.quantile(values, 0.99))
    low, high = min(low, *held_out[-1:], low), max(high, *held_out[-1:], high)
    margin = max((high - low) * 0.08, 0.5)
    return low - margin, high + margin


def whole_range(train: Sequence[float], held_out: Sequence[float]) -> tuple[float, float]:
    """A vertical range in which all of a curve is seen."""
    values = [*train, *held_out] or [0.0, 1.0]
    margin = max((max(values) - min(values)) * 0.05, 0.5)
    return min(values) - margin, max(values) + margin


def thin_out(reports: Sequence[Report], most: int = MOST_CURVE_POINTS) -> list[Report]:
    """At most `most` of the reports, evenly spread, the first and the last among them."""
    if len(reports) <= most:
        return list(reports)
    return [reports[round(index * (len(reports) - 1) / (most - 1))] for index in range(most)]
