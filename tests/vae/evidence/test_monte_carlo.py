import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from tests.conftest import small_config
from vae.data.datasets import pixels
from vae.evidence.monte_carlo import (
    bits_per_pixel,
    compare_gradients,
    kl_pieces,
    pathwise_gradients,
    quadrature_gradient,
    running,
    running_kl,
    score_function_gradients,
    summarise_gradients,
)
from vae.evidence.optimal_gaussian import even_draws, optimal_gaussian
from vae.model.autoencoder import VAE, Posterior, build_model
from vae.model.elbo import kl_to_prior
from vae.model.reconstruction import log_likelihood, reconstruction_draws
from vae.runs.folder import load_run

pytestmark = pytest.mark.slow

SCALE = 0.5


class UnboundedGaussian:
    """Gaussian pixels whose mean is the decoder's output as it is."""

    def log_prob(self, parameters: Tensor, images: Tensor) -> Tensor:
        return Normal(parameters, SCALE).log_prob(images.expand_as(parameters)).flatten(1).sum(1)


class LinearDecoder(nn.Module):
    """x = weight z + bias + noise, for which everything has a closed form. `weight` is (784, D)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(torch.linspace(0, 1, 784, dtype=torch.float64))
        self.likelihood = UnboundedGaussian()

    def as_input(self, x: Tensor) -> Tensor:
        return x.to(self.weight)

    def decode_parameters(self, z: Tensor) -> Tensor:
        return (z @ self.weight.T + self.bias).view(-1, 1, 28, 28)

    def precision(self) -> Tensor:
        return torch.eye(self.weight.shape[1], dtype=torch.float64) + self.weight.T @ self.weight / SCALE**2

    def residual(self, x: Tensor, z: Tensor) -> Tensor:
        return x.flatten() - self.bias - z @ self.weight.T

    def posterior_mean(self, x: Tensor) -> Tensor:
        zero = torch.zeros_like(self.weight[0])
        return torch.linalg.solve(self.precision(), self.weight.T @ self.residual(x, zero) / SCALE**2)

    def log_evidence(self, x: Tensor) -> Tensor:
        """By Bayes' rule at the posterior's mean: log p(x given z) + log p(z) - log p(z given x)."""
        z = self.posterior_mean(x)
        likelihood = Normal(self.weight @ z + self.bias, SCALE).log_prob(x.flatten()).sum()
        return (
            likelihood + Normal(0.0, 1.0).log_prob(z).sum() - self.precision().logdet() / 2 + len(z) * math.log(2 * math.pi) / 2
        )

    def reconstruction(self, x: Tensor, q: Posterior) -> Tensor:
        centre = Normal(self.weight @ q.mean[0] + self.bias, SCALE).log_prob(x.flatten()).sum()
        return centre - (self.weight.square().sum(0) * q.log_variance[0].exp()).sum() / (2 * SCALE**2)

    def gradient(self, x: Tensor, q: Posterior) -> Tensor:
        return self.residual(x, q.mean[0]) @ self.weight / SCALE**2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def linear(size: int, orthogonal: bool = False) -> tuple[LinearDecoder, Tensor, Posterior]:
    """A linear decoder, an image and some q."""
    weight = torch.linalg.qr(normal(784, size))[0] * torch.linspace(1, 3, size) if orthogonal else normal(784, size) / 20
    return LinearDecoder(weight).double().requires_grad_(False), normal(1, 1, 28, 28, seed=2), q_of(size)


def q_of(size: int) -> Posterior:
    return Posterior(normal(1, size, seed=3), normal(1, size, seed=4) - 1)


def without_gradient(posterior: Posterior) -> Posterior:
    return Posterior(posterior.mean.detach(), posterior.log_variance.detach())


@pytest.fixture
def trained(small_run, digits) -> tuple[VAE, Tensor, Posterior]:
    """A model after two epochs, a held-out image and its q."""
    model, x = load_run(small_run.path).model, pixels(digits.held_out.images[:1])
    return model, x, without_gradient(model.encode(x))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_the_pieces_of_the_kl_add_up_to_it(size):
    posterior = q_of(size)
    pieces = kl_pieces(posterior)
    expected = kl_divergence(Normal(posterior.mean, posterior.standard_deviation), Normal(0.0, 1.0))[0]
    torch.testing.assert_close(pieces.per_dimension, expected)
    torch.testing.assert_close(pieces.total, kl_to_prior(posterior)[0])
    assert pieces.variance.shape == pieces.mean.shape == pieces.log_determinant.shape == pieces.constant.shape == (size,)


def test_a_running_mean_and_its_error_are_those_of_the_draws_so_far():
    draws = normal(50) + 1000
    result = running(draws)
    assert result.standard_error[0] == math.inf
    for count in range(2, 51):
        assert result.mean[count - 1].item() == pytest.approx(draws[:count].mean().item())
        assert result.standard_error[count - 1].item() == pytest.approx(draws[:count].std().item() / count**0.5)


def test_a_single_draw_has_a_mean_and_no_error():
    result = running(torch.tensor([-7.0]))
    assert result.mean.tolist() == [-7] and result.standard_error.tolist() == [math.inf]


@pytest.mark.parametrize("size", [1, 2, 8])
def test_sampled_kl_covers_the_closed_form_as_often_as_its_error_says(size):
    posterior = q_of(size)
    exact = kl_to_prior(posterior).item()
    ends = [running_kl(posterior, 400, seeded(seed)) for seed in range(300)]
    hits = [abs(end.mean[-1] - exact) < 1.96 * end.standard_error[-1] for end in ends]
    assert 0.91 < sum(hits) / len(hits) < 0.985


def test_four_times_the_samples_halve_the_error():
    result = running_kl(q_of(2), 40_000, seeded())
    assert (result.standard_error[39_999] / result.standard_error[9_999]).item() == pytest.approx(0.5, abs=0.02)


def test_log_likelihood_does_not_depend_on_the_batch():
    model, x, _ = linear(2)
    z = normal(7, 2)
    expected = torch.stack([model.reconstruction(x, Posterior(one[None], torch.full((1, 2), -math.inf))) for one in z])
    torch.testing.assert_close(log_likelihood(model, x, z, batch=3), expected)
    torch.testing.assert_close(log_likelihood(model, x, z, batch=100), expected)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_reconstruction_estimates_centre_on_the_closed_form(size):
    model, x, posterior = linear(size)
    exact = model.reconstruction(x, posterior)
    estimates = reconstruction_draws(model, x, posterior, 4000, seeded()).view(400, 10).double().mean(1)
    assert estimates.shape == (400,)
    assert abs(estimates.mean() - exact) < 4 * estimates.std() / 20
    sequence = running(reconstruction_draws(model, x, posterior, 4000, seeded(1)))
    assert abs(sequence.mean[-1] - exact) < 4 * sequence.standard_error[-1]


def test_the_spread_of_estimates_falls_with_the_root_of_the_samples():
    model, x, posterior = linear(2)
    draws = reconstruction_draws(model, x, posterior, 16_000, seeded()).double()
    one, sixteen = draws[:1000].std(), draws.view(1000, 16).mean(1).std()
    assert (one / sixteen).item() == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("size", [1, 2])
def test_the_gradient_by_quadrature_is_the_closed_form(size):
    model, x, posterior = linear(size)
    result = quadrature_gradient(model, x, posterior)
    torch.testing.assert_close(result.gradient, model.gradient(x, posterior), rtol=1e-6, atol=1e-6)
    assert result.change < 1e-3 * max(1, result.gradient.abs().max())


def test_the_gradient_by_quadrature_is_the_slope_of_the_reconstruction_term(trained):
    """Against differences of E_q[log p(x given z)] itself, integrated over z on a fixed grid."""
    model, x, posterior = trained
    model, x = model.double(), x.double()
    mean, deviation = posterior.mean.double(), posterior.standard_deviation.double()
    axes = [torch.linspace(-7, 7, 113, dtype=torch.float64) * s + m for m, s in zip(mean[0], deviation[0], strict=True)]
    z = torch.cartesian_prod(*axes)
    values = log_likelihood(model, x, z).detach()
    for dimension in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[dimension] = 1e-3 * deviation[0, dimension]
        above, below = (
            (Normal(mean + sign * step, deviation).log_prob(z).sum(1).softmax(0) * values).sum() for sign in (1, -1)
        )
        slope = (above - below) / (2 * step[dimension])
        result = quadrature_gradient(model, x, posterior)
        assert result.gradient[dimension].item() == pytest.approx(slope.item(), abs=5e-3, rel=1e-3)


def test_quadrature_says_that_it_needs_a_plane():
    with pytest.raises(ValueError, match="q has 3"):
        quadrature_gradient(linear(3)[0], linear(3)[1], q_of(3))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_both_estimators_agree_with_the_closed_form(size):
    model, x, posterior = linear(size)
    for estimator in (pathwise_gradients, score_function_gradients):
        gradients = estimator(model, x, posterior, 4000, seeded())
        assert gradients.shape == (4000, size)
        summary = summarise_gradients(gradients)
        assert ((summary.mean - model.gradient(x, posterior)).abs() < 4 * summary.standard_error).all()


def test_both_estimators_agree_with_quadrature_and_the_pathwise_one_varies_less(trained):
    model, x, posterior = trained
    exact = quadrature_gradient(model, x, posterior).gradient
    comparison, _ = compare_gradients(model, x, posterior, 4000, seeded())
    for summary in (comparison.pathwise, comparison.score_function, comparison.with_baseline):
        assert ((summary.mean - exact).abs() < 4 * summary.standard_error).all()
    assert (comparison.variance_ratio > 10 * comparison.ratio_with_baseline).all()
    assert (comparison.ratio_with_baseline > 1).all() and (comparison.constant_share > 0.9).all()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_one_draw_of_either_estimator_is_the_derivative_it_stands_for(trained):
    """Of log p(x given mean + sigma * epsilon), and log p(x given z) times that of log q(z), each by q's mean."""
    model, x, posterior = trained
    epsilon = torch.randn(5, 2, generator=seeded(9))
    z = posterior.sample(epsilon)
    mean = posterior.mean.expand(5, 2).clone().requires_grad_()
    through_z = log_likelihood(model, x, mean + posterior.standard_deviation * epsilon).sum()
    torch.testing.assert_close(
        pathwise_gradients(model, x, posterior, 5, seeded(9)), torch.autograd.grad(through_z, mean)[0], rtol=1e-4, atol=1e-3
    )
    through_q = (log_likelihood(model, x, z).detach() * Normal(mean, posterior.standard_deviation).log_prob(z).sum(1)).sum()
    torch.testing.assert_close(
        score_function_gradients(model, x, posterior, 5, seeded(9)),
        torch.autograd.grad(through_q, mean)[0],
        rtol=1e-4,
        atol=1e-3,
    )


