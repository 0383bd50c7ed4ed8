import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from tests.conftest import small_config
from vae.data.inputs import IMAGE_SHAPE
from vae.latent.fields import aggregate_density, change_rate, nearest
from vae.latent.grid import make_grid
from vae.latent.plane import Plane, plane_of_axes, plane_of_principal_components
from vae.model.autoencoder import Posterior, build_model

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")
"""PyTorch's own, on the first forward-mode derivative in a process."""

TURNED = Plane(torch.tensor([[0.6, 0.8], [-0.8, 0.6]]), torch.tensor([0.2, -0.1]), ("u1", "u2"))


def posterior_of(count: int, latent: int, low: float, high: float, seed: int = 0) -> Posterior:
    generator = torch.Generator().manual_seed(seed)
    deviation = low + (high - low) * torch.rand(count, latent, generator=generator)
    return Posterior(torch.randn(count, latent, generator=generator), 2 * deviation.log())


def brute_force_density(posterior: Posterior, directions: torch.Tensor, centre: torch.Tensor, extent: float, size: int):
    """The mean over cells of a lattice of 9 x 9 points in each, in double precision, one Gaussian at a time."""
    directions, centre, fine = directions.double(), centre.double(), 9 * size
    values = ((torch.arange(fine).double() + 0.5) / fine * 2 - 1) * extent
    b, a = torch.meshgrid(values, values, indexing="ij")
    total = torch.zeros(fine, fine, dtype=torch.float64)
    for mean, variance in zip(posterior.mean.double(), posterior.log_variance.double().exp(), strict=True):
        covariance = directions @ torch.diag(variance) @ directions.T
        total += MultivariateNormal(directions @ (mean - centre), covariance).log_prob(torch.stack([a, b], -1)).exp()
    return (total / len(posterior.mean)).view(size, 9, size, 9).mean((1, 3)).float()


def pixel_jacobian(model: nn.Module, plane: Plane, through: torch.Tensor, coordinates: torch.Tensor) -> torch.Tensor:
    """d mean pixels / d (a, b), (784, 2), in reverse mode and double precision."""
    model, directions, offset = model.double(), plane.directions.double(), plane.rest(through).double()
    jacobian = torch.autograd.functional.jacobian(
        lambda c: model.decode((offset + c @ directions)[None]).flatten(), coordinates.double()
    )
    model.float()
    return jacobian


class DeafDecoder(nn.Module):
    """Mean pixels of a half, whatever z is."""

    device = torch.device("cpu")

    def decode(self, z):
        return torch.full((len(z), *IMAGE_SHAPE), 0.5)


class BrokenDecoder(DeafDecoder):
    def decode(self, z):
        return z[:, :1, None, None].sqrt().expand(-1, *IMAGE_SHAPE)


@pytest.mark.parametrize("plane", [plane_of_axes(2), TURNED, plane_of_axes(2, 1, 0)])
@pytest.mark.parametrize(("low", "high"), [(0.005, 0.02), (0.01, 1.0)])
def test_the_density_of_a_wide_square_holds_all_mass(plane, low, high):
    density = aggregate_density(posterior_of(2500, 2, low, high), plane, extent=9.0, size=60)
    assert density.shape == (60, 60)
    assert density.min() >= 0
    assert density.sum().item() * (18 / 60) ** 2 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("size", [1, 7, 40])
@pytest.mark.parametrize("plane", [plane_of_axes(2), TURNED])
def test_the_density_is_the_mean_of_the_posteriors(plane, size):
    posterior = posterior_of(12, 2, 0.2, 1.0)
    expected = brute_force_density(posterior, plane.directions, plane.centre, 2.5, size)
    tolerance = 2e-3 if size > 1 else 2e-2
    torch.testing.assert_close(
        aggregate_density(posterior, plane, 2.5, size), expected, rtol=0, atol=tolerance * expected.max().item()
    )


@pytest.mark.parametrize("plane_of", [lambda means: plane_of_axes(5, 3, 1), plane_of_principal_components])
def test_the_density_of_a_wider_space_is_projected(plane_of):
    posterior = posterior_of(15, 5, 0.15, 1.2)
    plane = plane_of(posterior.mean)
    expected = brute_force_density(posterior, plane.directions, plane.centre, 3.0, 30)
    torch.testing.assert_close(
        aggregate_density(posterior, plane, 3.0, 30), expected, rtol=0, atol=2e-3 * expected.max().item()
    )


