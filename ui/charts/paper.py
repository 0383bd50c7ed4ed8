"""A plane's chart as a drawing for papers: what the chart draws, with its axes labelled, and what lies over it."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from ui.charts.palette import LIGHT
from ui.charts.vector import Dots, Drawing, Line, Words

SIDE, LEFT, BELOW, ABOVE, RIGHT = 320, 56, 46, 10, 90
"""Points; the legend stands at the right."""

RADIUS, TICK = 0.9, 4
TICKS = 6
"""About so many on an axis whose chart leaves them to Plotly."""

SHADES = 24
"""Of a colour scale."""


def drawing(figure: go.Figure, lines: Sequence[np.ndarray] = (), pin: Sequence[float] | None = None) -> Drawing:
    """The dots of a figure of `ui.charts.plane`, dashed `lines` (N, 2) and a cross at `pin`, all in values of its axes."""
    ranges = [list(map(float, axis.range)) for axis in (figure.layout.xaxis, figure.layout.yaxis)]

    def on_sheet(points: np.ndarray) -> list[tuple[float, float]]:
        shares = [(points[:, axis] - low) / (high - low) for axis, (low, high) in enumerate(ranges)]
        return list(zip((LEFT + SIDE * shares[0]).tolist(), (BELOW + SIDE * shares[1]).tolist(), strict=True))

    sheet = Drawing(LEFT + SIDE + RIGHT, BELOW + SIDE + ABOVE, (LEFT, BELOW, SIDE, SIDE))
    for trace in figure.data:
        for points, colour in _dots(trace):
            sheet.parts.append(Dots(on_sheet(points), colour, RADIUS))
    sheet.parts += [Line(on_sheet(line), "#555555", dashed=True) for line in lines]
    if pin is not None:
        (x, y), *_ = on_sheet(np.array([pin]))
        sheet.parts += [Line([(x - 6, y), (x + 6, y)], width=1.6), Line([(x, y - 6), (x, y + 6)], width=1.6)]
    _frame(sheet, figure, ranges)
    _legend(sheet, figure)
    return sheet


def _dots(trace: go.Scattergl) -> list[tuple[np.ndarray, str]]:
    """Points (N, 2) of each of a trace's colours; a trace that is not seen has none."""
    points = np.stack([np.asarray(trace.x, float), np.asarray(trace.y, float)], 1)
    if trace.marker.opacity == 0:
        return []
    if isinstance(trace.marker.color, str):
        return [(points, LIGHT.of_word(trace.marker.color))]
    shares = (np.asarray(trace.marker.color, float) - trace.marker.cmin) / max(trace.marker.cmax - trace.marker.cmin, 1e-12)
    shades = (shares.clip(0, 1) * (SHADES - 1)).round().astype(int)
    colours = [_hex(colour) for colour in sample_colorscale("Viridis", SHADES)]
    return [(points[shades == shade], colours[shade]) for shade in np.unique(shades).tolist()]


def _hex(colour: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(round(float(value)) for value in re.findall(r"[\d.]+", colour)))


def _frame(sheet: Drawing, figure: go.Figure, ranges: list) -> None:
    """The border, ticks with their numbers, and titles; these stand outside of what is cut."""
    corner, far = (LEFT, BELOW), (LEFT + SIDE, BELOW + SIDE)
    sheet.parts.append(Line([corner, (far[0], corner[1]), far, (corner[0], far[1]), corner], width=1.6))
    for horizontal, axis in ((True, figure.layout.xaxis), (False, figure.layout.yaxis)):
        low, high = ranges[not horizontal]
        for value, text in _ticks(axis, low, high):
            share = (value - low) / (high - low) * SIDE
            if horizontal:
                sheet.parts.append(Words(text, LEFT + share, BELOW - 14))
            else:
                sheet.parts.append(Words(text, LEFT - 4 - 5 * len(text), BELOW + share - 3, centred=False))
        title = html.unescape(axis.title.text or "")
        place = (LEFT + SIDE / 2, 10) if horizontal else (14, BELOW + SIDE / 2)
        sheet.parts.append(Words(title, *place, size=11, upright=not horizontal))


def _ticks(axis: go.layout.XAxis, low: float, high: float) -> list[tuple[float, str]]:
    if axis.tickvals is not None:
        pairs = zip(axis.tickvals, axis.ticktext, strict=True)
        return [(float(value), html.unescape(text)) for value, text in pairs if low <= value <= high]
    rough = (high - low) / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    values = [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(value, f"{value:g}".replace("-", "\u2212")) for value in values]


def _legend(sheet: Drawing, figure: go.Figure) -> None:
    """The classes by their colours; of a colour scale its ends."""
    named = [(trace.name, trace.marker.color) for trace in figure.data if isinstance(trace.marker.color, str)]
    entries = [(html.unescape(name), LIGHT.of_word(colour)) for name, colour in named]
    for trace in figure.data:
        if trace.marker.color is not None and not isinstance(trace.marker.color, str):
            ends = (("at least", trace.marker.cmax, 1.0), ("at most", trace.marker.cmin, 0.0))
            for words, value, share in ends:
                entries.append((f"{words} {value:.3g} nats", _hex(sample_colorscale("Viridis", [share])[0])))
    for row, (name, colour) in enumerate(entry for entry in entries if entry[0]):
        y = BELOW + SIDE - 10 - 14 * row
        dot = Words("\u2022", LEFT + SIDE + 8, y - 4, 20, centred=False, colour=colour)
        sheet.parts += [dot, Words(name, LEFT + SIDE + 20, y, centred=False)]
