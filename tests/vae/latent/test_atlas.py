import io

import numpy as np
import pytest
import torch
from PIL import Image

import vae
from tests.conftest import ROOT, small_config
from vae.latent import atlas
from vae.latent.atlas import AtlasError, lens, make_atlas
from vae.latent.plane import plane_extent, plane_of_axes, plane_of_principal_components
from vae.model.autoencoder import VAE, build_model

pytestmark = pytest.mark.slow

MEAN_ERROR, HIGH_ERROR, MOST_BYTES = 0.005, 0.05, 1_500_000
"""What the lens promises: of pixel values, the mean and the 99.9th percentile, and the bytes on the wire."""

LATTICE_ERROR = 0.04
"""At the lattice's own points only 8 bits and JPEG stand between lens and decoding; the 99.9th percentile."""


def decode(model: VAE, z: np.ndarray) -> np.ndarray:
    """Mean pixels (N, 784), exactly."""
    with torch.no_grad():
        return model.decode(torch.from_numpy(np.asarray(z, np.float32))).flatten(1).numpy()


def places(count: int, extent: float, seed: int = 5) -> np.ndarray:
    """Random coordinates (N, 2) on the plane."""
    return np.random.default_rng(seed).uniform(-extent, extent, (count, 2))


def lattice_places(size: int, extent: float, count: int) -> np.ndarray:
    """Coordinates of some of the lattice's points, corners among them."""
    values = np.linspace(-extent, extent, size)
    a, b = np.meshgrid(values, values)
    every = np.stack([a.ravel(), b.ravel()], 1)
    chosen = np.random.default_rng(0).choice(len(every), count, replace=False)
    return every[[0, size - 1, size * (size - 1), size * size - 1, *chosen]]


def lively(**changes: object) -> VAE:
    """An untrained model with weights so large that its images differ from place to place."""
    model = build_model(small_config(**changes).model)
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(3)
    return model


def codes_of(run: vae.Run) -> torch.Tensor:
    return run.folder.snapshot_of_step(run.step).codes.posterior.mean


@pytest.fixture(scope="module", params=["mnist", "mnist-conv", "digits"])
def shipped(request) -> tuple[VAE, atlas.Atlas]:
    """A shipped run's model and its atlas over as much of the plane as the page shows."""
    run = vae.load_run(ROOT / "checkpoints" / request.param)
    return run.model, make_atlas(run.model, plane_of_axes(2), torch.zeros(2), plane_extent(codes_of(run)))


@pytest.fixture(scope="module")
def wide() -> vae.Run:
    return vae.load_run(ROOT / "checkpoints" / "mnist-8d")


def test_between_its_points_the_lens_is_as_exact_as_it_says(shipped):
    model, made = shipped
    where = places(2000, made.extent)
    errors = np.abs(lens(made.lattice(), made.extent, where) - decode(model, where))
    assert errors.mean() <= MEAN_ERROR and np.quantile(errors, 0.999) <= HIGH_ERROR
    assert errors.mean() == pytest.approx(made.mean_error, rel=0.1)
    assert np.quantile(errors, 0.999) == pytest.approx(made.high_error, rel=0.4)


def test_at_its_points_the_lens_is_the_exact_decoding(shipped):
    model, made = shipped
    where = lattice_places(made.size, made.extent, 500)
    errors = np.abs(lens(made.lattice(), made.extent, where) - decode(model, where))
    assert errors.mean() < 0.002 and np.quantile(errors, 0.999) < LATTICE_ERROR


def test_the_picture_can_be_sent_as_it_is(shipped):
    made = shipped[1]
    assert len(made.picture) <= MOST_BYTES
    picture = Image.open(io.BytesIO(made.picture))
    assert picture.format == "JPEG" and picture.mode == "L"
    assert picture.width <= 1456 and picture.width == made.columns * made.size and made.columns * picture.height >= 784
    assert made.lattice().shape == (made.size, made.size, 784) and made.lattice().dtype == np.uint8


def test_only_8_bits_are_lost_before_the_jpeg():
    model, extent = build_model(small_config().model), 3.0
    lattice = atlas._lattice(model, plane_of_axes(2), torch.zeros(2), extent, 64)
    where = lattice_places(64, extent, 200)
    assert np.abs(lens(lattice, extent, where) - decode(model, where)).max() < 1.05 / 255  # dp/dq is 2 at most


def test_the_browser_finds_every_map_where_it_looks_for_it(shipped):
    """As atlas.js unpacks it: pixel k's map is tile k of the picture, row by row, with the lowest b at its top."""
    made = shipped[1]
    picture, lattice = np.asarray(Image.open(io.BytesIO(made.picture))), made.lattice()
    for pixel in (0, 27, 400, 783):
        top, left = pixel // made.columns * made.size, pixel % made.columns * made.size
        assert (picture[top : top + made.size, left : left + made.size] == lattice[:, :, pixel]).all()


