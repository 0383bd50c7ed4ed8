"""The class colours can be told apart by everybody, in either theme. The formulas are CIE's and Machado's."""

import itertools
import math
import tomllib

import numpy as np
import pytest
from streamlit.elements.lib import streamlit_plotly_theme

from tests.conftest import ROOT
from ui.charts import palette

THEMES = {"light": palette.LIGHT, "dark": palette.DARK}
RUNS = slice(5, 9)  # of the meanings

SIMULATIONS = {  # Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
RGB_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(color: str) -> np.ndarray:
    values = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(RGB_TO_XYZ[1] @ linear(color))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    ratio = RGB_TO_XYZ @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def ciede2000(one: np.ndarray, other: np.ndarray) -> float:
    """Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(c**7 / (c**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    dh = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc, dhh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(dh / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = (h1 + dh / 2) % 360 if c1 * c2 else h1 + h2
    t = (
        1 - 0.17 * math.cos(math.radians(hm - 30)) + 0.24 * math.cos(math.radians(2 * hm))
        + 0.32 * math.cos(math.radians(3 * hm + 6)) - 0.20 * math.cos(math.radians(4 * hm - 63))
    )  # fmt: skip
    sl, sc, sh = 1 + 0.015 * (lm - 50) ** 2 / math.sqrt(20 + (lm - 50) ** 2), 1 + 0.045 * cm, 1 + 0.015 * cm * t
    rotation = -2 * math.sqrt(cm**7 / (cm**7 + 25**7)) * math.sin(math.radians(60 * math.exp(-(((hm - 275) / 25) ** 2))))
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dhh / sh) ** 2 + rotation * dc / sc * dhh / sh)


def test_the_distance_is_right_on_published_examples():
    """From the test data of Sharma, Wu and Dalal 2005."""
    assert ciede2000((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert ciede2000((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387)) == pytest.approx(1.2644, abs=1e-4)
    assert ciede2000((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447)) == pytest.approx(1.4441, abs=1e-4)


@pytest.mark.parametrize("vision", SIMULATIONS)
@pytest.mark.parametrize("shades", THEMES.values(), ids=THEMES)
def test_classes_and_compared_runs_can_be_told_apart(shades, vision):
    assert len(shades.classes) == 10
    for paints, least in ((shades.classes, 13.9), (shades.meanings[RUNS], 20)):
        colors = [lab(np.asarray(SIMULATIONS[vision]) @ linear(color)) for color in paints]
        assert min(ciede2000(one, other) for one, other in itertools.combinations(colors, 2)) > least


@pytest.mark.parametrize("shades", THEMES.values(), ids=THEMES)
def test_classes_are_seen_and_what_is_written_in_a_colour_can_be_read(shades):
    assert min(contrast(color, shades.background) for color in shades.classes) >= 3
    assert min(contrast(color, shades.background) for color in shades.meanings[:9]) >= 4.5
    assert contrast(palette.NEUTRAL, shades.background) > 3


@pytest.mark.parametrize("color", [*palette.LIGHT.classes, *palette.DARK.classes])
def test_a_class_is_named_in_ink_that_can_be_read_on_its_colour(color):
    chosen = palette.ink_on(color)
    assert contrast(chosen, color) >= 4.5
    assert contrast(chosen, color) >= max(contrast(ink, color) for ink in ("#000000", "#ffffff")) - 0.05


def test_ink_on_the_extremes():
    assert (palette.ink_on("#ffffff"), palette.ink_on("#000000")) == ("#000000", "#ffffff")


@pytest.mark.parametrize("name", THEMES)
def test_the_charts_of_streamlit_have_these_colours_and_its_primary_buttons_can_be_read(name):
    theme, shades = tomllib.loads((ROOT / ".streamlit/config.toml").read_text("utf-8"))["theme"][name], THEMES[name]
    assert (theme["backgroundColor"], theme["textColor"]) == (shades.background, shades.ink)
    assert tuple(theme["chartCategoricalColors"]) == shades.classes
    assert tuple(theme["chartSequentialColors"]) == shades.meanings
    assert tuple(theme["chartDivergingColors"]) == shades.inks
    assert contrast("#ffffff", theme["primaryColor"]) >= 4.5
    assert contrast(theme["primaryColor"], shades.background) >= 3


def test_the_words_are_those_that_streamlit_takes():
    words = [
        getattr(streamlit_plotly_theme, f"{kind}_{n}") for kind in ("CATEGORY", "SEQUENTIAL", "DIVERGING") for n in range(10)
    ]
    assert list(palette.WORDS) == words
    assert palette.LIGHT.of_word(palette.ELBO) == "#7a45e6" and palette.LIGHT.of_word("#7d8794") == "#7d8794"


def test_style_sheets_get_every_colour_in_both_shades():
    assert palette.css(palette.CLASSES[0]) == "var(--paint-1)"
    assert "--paint-1: light-dark(#009ce4, #e40c78);" in palette.variables()
    assert "--elbo: light-dark(#7a45e6, #ab8bff);" in palette.variables()
