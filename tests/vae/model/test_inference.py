import pytest
import torch
from torch.distributions import Normal

from tests.conftest import small_config
from vae.data.datasets import to_uint8
from vae.latent.grid import make_grid, tile
from vae.model.autoencoder import build_model
from vae.model.elbo import kl_to_prior
from vae.model.inference import decode_points, encode_images


@pytest.mark.parametrize("size", [1, 2, 20])
def test_linear_cells_tile_the_square(size):
    grid = make_grid(size, extent=3.0)
    spacing = 6.0 / size
    assert grid.z1[0].item() == pytest.approx(-3 + spacing / 2)
    assert grid.z1[-1].item() == pytest.approx(3 - spacing / 2)
    torch.testing.assert_close(grid.z1.diff(), torch.full((size - 1,), spacing))


def test_quantile_cells_stand_for_equal_shares_of_the_prior():
    values = make_grid(15, layout="quantile").z1
    torch.testing.assert_close(Normal(0.0, 1.0).cdf(values), (torch.arange(15) + 0.5) / 15)


def test_grid_points_go_row_by_row_from_the_bottom_left():
    points = make_grid(3, extent=1.5).points().tolist()
    assert points[:4] == [[-1, -1], [0, -1], [1, -1], [-1, 0]]
    assert points[-1] == [1, 1]


def test_an_unknown_layout_is_refused():
    with pytest.raises(ValueError, match="spiral"):
        make_grid(3, layout="spiral")


def test_tiling_puts_the_first_row_at_the_bottom():
    images = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 2, 3)
    picture = tile(images, columns=2)
    assert picture.shape == (4, 6)
    assert picture.tolist() == [[2, 2, 2, 3, 3, 3]] * 2 + [[0, 0, 0, 1, 1, 1]] * 2


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_batches_make_no_difference(architecture, digits):
    model = build_model(small_config(architecture=architecture).model)
    images = digits.held_out.images[:7]
    whole, parts = encode_images(model, images), encode_images(model, images, batch=3)
    torch.testing.assert_close(whole.posterior.mean, parts.posterior.mean)
    torch.testing.assert_close(whole.terms.kl, kl_to_prior(model.encode(images / 255)))
    z = torch.randn(9, 2)
    direct = to_uint8(model.decode(z).detach())
    assert (decode_points(model, z, batch=4).int() - direct.int()).abs().max() <= 1


def test_the_first_codes_are_those_of_the_first_images(digits):
    model = build_model(small_config().model)
    codes = encode_images(model, digits.held_out.images[:5])
    assert torch.equal(codes.first(2).posterior.mean, codes.posterior.mean[:2])
    assert torch.equal(codes.first(2).terms.elbo, codes.terms.elbo[:2])