def test_the_baseline_is_the_mean_of_the_other_draws(trained):
    model, x, posterior = trained
    epsilon = torch.randn(6, 2, generator=seeded(9))
    values = log_likelihood(model, x, posterior.sample(epsilon)).detach()
    others = torch.stack([torch.cat([values[:k], values[k + 1 :]]).mean() for k in range(6)])
    expected = (values - others)[:, None] * epsilon / posterior.standard_deviation
    found = score_function_gradients(model, x, posterior, 6, seeded(9), baseline=True)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-2)


def test_a_constant_added_to_log_p_moves_the_score_function_and_not_what_has_a_baseline():
    model, x, posterior = linear(2)
    further = x + 60 * torch.linalg.qr(torch.cat([model.weight, normal(784, 1)], 1))[0][:, -1].view(x.shape)  # seen by no z
    plain, moved = (score_function_gradients(model, y, posterior, 500, seeded()) for y in (x, further))
    assert (moved.std(0) / plain.std(0) > 1.2).all()
    based = [score_function_gradients(model, y, posterior, 500, seeded(), baseline=True) for y in (x, further)]
    torch.testing.assert_close(*based, rtol=1e-6, atol=1e-6)


def test_the_variances_are_the_integrals_that_they_estimate(trained):
    """E_q[gradient^2] - E_q[gradient]^2 of each estimator on a grid of our own, which draws nothing."""
    model, x, posterior = trained
    model, x = model.double(), x.double()
    steps = torch.linspace(-6, 6, 97, dtype=torch.float64)
    epsilon = torch.cartesian_prod(steps, steps)
    weights = Normal(0.0, 1.0).log_prob(epsilon).sum(1).softmax(0)
    deviation = posterior.standard_deviation.double()
    z = (posterior.mean.double() + deviation * epsilon).requires_grad_()
    values = model.likelihood.log_prob(model.decode_parameters(z), x)
    slopes = torch.autograd.grad(values.sum(), z)[0]
    values = values.detach()
    score = epsilon / deviation
    exact = [slopes, values[:, None] * score, (values - weights @ values)[:, None] * score]
    found, drawn = compare_gradients(model, x, Posterior(posterior.mean.double(), deviation.log() * 2), 40_000, seeded(5))
    for single, gradients, summary in zip(
        exact, drawn, (found.pathwise, found.score_function, found.with_baseline), strict=True
    ):
        variance = weights @ single.square() - (weights @ single).square()
        squares = (gradients - gradients.mean(0)).square()
        error = squares.std(0) / len(squares) ** 0.5
        assert ((summary.variance - variance).abs() < 5 * error).all() and (error < 0.1 * variance).all()


