import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tests.conftest import small_config
from vae.model.autoencoder import Posterior, build_model
from vae.model.elbo import Terms, elbo_terms, expected_log_prior, kl_to_prior, negative_entropy, one_sample_terms


def random_posterior(count: int, size: int) -> Posterior:
    generator = torch.Generator().manual_seed(1)
    return Posterior(
        torch.randn(count, size, generator=generator, dtype=torch.float64),
        torch.randn(count, size, generator=generator, dtype=torch.float64),
    )


@pytest.mark.parametrize("size", [1, 2, 7])
def test_kl_agrees_with_torch_distributions(size):
    posterior = random_posterior(50, size)
    expected = kl_divergence(Normal(posterior.mean, posterior.standard_deviation), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_to_prior(posterior), expected)


def test_kl_agrees_with_the_integral():
    posterior = random_posterior(5, 1)
    z = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    for mean, deviation, kl in zip(posterior.mean, posterior.standard_deviation, kl_to_prior(posterior), strict=True):
        q, p = Normal(mean, deviation).log_prob(z), Normal(0.0, 1.0).log_prob(z)
        assert torch.trapezoid(q.exp() * (q - p), z).item() == pytest.approx(kl.item(), abs=1e-6)


def test_kl_is_zero_at_the_prior_and_positive_elsewhere():
    zeros = torch.zeros(1, 3)
    assert kl_to_prior(Posterior(zeros, zeros)).item() == 0
    assert (kl_to_prior(random_posterior(200, 2)) > 0).all()


def test_reconstruction_term_agrees_with_quadrature_under_the_posterior(digits):
    """The mean of many samples is the integral over the plane, within four standard errors."""
    model = build_model(small_config().model, seed=3)
    image = digits.held_out.images[:1] / 255
    with torch.no_grad():
        posterior = model.encode(image)
        steps = torch.linspace(-6, 6, 121)
        epsilon = torch.cartesian_prod(steps, steps)
        weights = Normal(0.0, 1.0).log_prob(epsilon).sum(1).softmax(0)
        z = posterior.sample(epsilon)
        values = model.likelihood.log_prob(model.decode_parameters(z), image.expand(len(z), -1, -1, -1))
        expected = (weights * values).sum()
        spread = (weights * (values - expected) ** 2).sum().sqrt()
    samples = 4000
    estimate = elbo_terms(model, image, samples).reconstruction
    assert abs(estimate - expected) < 4 * spread / samples**0.5
    assert spread > 0.01  # else the line above says nothing


def test_one_sample_terms_use_the_epsilon_they_are_given(digits):
    model = build_model(small_config().model)
    images, epsilon = digits.held_out.images[:4] / 255, torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    terms = one_sample_terms(model, images, epsilon)
    posterior = model.encode(images)
    z = posterior.mean + torch.exp(posterior.log_variance / 2) * epsilon
    torch.testing.assert_close(terms.reconstruction, model.likelihood.log_prob(model.decode_parameters(z), images))


def test_elbo_and_objective_are_the_terms_put_together():
    terms = Terms(torch.tensor([-100.0, -90.0]), torch.tensor([5.0, 7.0]))
    assert terms.elbo.tolist() == [-105, -97]
    assert terms.objective(4.0).tolist() == [-120, -118]
    assert terms.objective(0.0).tolist() == [-100, -90]


def test_without_a_generator_the_terms_can_be_repeated(digits):
    model, images = build_model(small_config().model), digits.held_out.images[:3] / 255
    torch.testing.assert_close(elbo_terms(model, images, 2).elbo, elbo_terms(model, images, 2).elbo, rtol=0, atol=0)


def test_entropy_and_expected_prior_are_those_of_torch_and_make_the_kl():
    posterior = Posterior(torch.randn(6, 3), torch.randn(6, 3) * 2)
    q = Normal(posterior.mean, posterior.standard_deviation)
    assert torch.allclose(negative_entropy(posterior), -q.entropy().sum(1), atol=1e-5)
    cross_entropy = -(Normal(0.0, 1.0).entropy() + (posterior.mean**2 + q.variance - 1) / 2).sum(1)
    assert torch.allclose(expected_log_prior(posterior), cross_entropy, rtol=1e-5, atol=1e-5)
    difference = negative_entropy(posterior) - expected_log_prior(posterior)
    assert torch.allclose(difference, kl_to_prior(posterior), rtol=1e-5, atol=1e-5)
