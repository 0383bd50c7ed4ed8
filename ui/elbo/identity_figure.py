"""Figures of the central equation: both sides as columns that balance, and the plane near the posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from ui.charts import palette
from ui.charts.markup import signed
from ui.charts.plane import ellipse
from ui.charts.style import FONT_SIZE, PLANE_AXIS, framed, line_axis, styled
from vae.evidence.elbo_identity import IdentityTerms

RUNGS = tuple(5 * 2**step for step in range(24))
"""How many nats the axis may reach above and below log p(x): ladders, so that it stands still while q moves."""

LEFT, RIGHT = 0.0, 1.0
WIDTH = 0.62


def axis_range(numbers: IdentityTerms) -> tuple[float, float]:
    """The vertical range: on either side of log p(x) the lowest rung that shows all there is, with room for a label."""
    below = numbers.log_evidence - min(numbers.left, numbers.right)
    above = numbers.reconstruction - numbers.log_evidence
    needs = (max(above / 0.8, below / 12), below / 0.7)
    up, down = (next((rung for rung in RUNGS if rung >= needed), needed) for needed in needs)
    return numbers.log_evidence - down, numbers.log_evidence + up


def balance(numbers: IdentityTerms) -> go.Figure:
    """Each side as a column: the whole, what is taken off its top, and what stays; what stays is equally high."""
    bottom, top = axis_range(numbers)
    figure = go.Figure()
    for x, whole, rest, colour, taken in (
        (LEFT, numbers.log_evidence, numbers.left, palette.EVIDENCE, palette.GAP),
        (RIGHT, numbers.reconstruction, numbers.right, palette.RECONSTRUCTION, palette.KL),
    ):
        figure.add_bar(
            x=[x], y=[rest - bottom], base=bottom, width=WIDTH, marker_color=colour, hoverinfo="skip",
            text=f"<b>stays<br>{signed(rest)}</b>", textposition="inside", insidetextanchor="middle", textangle=0,
            insidetextfont={"size": FONT_SIZE + 6, "color": "white"},
        )  # fmt: skip
        name = "log p(x)" if x == LEFT else "E<sub>q</sub>[log p(x|z)]"
        figure.add_annotation(
            x=x, y=whole, text=f"<b>{name}</b>", yshift=14, showarrow=False, font={"size": FONT_SIZE + 2, "color": colour}
        )
        pattern = {"shape": "/", "fgcolor": taken, "bgcolor": "rgba(0,0,0,0)", "size": 10, "solidity": 0.45}
        outline = {"color": taken, "width": 2.5}
        figure.add_bar(
            x=[x], y=[whole - rest], base=rest, width=WIDTH, hoverinfo="skip",
            marker={"color": "rgba(0,0,0,0)", "pattern": pattern, "line": outline},
        )  # fmt: skip
    for x, value in ((LEFT, numbers.left), (RIGHT, numbers.right)):
        sides = [x - WIDTH / 2, x + WIDTH / 2]
        figure.add_scatter(x=sides, y=[value] * 2, mode="lines", line={"color": palette.ELBO, "width": 5}, hoverinfo="skip")
    between = [LEFT + WIDTH / 2, RIGHT - WIDTH / 2]
    line = {"color": palette.ELBO, "width": 3, "dash": "dot"}
    figure.add_scatter(x=between, y=[numbers.left, numbers.right], mode="lines", line=line, hoverinfo="skip")
    figure.update_xaxes(
        range=[-0.5, 1.5], tickvals=[LEFT, RIGHT], ticktext=["left side", "right side"], **line_axis(showgrid=False)
    )
    figure.update_yaxes(range=[bottom, top], title="nats", nticks=7, **line_axis())
    margin = {"l": 76, "r": 8, "t": 10, "b": 40}
    return styled(figure, barmode="overlay", showlegend=False, dragmode=False, margin=margin)


def posterior_plane(
    axes: tuple[np.ndarray, np.ndarray], density: np.ndarray, mean: Tensor, covariance: Tensor, names: tuple[str, str]
) -> go.Figure:
    """Contours of the true posterior's `density` (len(z2), len(z1)) under q's ellipses of 1 and 2 sigma, at true scale."""
    z1, z2 = axes
    figure = go.Figure()
    colours = [[0, "rgba(10,143,77,0)"], [1, "rgba(10,143,77,0.85)"]]
    figure.add_contour(
        x=z1, y=z2, z=np.sqrt(density / max(float(density.max()), 1e-300)), colorscale=colours, showscale=False,
        contours={"start": 0.1, "end": 0.95, "size": 0.12}, line={"color": palette.EVIDENCE, "width": 1}, hoverinfo="skip",
        name="true posterior", showlegend=True,
    )  # fmt: skip
    for radius in (1, 2):
        points = ellipse(mean, covariance, radius)
        figure.add_scatter(
            x=points[:, 0], y=points[:, 1], mode="lines", line={"color": palette.ELBO, "width": 4 if radius == 1 else 2.5},
            hoverinfo="skip", name="q, 1 and 2 sigma", legendgroup="q", showlegend=radius == 1,
        )  # fmt: skip
    angles = np.linspace(0, 2 * math.pi, 181)
    for radius in (1, 2, 3):
        figure.add_scatter(
            x=radius * np.cos(angles), y=radius * np.sin(angles), mode="lines", hoverinfo="skip", legendgroup="prior",
            line={"color": palette.NEUTRAL, "width": 2, "dash": "dash"}, name="prior, 1, 2 and 3 sigma", showlegend=radius == 1,
        )  # fmt: skip
    (left, right), (low, high) = square_around(z1, z2, ellipse(mean, covariance, 2.2))
    figure.update_xaxes(title=names[0], range=[left, right], constrain="domain", **PLANE_AXIS)
    figure.update_yaxes(title=names[1], range=[low, high], scaleanchor="x", constrain="domain", **PLANE_AXIS)
    legend = {"x": 0, "xanchor": "left", "y": 1.005, "yanchor": "bottom", "font_size": FONT_SIZE - 1, "traceorder": "normal"}
    return framed(figure).update_layout(legend=legend, showlegend=True, margin_t=84)


def square_around(z1: np.ndarray, z2: np.ndarray, points: np.ndarray) -> tuple[Sequence[float], Sequence[float]]:
    """The smallest square that holds a grid and some points, as a range for each axis."""
    low = np.minimum([z1[0], z2[0]], points.min(0))
    high = np.maximum([z1[-1], z2[-1]], points.max(0))
    middle, half = (low + high) / 2, float((high - low).max()) / 2 * 1.03
    return (middle[0] - half, middle[0] + half), (middle[1] - half, middle[1] + half)