def test_a_summary_of_gradients_is_that_of_each_column():
    gradients = normal(30, 3)
    summary = summarise_gradients(gradients)
    for column in range(3):
        assert summary.variance[column].item() == pytest.approx(gradients[:, column].std().item() ** 2)
        assert summary.standard_error[column] == running(gradients[:, column]).standard_error[-1]
    with pytest.raises(ValueError, match="at least two"):
        summarise_gradients(gradients[:1])


@pytest.mark.parametrize("size", [1, 2, 8])
def test_the_best_gaussian_is_the_posterior_where_that_is_diagonal(size):
    model, x, start = linear(size, orthogonal=True)
    best = optimal_gaussian(model, x, start)
    variance = 1 / model.precision().diagonal()
    torch.testing.assert_close(best.posterior.mean[0], model.posterior_mean(x), rtol=0, atol=2e-3)
    torch.testing.assert_close(best.posterior.log_variance[0], variance.log(), rtol=0, atol=1e-2)
    assert best.elbo == pytest.approx(model.log_evidence(x).item(), abs=1e-4)
    assert best.start_elbo == pytest.approx((model.reconstruction(x, start) - kl_to_prior(start)).item(), abs=1e-3)


def test_the_best_gaussian_falls_short_of_the_evidence_by_the_correlation_it_cannot_have():
    """The best diagonal q of a Gaussian posterior has its mean and the diagonal of its precision (Bishop 2006, 10.1.2)."""
    model, x, start = linear(2)
    model.weight.data[:, 1] += model.weight.data[:, 0]
    best, precision = optimal_gaussian(model, x, start), model.precision()
    torch.testing.assert_close(best.posterior.mean[0], model.posterior_mean(x), rtol=0, atol=2e-3)
    gap = (precision.diagonal().log().sum() - precision.logdet()) / 2
    assert gap > 0.1
    assert model.log_evidence(x).item() - best.elbo == pytest.approx(gap.item(), abs=1e-3)


