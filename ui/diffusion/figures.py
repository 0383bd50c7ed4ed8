"""The Plotly figures of the page on diffusion. Each function takes plain numbers and gives a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from ui.charts import palette
from ui.charts.curves import thin_out
from ui.charts.style import FONT_SIZE, PLANE_AXIS, framed, line_axis, styled
from vae.diffusion.trainer import PriorReport

CHARTS = {"displayModeBar": False, "displaylogo": False}
HEAD = 0.3
"""An arrow's head, as a share of its length."""


def score_fields(
    learned: np.ndarray, exact: np.ndarray, places: np.ndarray, extent: float, dots: Tensor, labels: Tensor
) -> go.Figure:
    """Two fields of arrows (N, 2) at places (N, 2) side by side, over noisy codes `dots` (M, 2) of some classes."""
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.07,
        subplot_titles=("<b>learned</b>: the denoiser's score", "<b>exact</b>: the score of all training codes, diffused"),
    )  # fmt: skip
    cell = 2 * extent / round(len(places) ** 0.5)
    colours = [palette.of_class(label) for label in labels.tolist()]
    dots = dots.numpy()
    for column, field in ((1, learned), (2, exact)):
        marker = {"size": 5, "color": colours, "opacity": 0.35}
        figure.add_scattergl(x=dots[:, 0], y=dots[:, 1], mode="markers", marker=marker, hoverinfo="skip", row=1, col=column)
        x, y = arrow_lines(places, field * cell)
        line = {"color": palette.NEUTRAL, "width": 1.6}
        figure.add_scattergl(x=x, y=y, mode="lines", line=line, hoverinfo="skip", row=1, col=column)
    figure.update_xaxes(range=[-extent, extent], constrain="domain", title="z<sub>t</sub>, first dimension", **PLANE_AXIS)
    figure.update_yaxes(range=[-extent, extent], constrain="domain", scaleanchor="x", **PLANE_AXIS)
    figure.update_yaxes(title="z<sub>t</sub>, second dimension", row=1, col=1)
    figure.update_yaxes(scaleanchor="x2", row=1, col=2)
    figure = framed(figure)
    figure.update_annotations(font_size=FONT_SIZE)
    return figure.update_layout(showlegend=False, dragmode=False, margin={"t": 34})


def arrow_lines(places: np.ndarray, arrows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Arrows as one broken line: from tail to tip, and the two strokes of the head, gaps between them as NaN."""
    tips = places + arrows
    sides = []
    for turn in (2.6, -2.6):  # radians off the direction
        turned = np.stack([
            np.cos(turn) * arrows[:, 0] - np.sin(turn) * arrows[:, 1],
            np.sin(turn) * arrows[:, 0] + np.cos(turn) * arrows[:, 1],
        ], 1)  # fmt: skip
        sides.append(tips + HEAD * turned)
    gap = np.full_like(places, np.nan)
    line = np.stack([places, tips, sides[0], tips, sides[1], gap], 1).reshape(-1, 2)
    return line[:, 0], line[:, 1]


def losses(reports: Sequence[PriorReport], steps: int) -> go.Figure:
    """The denoiser's loss over the steps of its training, solid as training saw it, dashed on held-out codes."""
    shown = thin_out(reports)
    x = [report.step for report in shown]
    figure = go.Figure()
    for name, dash in (("train", "solid"), ("held_out", "dash")):
        line = {"color": palette.ELBO, "width": 3, "dash": dash}
        figure.add_scatter(
            x=x, y=[getattr(report, name) for report in shown], name=name.replace("_", " "), mode="lines", line=line
        )
    figure.update_xaxes(title="step", range=[0, steps], **line_axis())
    figure.update_yaxes(title="loss; 1 knows nothing", **line_axis())
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font_size": FONT_SIZE}
    return styled(figure, legend=legend, margin={"l": 70, "r": 24, "t": 40, "b": 54}, hovermode="x unified")


def samples_over_codes(samples: Tensor, codes: Tensor, extent: float) -> go.Figure:
    """Samples (N, 2) of a half-trained prior over held-out codes (M, 2)."""
    figure = go.Figure()
    for name, places, colour, size in (
        ("held-out codes", codes.numpy(), palette.NEUTRAL, 4),
        ("samples", samples.numpy(), palette.GAP, 6),
    ):
        marker = {"size": size, "color": colour, "opacity": 0.6}
        figure.add_scattergl(x=places[:, 0], y=places[:, 1], name=name, mode="markers", marker=marker, hoverinfo="skip")
    figure.update_xaxes(range=[-extent, extent], constrain="domain", **PLANE_AXIS)
    figure.update_yaxes(range=[-extent, extent], constrain="domain", scaleanchor="x", **PLANE_AXIS)
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font_size": FONT_SIZE, "itemsizing": "constant"}
    return framed(figure).update_layout(legend=legend, margin={"t": 40})
