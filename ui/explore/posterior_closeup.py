"""The posterior from close by: a drawing at true scale, for on the plane most posteriors are smaller than a dot."""

from __future__ import annotations

import base64
import math

import numpy as np
from torch import Tensor

from ui.charts import palette
from ui.charts.plane import ellipse

SIZE = 200
MARGIN = 1.35
"""How much of the picture is around the ellipse of 2 sigma."""

SAMPLE = "#e8b000"
STYLE = (
    f"text{{font:600 15px sans-serif;fill:{palette.NEUTRAL}}}path{{fill:none;stroke:{palette.NEUTRAL};stroke-width:2}}"
    ".sigma1{fill:rgba(125,135,148,.35)}.sigma2{fill:rgba(125,135,148,.2)}.bar{stroke-width:4}"
    ".number{font-size:12px;fill:black;text-anchor:middle}"
)


def closeup(mean: Tensor, covariance: Tensor, samples: Tensor, names: tuple[str, str]) -> str:
    """Ellipses of 1 and 2 sigma around `mean` (2,) for a `covariance` (2, 2), with `samples` (K, 2), as the data URL of an SVG.

    Both axes have one scale, so an ellipse has the shape that it has on the plane; the bar tells the length. On a strip
    the second variance is zero and the ellipses are intervals.
    """
    far = max((samples - mean).abs().max().item() if len(samples) else 0.0, 2 * covariance.diagonal().max().sqrt().item(), 1e-6)
    pixels_per_unit = SIZE / 2 / (far * MARGIN)

    def at(point: np.ndarray) -> np.ndarray:
        return SIZE / 2 + (point - mean.numpy()) * (1, -1) * pixels_per_unit

    outlines = [_outline(at(ellipse(mean, covariance, radius)), radius) for radius in (2, 1)]
    dots = [_dot(at(sample), index) for index, sample in enumerate(samples.numpy(), start=1)]
    bar = _round_length(far * 0.8)
    drawn = [
        *outlines,
        f'<path d="M{SIZE / 2 - 5},{SIZE / 2}h10M{SIZE / 2},{SIZE / 2 - 5}v10"/>',
        *dots,
        f'<path class="bar" d="M8,{SIZE - 8}h{bar * pixels_per_unit:.1f}"/>',
        f'<text x="8" y="{SIZE - 15}">{bar:g}</text>',
        f'<text x="{SIZE - 6}" y="{SIZE - 8}" text-anchor="end">{names[0]} →</text>',
        f'<text x="6" y="18">↑ {names[1]}</text>' if names[1] else "",
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{2 * SIZE}" height="{2 * SIZE}">'
        f"<style>{STYLE}</style>{''.join(drawn)}</svg>"
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _outline(points: np.ndarray, radius: int) -> str:
    path = "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<path class="sigma{radius}" d="M{path}Z"/>'


def _dot(point: np.ndarray, number: int) -> str:
    x, y = point
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{SAMPLE}"/>'
    return f'{circle}<text class="number" x="{x:.1f}" y="{y + 4:.1f}">{number}</text>'


def _round_length(length: float) -> float:
    """The longest of 1, 2, 5 times a power of ten that is no longer than `length`."""
    power = 10 ** math.floor(math.log10(length))
    return next(digit * power for digit in (5, 2, 1) if digit * power <= length * 1.0001)