@pytest.mark.parametrize("log_variance", [-20.0, -6.0, 0.0, 2 * math.log(5)])
def test_the_best_gaussian_is_never_worse_than_its_start(trained, log_variance):
    model, x, posterior = trained
    for mean in (posterior.mean, torch.tensor([[3.0, -3.0]])):
        best = optimal_gaussian(model, x, Posterior(mean, torch.full((1, 2), log_variance)))
        assert best.elbo >= best.start_elbo
        start = Posterior(best.posterior.mean, best.posterior.log_variance)
        again = optimal_gaussian(model, x, start)
        assert again.start_elbo == pytest.approx(best.elbo)
        assert again.elbo >= best.elbo
        assert again.elbo - best.elbo < 0.01  # there was nothing left to climb


class TwoModes(LinearDecoder):
    """Pixels that hardly tell z from -z, so that the posterior has two modes, the positive one the higher."""

    def decode_parameters(self, z: Tensor) -> Tensor:
        return super().decode_parameters(z.square() + 0.5 * z)


def test_further_means_find_a_higher_mode():
    model = TwoModes(torch.full((784, 1), 0.2, dtype=torch.float64)).double()
    x = model.decode_parameters(torch.tensor([[1.0]], dtype=torch.float64)).detach()
    start = Posterior(torch.tensor([[-1.4]]).double(), torch.tensor([[-4.0]]).double())
    alone, further = (optimal_gaussian(model, x, start, means) for means in (None, torch.tensor([[0.8], [-0.5]])))
    assert alone.posterior.mean < 0 < further.posterior.mean
    assert further.elbo > alone.elbo + 0.5
    assert further.start_elbo == alone.start_elbo