@pytest.mark.parametrize("narrow", [0.4, 0.05])
@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_a_collapsed_dimension_seen_aslant_leaves_no_stripes(narrow, turn):
    directions = torch.tensor([[1.0, turn], [-turn, 1.0]]) / math.sqrt(2)
    posterior = Posterior(torch.zeros(1, 2), 2 * torch.tensor([[narrow, 1.0]]).log())
    expected = brute_force_density(posterior, directions, torch.zeros(2), 3.0, 48)
    density = aggregate_density(posterior, Plane(directions, torch.zeros(2), ("", "")), 3.0, 48)
    torch.testing.assert_close(density, expected, rtol=0, atol=0.02 * expected.max().item())


@pytest.mark.parametrize(("latent", "plane"), [(2, plane_of_axes(2)), (8, plane_of_axes(8, 2, 7))])
def test_posteriors_equal_to_the_prior_have_the_priors_density(latent, plane):
    density = aggregate_density(Posterior(torch.zeros(50, latent), torch.zeros(50, latent)), plane, 3.0, 96)
    expected = Normal(0.0, 1.0).log_prob(make_grid(96, 3.0).points()).sum(1).exp().view(96, 96)
    torch.testing.assert_close(density, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("log_variance", [2 * math.log(0.006), -200.0, -math.inf])
@pytest.mark.parametrize("plane", [plane_of_axes(2), TURNED])
def test_a_narrow_posterior_has_all_its_mass_in_its_cell(plane, log_variance):
    row, column, size, extent = 13, 4, 20, 3.0
    centre = make_grid(size, extent).points().view(size, size, 2)[row, column]
    means = plane.points(centre[None], torch.zeros(2))
    density = aggregate_density(Posterior(means, torch.full((1, 2), log_variance)), plane, extent, size)
    expected = torch.zeros(size, size)
    expected[row, column] = (size / (2 * extent)) ** 2
    torch.testing.assert_close(density, expected)


def test_one_collapsed_variance_leaves_a_line():
    posterior = Posterior(torch.zeros(1, 2), torch.tensor([[0.0, -math.inf]]))
    for plane in (plane_of_axes(2), TURNED):
        density = aggregate_density(posterior, plane, 6.0, 41)
        assert density.isfinite().all()
        assert density.sum().item() * (12 / 41) ** 2 == pytest.approx(1, abs=1e-4)
    across = aggregate_density(posterior, plane_of_axes(2), 6.0, 41)
    assert torch.equal(across.sum(1).nonzero(), torch.tensor([[20]]))


def test_codes_outside_the_square_are_left_out_of_it():
    means = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, -50.0], [5.0, 5.0]])
    density = aggregate_density(Posterior(means, torch.full((4, 2), -8.0)), plane_of_axes(2), 1.0, 10)
    assert density.sum().item() * 0.2**2 == pytest.approx(0.25)


def test_the_density_on_a_strip_is_that_of_one_dimension():
    posterior = posterior_of(20, 1, 0.2, 0.8)
    density = aggregate_density(posterior, plane_of_axes(1), 3.0, 96)
    assert density.shape == (96, 96)
    assert torch.equal(density, density[:1].expand(96, 96))
    expected = Normal(posterior.mean, posterior.standard_deviation).log_prob(make_grid(96, 3.0).z1).exp().mean(0)
    torch.testing.assert_close(density[0], expected, rtol=0, atol=2e-3)


CHANGING = {
    "mlp": {"architecture": "mlp"},
    "conv": {"architecture": "conv"},
    "mlp of 8": {"architecture": "mlp", "latent": 8, "activation": "gelu"},
    "conv of 8": {"architecture": "conv", "latent": 8, "activation": "silu"},
    "waves": {"architecture": "mlp", "fourier_features": 2, "activation": "tanh", "likelihood": "gaussian"},
}


@pytest.mark.parametrize("changes", CHANGING.values(), ids=CHANGING)
def test_the_change_rate_is_the_area_of_the_decoders_jacobian(changes):
    model = build_model(small_config(**changes).model, seed=1)
    latent = model.config.latent
    plane = TURNED if latent == 2 else plane_of_principal_components(posterior_of(20, latent, 0.1, 0.2).mean)
    through = torch.randn(latent, generator=torch.Generator().manual_seed(2))
    rate = change_rate(model, plane, through, extent=2.0, size=5, batch=7)
    assert rate.shape == (5, 5) and rate.dtype == torch.float32
    for row, column in [(0, 0), (1, 4), (3, 2)]:
        coordinates = make_grid(5, 2.0).points().view(5, 5, 2)[row, column]
        area = torch.linalg.svdvals(pixel_jacobian(model, plane, through, coordinates)).prod()
        assert rate[row, column].item() == pytest.approx(area.item(), rel=1e-3)


