"""The planes of several runs, side by side in one figure: codes above, what the decoder draws on the same square below.

On a shared scale all axes are linked: the wheel over one plane zooms all of them, and lengths can be compared by eye.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from ui.charts import palette
from ui.charts.label_placement import box_of, stand
from ui.charts.plane import class_note
from ui.charts.style import FONT_SIZE, PLANE_AXIS, framed
from ui.text import charted

CELLS = 15
"""Cells a side of the manifold: at the size of a quarter of a screen each is about as large as its image."""

SIGMAS = (1, 2, 3)
PRIOR = {"codes": palette.NEUTRAL, "manifold": "#ffffff"}
"""The prior's circles. On codes the style sheet gives them the ink of the theme and lifts them above the codes, which
Plotly would put over everything that is not drawn by WebGL."""

FARTHEST = 0.002
"""The share of codes at either end of an axis that may lie outside: one stray code does not make all others a speck."""

PIXEL = 1 / 300
"""A pixel, as a share of the plane's side, where three stand beside each other on a laptop."""

LEFT, RIGHT, ABOVE, BETWEEN, BELOW = 0.17, 0.02, 0.01, 0.07, 0.11
"""Around and between the planes, in sides of a plane. The figure's shape in the style sheet follows from them: planes are
squares without Plotly's help, which shrinks them for good when a figure is drawn at one size and then at another."""


def shape(columns: int, rows: int) -> tuple[float, float]:
    """Width and height of the figure, in sides of a plane."""
    return columns * (LEFT + 1 + RIGHT), ABOVE + rows + (rows - 1) * BETWEEN + BELOW


@dataclass(frozen=True)
class Window:
    """The square of a plane that is shown: its middle, and half its side, in z."""

    middle: tuple[float, float] = (0.0, 0.0)
    half: float = 3.5

    def range(self, axis: int) -> list[float]:
        """From where to where it reaches along the first (0) or second (1) axis."""
        return [self.middle[axis] - self.half, self.middle[axis] + self.half]


def window_of(places: Tensor | None, origin: tuple[float, float]) -> Window:
    """The smallest square that shows all but the farthest codes (N, 2) and the prior's 3 sigma around `origin`.

    Its sides lie on halves, so that it seldom moves while a run is trained.
    """
    edges = np.array([origin, origin]) + np.array([[-1], [1]]) * (SIGMAS[-1] + 0.2)
    if places is not None and len(places):
        codes = np.quantile(places.numpy(), [FARTHEST, 1 - FARTHEST], axis=0)
        edges = np.array([np.minimum(edges[0], codes[0]), np.maximum(edges[1], codes[1])])
    return _square_around(edges)


def around(windows: Sequence[Window]) -> Window:
    """The smallest square that holds several."""
    ranges = np.array([[window.range(0), window.range(1)] for window in windows] or [[[-3.5, 3.5]] * 2])
    return _square_around(np.array([ranges[:, :, 0].min(0), ranges[:, :, 1].max(0)]))


def _square_around(edges: np.ndarray) -> Window:
    low, high = np.floor(2 * edges[0]) / 2, np.ceil(2 * edges[1]) / 2
    return Window(tuple(((low + high) / 2).tolist()), float((high - low).max() / 2))


@dataclass(frozen=True)
class Panel:
    """One run's plane: codes at `places` (N, 2) with their `labels`, or a `sentence` in place of them.

    The prior is centred at `origin` (2,). `manifold` is the data URL of a picture of the whole window; where that is not
    there either, the sentence stands in place of it too.
    """

    names: tuple[str, str]
    window: Window
    class_names: tuple[str, ...] = ()
    places: Tensor | None = None
    labels: Tensor | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    strip: bool = False
    manifold: str | None = None
    sentence: str | None = None