def test_the_same_seed_finds_the_same_gaussian(trained):
    first, second = (optimal_gaussian(*trained, seed=3) for _ in range(2))
    assert first.elbo == second.elbo
    assert torch.equal(first.posterior.mean, second.posterior.mean)


@pytest.mark.parametrize("size", [1, 2, 8, 40])
def test_even_draws_have_the_moments_of_the_prior(size):
    draws = even_draws(size, 64, seed=5)
    assert draws.shape[1] == size and len(draws) >= 64
    torch.testing.assert_close(draws.mean(0), torch.zeros(size, dtype=torch.float64))
    torch.testing.assert_close(draws.T @ draws / len(draws), torch.eye(size, dtype=torch.float64))


@pytest.mark.parametrize("log_variance", [-20.0, 2 * math.log(5)])
@pytest.mark.parametrize(("size", "likelihood"), [(1, "bernoulli"), (2, "bernoulli"), (8, "bernoulli"), (2, "gaussian")])
def test_everything_stays_finite_at_the_ends(size, likelihood, log_variance):
    model = build_model(small_config(latent=size, likelihood=likelihood).model)
    x, posterior = torch.zeros(1, 1, 28, 28), Posterior(torch.full((1, size), 3.0), torch.full((1, size), log_variance))
    estimates = running_kl(posterior, 50, seeded())
    comparison, _ = compare_gradients(model, x, posterior, 50, seeded())
    best = optimal_gaussian(model, x, posterior)
    numbers = [kl_pieces(posterior).total, estimates.mean, estimates.standard_error[1:], comparison.variance_ratio]
    numbers += [comparison.ratio_with_baseline, comparison.constant_share]
    numbers += [reconstruction_draws(model, x, posterior, 50, seeded()), comparison.score_function.mean]
    numbers += [best.posterior.mean, best.posterior.log_variance, torch.tensor([best.elbo, best.start_elbo])]
    if size <= 2:
        numbers.append(quadrature_gradient(model, x, posterior).gradient)
    assert all(number.isfinite().all() for number in numbers)
    assert best.elbo >= best.start_elbo


def test_a_fair_coin_for_every_pixel_costs_one_bit():
    assert bits_per_pixel(784 * math.log(0.5)) == pytest.approx(1)
    assert bits_per_pixel(-10.0, pixels=5) == pytest.approx(2 / math.log(2))