def test_the_change_rate_is_that_of_small_steps():
    model = build_model(small_config(activation="tanh").model, seed=1).double()
    plane, step = plane_of_axes(2), 1e-5
    z = make_grid(4, 1.5).points().double()
    first, second = (
        ((model.decode(z + step * axis) - model.decode(z - step * axis)) / (2 * step)).flatten(1) for axis in torch.eye(2)
    )
    angle = torch.nn.functional.cosine_similarity(first, second).acos()
    expected = (first.norm(dim=1) * second.norm(dim=1) * angle.sin()).view(4, 4).float().detach()
    torch.testing.assert_close(change_rate(model.float(), plane, torch.zeros(2), 1.5, 4), expected, rtol=1e-3, atol=1e-6)


def test_the_slice_makes_a_difference_to_the_change_rate():
    model = build_model(small_config(latent=8, activation="tanh").model)
    plane, through = plane_of_axes(8, 0, 5), torch.randn(8, generator=torch.Generator().manual_seed(0))
    rate = change_rate(model, plane, through, 1.0, 3)
    moved = through + torch.tensor([3.0, -1.0]) @ plane.directions
    torch.testing.assert_close(change_rate(model, plane, moved, 1.0, 3), rate)
    assert (change_rate(model, plane, through.neg(), 1.0, 3) - rate).abs().max() > 1e-3


def test_the_change_rate_of_a_strip_is_the_length_of_one_derivative():
    model = build_model(small_config(latent=1).model)
    rate = change_rate(model, plane_of_axes(1), torch.zeros(1), 2.0, 6)
    assert rate.shape == (6, 6)
    assert torch.equal(rate, rate[:1].expand(6, 6))
    for column, a in enumerate(make_grid(6, 2.0).z1):
        length = pixel_jacobian(model, plane_of_axes(1), torch.zeros(1), torch.stack([a, a.new_zeros(())])).norm()
        assert rate[0, column].item() == pytest.approx(length.item(), rel=1e-3)


def test_a_decoder_deaf_to_z_never_changes():
    assert torch.equal(change_rate(DeafDecoder(), plane_of_axes(2), torch.zeros(2), 3.0, 4), torch.zeros(4, 4))


def test_a_decoder_deaf_to_one_direction_has_no_area():
    model = build_model(small_config(latent=2).model)
    model.decoder[1][0].weight.data[:, 1] = 0
    assert change_rate(model, plane_of_axes(2), torch.zeros(2), 3.0, 4).max() < 1e-4


def test_what_a_broken_decoder_gives_is_passed_on():
    rate = change_rate(BrokenDecoder(), plane_of_axes(2), torch.zeros(2), 1.0, 2)
    assert rate[:, 0].isnan().all() and rate[:, 1].isfinite().all()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_gradients_on_or_off_make_no_difference(mode):
    model, plane = build_model(small_config().model), plane_of_axes(2)
    expected = change_rate(model, plane, torch.zeros(2), 2.0, 4)
    with mode():
        rate = change_rate(model, plane, torch.zeros(2), 2.0, 4)
    assert not rate.requires_grad
    assert torch.equal(rate, expected)


def test_two_visitors_at_once_get_the_same_change_rate():
    model, plane = build_model(small_config().model), plane_of_axes(2)
    expected = change_rate(model, plane, torch.zeros(2), 2.0, 6)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(change_rate, model, plane, torch.zeros(2), 2.0, 6, batch=4) for _ in range(12)]
        for rate in asked:
            torch.testing.assert_close(rate.result(), expected)


@pytest.mark.parametrize(("count", "found"), [(0, 0), (1, 1), (7, 7), (40, 30)])
def test_the_nearest_points_are_those_of_a_sort(count, found):
    generator = torch.Generator().manual_seed(4)
    points, z = torch.randn(30, 3, generator=generator), torch.randn(3, generator=generator)
    order = sorted(range(30), key=lambda index: math.dist(points[index].tolist(), z.tolist()))
    indices = nearest(points, z, count)
    assert len(indices) == found
    assert indices.tolist() == order[:count]


def test_a_point_is_nearest_to_itself_and_ties_go_to_the_first():
    points = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    assert nearest(points, torch.zeros(2), 3).tolist() == [1, 3, 0]