@pytest.mark.parametrize("size", [64, 88, 144])
def test_a_mosaic_comes_apart_as_it_was_put_together(size):
    lattice = np.random.default_rng(0).integers(0, 256, (size, size, 784), dtype=np.uint8)
    assert (atlas._from_mosaic(atlas._mosaic(lattice), size) == lattice).all()


@pytest.mark.parametrize(("first", "second"), [(0, 1), (5, 2)])
def test_on_a_slice_of_axes_the_lens_shows_that_very_vector(wide, first, second):
    through, extent = codes_of(wide)[3], 4.0
    made = make_atlas(wide.model, plane_of_axes(8, first, second), through, extent)
    where = places(500, extent)
    z = np.repeat(through.numpy()[None], len(where), 0)
    z[:, first], z[:, second] = where[:, 0], where[:, 1]
    assert_same_images(lens(made.lattice(), extent, where), decode(wide.model, z))


def test_on_a_slice_of_principal_components_the_lens_shows_that_very_vector(wide):
    codes, extent = codes_of(wide), 4.0
    through = codes[3]
    made = make_atlas(wide.model, plane_of_principal_components(codes), through, extent)
    centred = codes.double().numpy() - codes.double().numpy().mean(0)
    u = np.linalg.eigh(np.cov(centred.T))[1][:, ::-1][:, :2]  # by another way than the plane's
    u = u * np.sign(u[np.abs(u).argmax(0), [0, 1]])
    where = places(500, extent)
    z = through.numpy() + (where - centred[3] @ u) @ u.T
    assert_same_images(lens(made.lattice(), extent, where), decode(wide.model, z))


def assert_same_images(seen: np.ndarray, exact: np.ndarray) -> None:
    errors = np.abs(seen - exact)
    assert errors.mean() <= MEAN_ERROR and np.quantile(errors, 0.999) <= HIGH_ERROR
    assert exact.std(0).max() > 0.2  # they differ among themselves, so that it matters which is which


def test_on_a_strip_the_height_means_nothing():
    model = lively(latent=1)
    made = make_atlas(model, plane_of_axes(1), torch.zeros(1), 3.0)
    where = places(200, 3.0)
    low, high = (lens(made.lattice(), 3.0, np.stack([where[:, 0], np.full(200, b)], 1)) for b in (-2.9, 2.9))
    exact = decode(model, where[:, :1])
    assert np.abs(low - exact).max() < HIGH_ERROR and np.abs(high - exact).max() < HIGH_ERROR
    assert exact.std(0).max() > HIGH_ERROR


def test_a_decoder_that_changes_fast_gets_a_finer_lattice():
    sizes = [make_atlas(lively(fourier_features=n), plane_of_axes(2), torch.zeros(2), 3.0).size for n in (0, 5)]
    assert sizes[0] == atlas.SMALLEST < sizes[1] <= atlas.LARGEST and sizes[1] % 8 == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_decoder_without_finite_numbers_has_no_atlas(bad):
    model = build_model(small_config().model)
    with torch.no_grad():
        next(model.decoder.parameters()).fill_(bad)
    with pytest.raises(AtlasError, match="no finite numbers"):
        make_atlas(model, plane_of_axes(2), torch.zeros(2), 3.0)


def test_the_weights_of_four_neighbours_sum_to_one_and_keep_straight_lines_straight():
    t = np.linspace(0, 1, 33)
    weights = atlas._catmull_rom(t).astype(float)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ [-1, 0, 1, 2], t, atol=1e-6)
    np.testing.assert_allclose(weights @ [1, 0, 1, 4], t**2, atol=1e-6)  # parabolas too, for a = -1/2
    np.testing.assert_allclose(weights[[0, -1]], [[0, 1, 0, 0], [0, 0, 1, 0]], atol=1e-6)


def test_a_constant_and_a_ramp_come_back_from_a_lattice():
    size, extent = 8, 2.0
    values = np.linspace(40, 200, size).astype(int)
    across = np.broadcast_to(values[None, :, None], (size, size, 784)).astype(np.uint8)
    up = across.transpose(1, 0, 2)
    inside = places(50, extent * (size - 3) / (size - 1))  # the outermost cells repeat their edge and bend
    for lattice, coordinate in ((across, inside[:, 0]), (up, inside[:, 1])):
        q = np.interp((coordinate / extent + 1) / 2 * (size - 1), np.arange(size), values) / 255
        np.testing.assert_allclose(lens(lattice, extent, inside)[:, 0], q**2 / (q**2 + (1 - q) ** 2), atol=0.02)
    flat = np.full((size, size, 784), 102, np.uint8)
    np.testing.assert_allclose(lens(flat, extent, places(50, extent)), 0.4**2 / (0.4**2 + 0.6**2), atol=1e-5)
