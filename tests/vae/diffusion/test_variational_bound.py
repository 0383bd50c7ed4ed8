"""The ledger against Gaussian codes, whose KL to their own distribution is known."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.oracles import gaussian_denoiser
from vae.diffusion.noise_schedule import noise_share, signal_share
from vae.diffusion.variational_bound import chain_levels, first_step_variance, ledger
from vae.model.autoencoder import Posterior
from vae.model.elbo import negative_entropy

COVARIANCE = torch.tensor([[1.3, 0.6], [0.6, 0.7]])
WIDTH = 0.05
DENOISE = gaussian_denoiser(torch.zeros(2), COVARIANCE)


def posteriors(count=4000):
    """Posteriors whose mixture is N(0, COVARIANCE)."""
    spread = COVARIANCE - WIDTH**2 * torch.eye(2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        means = MultivariateNormal(torch.zeros(2), spread).sample((count,))
    return Posterior(means, torch.full((count, 2), 2 * math.log(WIDTH)))


def ledger_of(steps, draws=16):
    q = posteriors()
    least = chain_levels(steps)[0]
    variance = first_step_variance(DENOISE, q.mean, least, torch.Generator().manual_seed(3))
    return ledger(DENOISE, q, variance, steps, draws=draws)


def true_kl(q):
    """E[KL(q(z given x) to N(0, COVARIANCE))] of these very posteriors: -entropy of q - E_q[log p]."""
    p = MultivariateNormal(torch.zeros(2), COVARIANCE)
    expected = p.log_prob(q.mean) - WIDTH**2 * torch.linalg.inv(COVARIANCE).trace() / 2
    return (negative_entropy(q) - expected).mean().item()


def test_the_bound_is_the_kl_term_for_many_steps():
    terms = ledger_of(1000)
    assert -0.05 < terms.kl - true_kl(posteriors()) < 0.15  # a thousand steps cost about 0.07 nats
    assert terms.error < 0.06
    assert terms.kl == pytest.approx(terms.prior + terms.diffusion + terms.first_step)


def test_fewer_steps_cost_nats_and_never_gain_any():
    few, some, many = (ledger_of(steps).kl for steps in (5, 33, 257))  # each chain has all the levels of the one before
    assert few > some > many > true_kl(posteriors()) - 0.05


def test_the_prior_term_is_torchs_kl():
    q = posteriors(50)
    terms = ledger(DENOISE, q, 1.0, 4, draws=1)
    level = chain_levels(4)[-1]
    generator = torch.Generator().manual_seed(5)
    u = q.sample(torch.randn(4000, 50, 2, generator=generator))
    noisy = torch.distributions.Normal(signal_share(level) * u, noise_share(level))
    expected = torch.distributions.kl_divergence(noisy, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean().item()
    assert terms.prior == pytest.approx(expected, rel=1e-3)


def test_one_step_is_a_vae_with_a_gaussian_decoder():
    terms = ledger_of(1)
    assert terms.diffusion == 0
    assert terms.kl > true_kl(posteriors())


def test_the_noise_prediction_loss_is_that_of_the_exact_denoiser():
    """E|epsilon - prediction|^2 at level s is the trace of covariance (covariance + s^2 I)^-1; by dimension."""
    terms = ledger_of(1000, draws=32)
    variances = torch.linalg.eigvalsh(COVARIANCE)
    levels = chain_levels(1000)[1:, None]
    expected = (variances / (variances + levels**2)).mean().item()
    assert terms.noise_prediction == pytest.approx(expected, rel=0.02)
