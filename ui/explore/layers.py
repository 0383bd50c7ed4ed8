"""The layers of the plane: what each is called, what there is to see in it, and the pictures of the fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from ui.charts import markup

NAMES = {
    "clusters": "Clusters",
    "manifold": "Manifold",
    "prior": "Prior",
    "density": "Density",
    "change": "Change",
    "classes": "Classifier",
}
SENTENCES = {
    "clusters": "**Clusters**: each dot is the code of a held-out image; look-alikes mostly lie together.",
    "manifold": "**Manifold**: what the decoder draws at each place; digits turn into one another without a seam.",
    "prior": "**Prior**: N(0, I), where new z are drawn from; 39 % fall within 1 sigma, 86 % within 2, 99 % within 3.",
    "density": "**Density** of all posteriors together: where it is pale, few codes lie, and the decoder saw little.",
    "change": "**Change**: where a small step in z changes the image most; some strong lines part two classes, others run "
    "within one, and many borders between classes are weak.",
    "classes": "**Classifier**: what a small classifier takes the decoded image for, in that class's colour, the paler the "
    "less sure it is; lines are the borders between classes.",
}
STRIP_SENTENCES = {
    "clusters": "**Clusters**: each dot is the code of a held-out image, a row for each class.",
    "prior": "**Prior**: N(0, 1), where new z are drawn from; 68 % fall within 1 sigma, 95 % within 2, 99.7 % within 3.",
}
BEND = 1.5
"""The power that keeps slow change pale."""

HUES = {"density": (20, 110, 220), "change": (225, 70, 10)}


FINER, BORDER = 6, (125, 135, 148, 255)
"""Pixels of the classifier's picture for each of its cells, and the colour of the lines between classes."""


@dataclass(frozen=True)
class Picture:
    """A field as a data URL of a PNG, with the values that its faintest, its half and its strongest colour stand for."""

    url: str
    low: float
    middle: float
    high: float


def sentence(layer: str, strip: bool) -> str:
    """What to see in a layer."""
    return STRIP_SENTENCES.get(layer, SENTENCES[layer]) if strip else SENTENCES[layer]


def density_picture(field: torch.Tensor) -> Picture:
    """A density (size, size): as strong as the square root of its value, so that tails are seen beside peaks."""
    high = float(np.quantile(field.numpy(), 0.998))
    strength = np.sqrt(np.clip(field.numpy() / max(high, 1e-12), 0, 1))
    return Picture(_tinted(strength, HUES["density"]), 0.0, high / 4, high)


def change_picture(field: torch.Tensor) -> Picture:
    """A rate of change (size, size): as strong as its logarithm, from its 10th percentile on."""
    values = np.log(np.maximum(np.nan_to_num(field.numpy()), 1e-6))
    low, high = np.quantile(values, 0.1), np.quantile(values, 0.998)
    strength = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    values = np.exp([low, low + 0.5 ** (1 / BEND) * (high - low), high])
    return Picture(_tinted(strength**BEND, HUES["change"]), *map(float, values))


def class_picture(probabilities: torch.Tensor, colours: Sequence[str]) -> str:
    """Probabilities (size, size, classes) as the data URL of a PNG: the likeliest class's colour, its borders as lines."""
    finer = functional.interpolate(probabilities.permute(2, 0, 1)[None], scale_factor=FINER, mode="bilinear")[0]
    surely, likeliest = finer.max(0)
    chance = 1 / len(finer)
    rgb = np.array([[int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in colours], np.uint8)
    rgba = np.empty((*likeliest.shape, 4), np.uint8)
    rgba[..., :3] = rgb[likeliest.numpy() % len(rgb)]
    rgba[..., 3] = 30 + 170 * ((surely - chance) / (1 - chance)).clamp(0, 1).numpy()
    border = np.zeros(likeliest.shape, bool)
    border[:, 1:] |= np.diff(likeliest.numpy(), axis=1) != 0
    border[1:] |= np.diff(likeliest.numpy(), axis=0) != 0
    rgba[border] = BORDER
    return markup.png_url(rgba[::-1])


def number(value: float) -> str:
    """Two digits of a number, without a power of ten where it is not huge."""
    return f"{float(f'{value:.2g}'):,.10g}" if abs(value) < 1e6 else f"{value:.2g}"


def key(layer: str, picture: Picture, strip: bool) -> dict[str, str]:
    """What a field's colours stand for, in words for the corner of the plane."""
    low, middle, high = map(number, (picture.low, picture.middle, picture.high))
    per = "z" if strip else "unit of area"
    unit = f"per {per}" if layer == "density" else f"pixel values per {per}"
    hue = " ".join(map(str, HUES[layer]))
    return {"name": NAMES[layer], "low": low, "middle": middle, "high": high, "unit": unit, "hue": hue}


def _tinted(strength: np.ndarray, hue: tuple[int, int, int]) -> str:
    """One hue whose opacity is the strength in [0, 1], so that it reads on white and on black; the lowest row below."""
    rgba = np.empty((*strength.shape, 4), np.uint8)
    rgba[..., :3] = hue
    rgba[..., 3] = (strength[::-1] * 235).astype(np.uint8)
    return markup.png_url(rgba)
