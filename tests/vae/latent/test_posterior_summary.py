import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from tests.conftest import small_config
from vae.evidence.elbo_identity import elbo_identity
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.latent.posterior_summary import draw_samples, summarise_code, summarise_posterior
from vae.model.autoencoder import VAE, Posterior, build_model
from vae.model.inference import encode_images


@pytest.fixture(scope="module", params=["bernoulli", "gaussian"])
def model(request) -> VAE:
    model = build_model(small_config(likelihood=request.param, latent=3).model)
    with torch.no_grad():  # an untrained one draws nearly the same image everywhere
        for weight in model.decoder.parameters():
            weight.mul_(2)
    return model


@pytest.fixture(scope="module")
def image(digits) -> torch.Tensor:
    return digits.held_out.images[5:6]


def posterior(mean: list[float], deviation: list[float]) -> Posterior:
    return Posterior(torch.tensor([mean]), 2 * torch.tensor([deviation]).log())


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_z_is_mean_plus_sigma_times_its_epsilon_and_the_image_is_that_zs(model, image, seed):
    q = summarise_posterior(model, image).posterior
    samples = draw_samples(model, q, 6, seed)
    assert samples.epsilon.shape == samples.z.shape == (6, 3)
    assert torch.equal(samples.z, q.mean + (q.log_variance / 2).exp() * samples.epsilon)
    with torch.no_grad():
        decoded = model.decode(samples.z) * 255
    assert samples.images.dtype == torch.uint8 and samples.images.shape == (6, 1, 28, 28)
    assert (samples.images.float() - decoded).abs().max() <= 0.5 + 1e-3
    assert (samples.images[0] != samples.images[1]).any()


def test_a_seed_gives_its_samples_and_another_seed_others(model):
    q = posterior([0.5, -1.0, 2.0], [0.1, 0.2, 0.3])
    first, again, other = (draw_samples(model, q, 4, seed) for seed in (3, 3, 4))
    for field in ("epsilon", "z", "images"):
        assert torch.equal(getattr(first, field), getattr(again, field))
    assert not torch.equal(first.epsilon, other.epsilon)
    assert torch.equal(draw_samples(model, posterior([0.0] * 3, [1.0] * 3), 4, 3).epsilon, first.epsilon)


def test_epsilon_is_standard_normal(model):
    epsilon = draw_samples(model, posterior([9.0] * 3, [4.0] * 3), 4000, 0).epsilon
    assert epsilon.mean(0).abs().max() < 5 / math.sqrt(4000)
    torch.testing.assert_close(epsilon.T.cov(), torch.eye(3), atol=0.12, rtol=0)


def test_other_random_numbers_are_left_alone(model):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    draw_samples(model, posterior([0.0] * 3, [1.0] * 3), 4, 3)
    assert torch.equal(torch.rand(3), expected)


def test_the_kl_is_that_of_torch(model, image):
    summary = summarise_posterior(model, image)
    q = Normal(summary.posterior.mean, (summary.posterior.log_variance / 2).exp())
    assert summary.kl == pytest.approx(kl_divergence(q, Normal(0.0, 1.0)).sum().item(), rel=1e-5)


@pytest.mark.parametrize("latent", [1, 2, 3])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_reconstruction_is_the_mean_over_q(image, latent, likelihood):
    """Against draws of our own, within five standard errors of both."""
    model = build_model(small_config(likelihood=likelihood, latent=latent).model, seed=2)
    summary = summarise_posterior(model, image)
    q = Normal(summary.posterior.mean[0], (summary.posterior.log_variance[0] / 2).exp())
    torch.manual_seed(1)
    x = image.flatten().float() / 255
    with torch.no_grad():
        pixels = model.decode(q.sample((20_000,))).flatten(1)
    given_z = Bernoulli(pixels, validate_args=False) if likelihood == "bernoulli" else Normal(pixels, 0.2)
    draws = given_z.log_prob(x).sum(1)
    error = draws.std().item() / math.sqrt(20_000)
    assert abs(summary.reconstruction - draws.mean().item()) < 5 * math.hypot(error, summary.error)
    assert summary.elbo == summary.reconstruction - summary.kl and draws.std() > 0
    if latent == 3:
        assert summary.samples == 500 and summary.error == pytest.approx(draws.std().item() / math.sqrt(500), rel=0.2)
    else:
        assert summary.samples == 0 and summary.error < error


def test_on_a_plane_the_story_has_the_right_side_of_the_equation(image):
    model = build_model(small_config().model, seed=2)
    summary = summarise_posterior(model, image)
    terms = elbo_identity(PlaneQuadrature(model, spacing=0.1), image / 255, summary.posterior)
    assert (summary.reconstruction, summary.kl) == pytest.approx((terms.reconstruction, terms.kl_to_prior), abs=1e-4)


def test_an_image_that_is_not_at_hand_keeps_its_posterior_and_terms(model, digits):
    codes = encode_images(model, digits.held_out.images[:4])
    q = Posterior(codes.posterior.mean[2:3], codes.posterior.log_variance[2:3])
    summary = summarise_code(model, q, codes.terms.reconstruction[2].item())
    assert summary.samples == 1 and summary.posterior is q
    assert summary.reconstruction == pytest.approx(codes.terms.reconstruction[2].item())
    assert summary.kl == pytest.approx(codes.terms.kl[2].item(), rel=1e-5)
    assert summary.kl == pytest.approx(summarise_posterior(model, digits.held_out.images[2:3]).kl, rel=1e-4)


def test_the_error_of_one_sample_is_that_of_images_which_the_decoder_draws(model, image):
    """Against the spread of log p(x given z) over q, image by image, from draws of our own."""
    q = summarise_posterior(model, image).posterior
    torch.manual_seed(1)
    z = q.sample(torch.randn(2000, 3))
    with torch.no_grad():
        pixels = model.decode(z)
    bernoulli = model.config.likelihood == "bernoulli"
    images = torch.bernoulli(pixels[:100]) if bernoulli else pixels[:100] + 0.2 * torch.randn(100, 1, 28, 28)
    given_z = Bernoulli(pixels, validate_args=False) if bernoulli else Normal(pixels, 0.2)
    variances = [given_z.log_prob(x).flatten(1).sum(1).var() for x in images]
    expected = torch.stack(variances).mean().sqrt().item()
    assert summarise_code(model, q, -100.0).error == pytest.approx(expected, rel=0.35)
