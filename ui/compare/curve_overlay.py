"""The held-out curves of several runs in one figure: a panel for each term, a colour and a dash for each run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ui.charts import palette
from ui.charts.curves import TERMS, thin_out
from ui.charts.markup import signed
from ui.charts.style import FONT_SIZE, line_axis, styled
from ui.text import charted
from vae.training.trainer import Report

DASHES = ("solid", "dash", "dot", "dashdot")
"""Together with `palette.RUNS`: nobody has to tell colours apart."""

CUT = 60.0
"""Nats below the best run's end that a panel of the ELBO or of the reconstruction term shows, where two runs are left."""

DECADE = 10.0
"""KL terms that end farther apart than by this factor are drawn on a logarithmic axis."""

ROOM = 0.105
"""Right of each panel, as a share of the figure's width, for the runs' names."""

APART = 0.085
"""Between two names, as a share of the panel's height."""

LONGEST_NAME = 16


@dataclass(frozen=True)
class Curve:
    """A run's name, its reports of the held-out images, and which of the colours and dashes is its own."""

    name: str
    reports: Sequence[Report]
    place: int

    def values(self, term: str) -> list[float]:
        """A term over the epochs, in nats per image."""
        return [getattr(report, term) for report in self.reports]


@dataclass(frozen=True)
class Range:
    """What a panel shows, in nats; on a logarithmic axis both ends are positive."""

    low: float
    high: float
    logarithmic: bool = False

    def height(self, value: float) -> float:
        """How high a value lies in the panel: 0 at its lower edge, 1 at its upper one, beyond where it is cut off."""
        low, high, value = (math.log10(max(v, 1e-9)) for v in (self.low, self.high, value)) if self.logarithmic else (
            self.low, self.high, value,
        )  # fmt: skip
        return (value - low) / (high - low)


def overlay(curves: Sequence[Curve]) -> go.Figure:
    """ELBO, reconstruction and KL side by side, each run named where its line ends."""
    curves = [Curve(curve.name, thin_out(curve.reports), curve.place) for curve in curves if curve.reports]
    figure, width = go.Figure(), (1 - 0.045) / len(TERMS)
    epochs = max((curve.reports[-1].epoch for curve in curves), default=1)
    for index, (term, name, colour) in enumerate(TERMS):
        shown = panel_range(curves, term)
        axis = "" if index == 0 else str(index + 1)
        left = 0.045 + index * width
        _panel_axes(figure, axis, [left, left + width - ROOM], epochs, shown, name, colour)
        for curve in curves:
            _line(figure, curve, term, axis, name)
        for note in end_notes(curves, term, shown):
            figure.add_annotation(note | {"xref": f"x{axis}", "yref": f"y{axis} domain"})
    return styled(figure, margin={"l": 0, "r": 0, "t": 34, "b": 50}, showlegend=False, dragmode="pan")


def _panel_axes(figure: go.Figure, axis: str, domain: list[float], epochs: int, shown: Range, name: str, colour: str) -> None:
    ends = [math.log10(shown.low), math.log10(shown.high)] if shown.logarithmic else [shown.low, shown.high]
    scale = {"type": "log", "dtick": "D2"} if shown.logarithmic else {"nticks": 6}
    figure.update_layout(
        {
            f"xaxis{axis}": line_axis() | {"domain": domain, "anchor": f"y{axis}", "range": [0, epochs], "title": "epoch"},
            f"yaxis{axis}": line_axis() | {"anchor": f"x{axis}", "range": ends} | scale,
        }
    )
    title = f"<b>{name}</b>" + (", logarithmic" if shown.logarithmic else "")
    figure.add_annotation(
        text=title, xref=f"x{axis} domain", yref=f"y{axis} domain", x=0, y=1.02, xanchor="left", yanchor="bottom",
        showarrow=False, name="title", font={"size": FONT_SIZE + 2, "color": colour},
    )  # fmt: skip


def _line(figure: go.Figure, curve: Curve, term: str, axis: str, name: str) -> None:
    figure.add_scatter(
        x=[report.epoch for report in curve.reports], y=curve.values(term), name=charted(curve.name),
        xaxis=f"x{axis}", yaxis=f"y{axis}",
        mode="lines+markers" if len(curve.reports) < 4 else "lines", marker={"size": 8},
        line={"color": palette.RUNS[curve.place], "dash": DASHES[curve.place], "width": 3},
        hovertemplate=f"{charted(curve.name)}, {name}<br>epoch %{{x}}<br><b>%{{y:.2f}}</b> nats per image<extra></extra>",
    )  # fmt: skip


def panel_range(curves: Sequence[Curve], term: str) -> Range:
    """The vertical range of a term's panel: all of the later epochs, of the runs that are not far below the best."""
    ends = [curve.values(term)[-1] for curve in curves]
    if not ends:
        return Range(0.0, 1.0)
    if term == "kl" and max(ends) > DECADE * min(ends) > 0:
        values = [value for curve in curves for value in _settled(curve.values(term))]
        return Range(max(min(values), 1e-3) / 1.4, max(values) * 1.4, logarithmic=True)
    near = [curve for curve, end in zip(curves, ends, strict=True) if term == "kl" or end > max(ends) - CUT]
    values = [value for curve in (near if len(near) > 1 else curves) for value in _settled(curve.values(term))]
    margin = max(0.08 * (max(values) - min(values)), 0.5)
    return Range(min(values) - margin, max(values) + margin)


def _settled(values: list[float]) -> list[float]:
    """A curve without its steep first moments."""
    return values[len(values) // 5 :]


def end_notes(curves: Sequence[Curve], term: str, shown: Range) -> list[dict]:
    """Each run's name where its line ends, moved apart where lines end together; with an arrow and the value where the end
    is cut off."""
    ends = [(shown.height(curve.values(term)[-1]), curve) for curve in curves]
    ordered = sorted(ends, key=lambda end: end[0])
    heights = apart([min(max(height, 0.0), 1.0) for height, _ in ordered])
    notes = []
    for place, (height, curve) in zip(heights, ordered, strict=True):
        words = charted(curve.name if len(curve.name) <= LONGEST_NAME else curve.name[: LONGEST_NAME - 1] + "…")
        if not -0.001 <= height <= 1.001:
            words += f"<br>{'↓' if height < 0 else '↑'} {signed(curve.values(term)[-1], 0)}"
        font = {"size": FONT_SIZE - 2, "color": palette.RUNS[curve.place]}
        notes.append(
            {
                "x": curve.reports[-1].epoch, "y": place, "xanchor": "left", "yanchor": "middle", "xshift": 6,
                "text": f"<b>{words}</b>", "showarrow": False, "name": curve.name, "font": font,
            }
        )  # fmt: skip
    return notes


def apart(heights: Sequence[float], least: float = APART) -> list[float]:
    """Ascending heights in [0, 1], moved as little as it takes to be `least` apart and to stay within."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + least) if moved else height)
    top = 1.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], top)
        top = moved[index] - least
    return moved
