import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from tests.conftest import small_config
from vae.latent.interpolation import ROW_GAP, TILE_GAP, Interpolation, gif, interpolate, png, strip
from vae.model.autoencoder import build_model
from vae.model.inference import decode_points

START, END = torch.tensor([-1.3, 0.7]), torch.tensor([2.1, -0.4])


@pytest.fixture(scope="module")
def model():
    return build_model(small_config().model)


@pytest.fixture(scope="module")
def noise():
    """A road of five places, no two images of which are alike."""
    images = torch.randint(0, 256, (2, 5, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Interpolation(torch.zeros(5, 2), *images)


@pytest.mark.parametrize("steps", [2, 3, 49])
def test_the_line_is_straight_from_start_to_end(model, steps):
    z = interpolate(model, START, END, steps).z
    assert torch.equal(z[0], START) and torch.equal(z[-1], END)
    torch.testing.assert_close(z.diff(dim=0), ((END - START) / (steps - 1)).expand(steps - 1, 2), atol=1e-6, rtol=0)


def test_the_images_are_decoded_along_the_line(model):
    interpolation = interpolate(model, START, END)
    assert interpolation.decoded.shape == interpolation.faded.shape == (49, 1, 28, 28)
    assert (interpolation.decoded.int() - decode_points(model, interpolation.z).int()).abs().max() <= 1


def test_both_kinds_agree_at_the_ends(model):
    interpolation = interpolate(model, START, END)
    assert torch.equal(interpolation.decoded[0], interpolation.faded[0])
    assert torch.equal(interpolation.decoded[-1], interpolation.faded[-1])


def test_half_way_the_cross_fade_is_the_mean_of_the_ends(model):
    interpolation = interpolate(model, 40 * START, 40 * END)  # far apart, where an untrained decoder draws different images
    mean = (interpolation.decoded[0].float() + interpolation.decoded[-1].float()) / 2
    assert (interpolation.faded[24] - mean).abs().max() <= 1
    assert (interpolation.decoded[24] - mean).abs().max() > 1


def test_a_road_to_where_one_stands_does_not_change(model):
    interpolation = interpolate(model, START, START, 4)
    assert torch.equal(interpolation.z, START.expand(4, 2))
    assert (interpolation.decoded == interpolation.decoded[0]).all() and (interpolation.faded == interpolation.decoded[0]).all()
    assert (
        Image.open(io.BytesIO(gif(interpolation))).size == Image.open(io.BytesIO(gif(interpolate(model, START, END, 4)))).size
    )


def test_a_road_without_two_ends_is_refused(model):
    with pytest.raises(ValueError, match="steps is 1"):
        interpolate(model, START, END, 1)


def test_any_number_of_latent_dimensions_will_do():
    model = build_model(small_config(latent=5).model)
    assert interpolate(model, torch.zeros(5), torch.ones(5), 3).z.shape == (3, 5)


def test_the_strip_has_the_line_above_the_cross_fade(noise):
    picture = strip(noise, count=3, scale=2)
    height, width = 2 * 28 + ROW_GAP, 3 * 28 + 2 * TILE_GAP
    assert picture.dtype == np.uint8 and picture.shape == (2 * height, 2 * width)
    small = picture[::2, ::2]
    assert np.array_equal(picture, small.repeat(2, 0).repeat(2, 1))
    for column, place in enumerate((0, 2, 4)):
        left = column * (28 + TILE_GAP)
        assert np.array_equal(small[:28, left : left + 28], noise.decoded[place, 0])
        assert np.array_equal(small[-28:, left : left + 28], noise.faded[place, 0])
    assert not small[28:-28].any() and not small[:, 28 : 28 + TILE_GAP].any()


def test_the_png_keeps_every_pixel(noise):
    assert np.array_equal(Image.open(io.BytesIO(png(noise))), strip(noise, scale=10))


def test_the_gif_goes_there_and_back_for_ever(noise):
    animation = Image.open(io.BytesIO(gif(noise, scale=2)))
    assert animation.info["loop"] == 0
    assert animation.size == (2 * (28 + ROW_GAP + 28), 2 * 28)
    frames = [(frame.info["duration"], np.asarray(frame.convert("L"))) for frame in ImageSequence.Iterator(animation)]
    assert [duration for duration, _ in frames] == [40] * 8
    for place, (_, picture) in zip((0, 1, 2, 3, 4, 3, 2, 1), frames, strict=True):
        assert np.array_equal(picture[::2, ::2][:, :28], noise.decoded[place, 0])
        assert np.array_equal(picture[::2, ::2][:, -28:], noise.faded[place, 0])