def planes(panels: Sequence[Panel], picture: str = "both", shared: bool = True) -> go.Figure:
    """Codes, manifold or both of each panel, in one column each; `shared` links the axes of all."""
    figure, rows = go.Figure(), rows_of(picture)
    for column, panel in enumerate(panels):
        for row, what in enumerate(rows):
            number = row * len(panels) + column + 1
            partner = 1 if shared else column + 1
            _axes(figure, panel, number, partner, _square(column, len(panels), row, len(rows)), row == len(rows) - 1)
            if panel.sentence is not None and (what == "codes" or panel.manifold is None):
                _say(figure, panel, panel.sentence if row == 0 else "", number, min(96 // len(panels), 40))
                continue
            if what == "codes":
                _codes(figure, panel, number, large=len(rows) == 1)
            else:
                _manifold(figure, panel, number)
            _prior(figure, panel, number, PRIOR[what])
    figure = framed(figure).update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False)
    return figure.update_layout(uirevision=f"{picture} {shared} {[panel.window for panel in panels]}")


def rows_of(picture: str) -> tuple[str, ...]:
    """What is drawn of each run, from above."""
    return ("codes", "manifold") if picture == "both" else (picture,)


def _name(letter: str, number: int) -> str:
    return letter if number == 1 else f"{letter}{number}"


def _square(column: int, columns: int, row: int, rows: int) -> tuple[list[float], list[float]]:
    """Where a plane lies in the figure, as shares of its width and height; the first row is the upper one."""
    width, height = shape(columns, rows)
    left, top = column * (LEFT + 1 + RIGHT) + LEFT, height - ABOVE - row * (1 + BETWEEN)
    return [left / width, (left + 1) / width], [(top - 1) / height, top / height]


def _axes(
    figure: go.Figure, panel: Panel, number: int, partner: int, square: tuple[list[float], list[float]], lowest: bool
) -> None:
    """A pair of axes at true scale. Plotly wants one pair to be square, and all linked pairs to match that one."""
    x, y = _name("x", number), _name("y", number)
    plain = PLANE_AXIS | {"constrain": "domain", "nticks": 7, "zeroline": False}
    linked = {"matches": _name("x", partner)}, {"matches": _name("y", partner)}
    if number == partner:
        linked = {}, {"scaleanchor": x}
    figure.update_layout(
        {
            "xaxis" + x[1:]: plain
            | {"range": panel.window.range(0), "domain": square[0], "anchor": y, "showticklabels": lowest}
            | linked[0],
            "yaxis" + y[1:]: plain
            | {"range": panel.window.range(1), "domain": square[1], "anchor": x, "showticklabels": not panel.strip}
            | linked[1],
        }
    )


def _codes(figure: go.Figure, panel: Panel, number: int, large: bool) -> None:
    where = {"xaxis": _name("x", number), "yaxis": _name("y", number)}
    places, labels = _drawn(panel), panel.labels.numpy()
    size = (6 if len(labels) < 1500 else 3) + large
    for label, name in enumerate(panel.class_names):
        chosen = places[labels == label]
        marker = {"size": size, "color": palette.of_class(label), "opacity": 0.75}
        figure.add_scattergl(
            x=chosen[:, 0], y=chosen[:, 1], mode="markers", marker=marker, name=charted(name), hoverinfo="skip", **where
        )
    for note in class_notes(places, labels, panel.class_names, panel.window.half):
        note["font"]["size"] += 4 * large
        figure.add_annotation(note | {"xref": where["xaxis"], "yref": where["yaxis"]})


def _drawn(panel: Panel) -> np.ndarray:
    """Where codes are drawn, (N, 2): where they are, but on a strip, whose height means nothing, in one row a class."""
    places = panel.places.numpy().astype(np.float32)
    if not panel.strip:
        return places
    count = max(len(panel.class_names), 1)
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(places))
    rows = panel.window.middle[1] + ((panel.labels.numpy() + jitter + 0.5) / count * 2 - 1) * panel.window.half * 0.94
    return np.stack([places[:, 0], rows.astype(np.float32)], 1)


def class_notes(places: np.ndarray, labels: np.ndarray, class_names: Sequence[str], half: float) -> list[dict]:
    """Each class's name at the median of its codes, moved aside where names lie on each other.

    None at all where the codes are too small a spot for their names.
    """
    size = FONT_SIZE if max(map(len, class_names), default=0) < 3 else FONT_SIZE - 4
    at = stand(places, labels, [box_of(name, size) for name in class_names], PIXEL * 2 * half)
    thin = {"borderwidth": 1, "borderpad": 2}
    return [class_note(class_names[label], place, label, size) | thin for label, place in at.items()]


def _manifold(figure: go.Figure, panel: Panel, number: int) -> None:
    if panel.manifold is None:
        return
    window, side = panel.window, 2 * panel.window.half
    figure.add_layout_image(
        source=panel.manifold, xref=_name("x", number), yref=_name("y", number), x=window.range(0)[0], y=window.range(1)[1],
        sizex=side, sizey=side, sizing="stretch", layer="below",
    )  # fmt: skip
    _hold(figure, panel, number)


def _prior(figure: go.Figure, panel: Panel, number: int, colour: str) -> None:
    """Circles of 1, 2 and 3 sigma around z = 0; on a strip, where only the first coordinate counts, upright lines."""
    lines = [np.append(_circle(panel, sigma), [[np.nan, np.nan]], 0) for sigma in SIGMAS]
    x, y = np.concatenate(lines).T.astype(np.float32)
    axes = {"xaxis": _name("x", number), "yaxis": _name("y", number)}
    figure.add_scatter(x=x, y=y, **axes, mode="lines", line={"color": colour, "width": 2}, hoverinfo="skip", name="prior")


def _circle(panel: Panel, sigma: float) -> np.ndarray:
    if panel.strip:
        low, high = panel.window.range(1)
        return np.array([[-sigma, low], [-sigma, high], [np.nan, np.nan], [sigma, low], [sigma, high]])
    angles = np.linspace(0, 2 * math.pi, 145)
    return np.stack([panel.origin[0] + sigma * np.cos(angles), panel.origin[1] + sigma * np.sin(angles)], 1)


def _say(figure: go.Figure, panel: Panel, sentence: str, number: int, width: int) -> None:
    """A sentence in the middle of an empty plane."""
    x, y = _name("x", number), _name("y", number)
    words = "<br>".join(map(charted, textwrap.wrap(sentence, max(width, 20))))
    figure.add_annotation(
        xref=f"{x} domain", yref=f"{y} domain", x=0.5, y=0.5, text=words, showarrow=False, name="problem",
        font={"size": FONT_SIZE, "color": palette.NEUTRAL},
    )  # fmt: skip
    _hold(figure, panel, number)


def _hold(figure: go.Figure, panel: Panel, number: int) -> None:
    """A point that is not seen: axes without a trace are not drawn."""
    at = {"x": [panel.window.middle[0]], "y": [panel.window.middle[1]]}
    axes = {"xaxis": _name("x", number), "yaxis": _name("y", number)}
    figure.add_scattergl(**at, **axes, mode="markers", marker_opacity=0, hoverinfo="skip")
