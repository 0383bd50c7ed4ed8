import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from ui.explore import layers
from ui.state.view import LAYERS

SLOPE = torch.linspace(0.01, 1, 40)[:, None].repeat(1, 40)  # grows upwards: row 0 is the lowest
PICTURES = {"density": layers.density_picture, "change": layers.change_picture}
each_field = pytest.mark.parametrize("layer", PICTURES)


def unpacked(picture: layers.Picture) -> np.ndarray:
    assert picture.url.startswith("data:image/png;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(picture.url.split(",")[1])))
    assert image.mode == "RGBA"
    return np.asarray(image)


def test_every_layer_has_a_name_and_a_sentence_of_its_own():
    assert list(layers.NAMES) == list(layers.SENTENCES) == list(LAYERS)
    for strip in (False, True):
        sentences = [layers.sentence(layer, strip) for layer in LAYERS]
        assert len(set(sentences)) == len(sentences)
        assert all(text.startswith(f"**{layers.NAMES[layer]}**") for layer, text in zip(LAYERS, sentences, strict=True))


@pytest.mark.parametrize(("strip", "shares"), [(False, (39, 86, 99)), (True, (68, 95, 99.7))])
def test_the_priors_shares_are_those_of_a_gaussian(strip, shares):
    """Counted, to the precision of the words."""
    radii = torch.randn(400_000, 1 if strip else 2, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    text = layers.sentence("prior", strip)
    for sigma, share in zip((1, 2, 3), shares, strict=True):
        counted = 100 * (radii < sigma).float().mean().item()
        assert f"{share:g} %" in text and counted == pytest.approx(share, abs=0.55)


@each_field
def test_the_lowest_row_is_at_the_bottom_and_more_is_stronger(layer):
    alpha = unpacked(PICTURES[layer](SLOPE))[..., 3].astype(int)
    assert alpha.shape == (40, 40)
    assert (np.diff(alpha[:, 0]) <= 0).all() and alpha[0, 0] > 200 and alpha[-1, 0] < 60
    sideways = unpacked(PICTURES[layer](SLOPE.T))[..., 3].astype(int)
    assert (np.diff(sideways[0]) >= 0).all() and sideways[0, -1] > 200


@each_field
def test_a_field_has_one_hue_that_no_other_field_has(layer):
    rgb = unpacked(PICTURES[layer](SLOPE))[..., :3]
    assert (rgb == layers.HUES[layer]).all()
    assert len(set(layers.HUES.values())) == len(layers.HUES)


def test_a_density_tells_its_strongest_value():
    picture = layers.density_picture(SLOPE)
    assert picture.low == 0 and picture.high == pytest.approx(1, abs=0.03)
    quarter = unpacked(layers.density_picture(torch.tensor([[0.25] * 40] * 20 + [[1.0] * 40] * 20)))[..., 3]
    assert quarter[-1, 0] == pytest.approx(quarter[0, 0] / 2, abs=1)  # the square root


def test_a_change_tells_the_values_of_its_faintest_and_strongest_colour():
    field = torch.logspace(-1, 1, 1600).view(40, 40)
    picture = layers.change_picture(field)
    assert picture.low == pytest.approx(10**-0.8, rel=0.01) and picture.high == pytest.approx(10, rel=0.02)
    alpha = unpacked(picture)[::-1, :, 3].ravel()
    assert alpha[0] == alpha[159] == 0 and alpha[-1] == alpha.max()
    assert (np.diff(alpha.astype(int)) >= 0).all() and 60 < alpha[880] < 130  # half way in the logarithm, not in the rate


@each_field
@pytest.mark.parametrize("value", [0.0, 3.0, 1e-30])
def test_a_field_without_differences_can_be_drawn(layer, value):
    assert unpacked(PICTURES[layer](torch.full((8, 8), value))).shape == (8, 8, 4)


def test_a_rate_that_is_not_finite_does_not_hide_the_others():
    broken = SLOPE.clone()
    broken[3, 4] = float("nan")
    alpha, whole = (unpacked(layers.change_picture(field))[..., 3].astype(int) for field in (broken, SLOPE))
    apart = np.abs(alpha - whole)
    apart[39 - 3, 4] = 0
    assert apart.max() <= 2
