"""Samplers and densities against a Gaussian, where the exact denoiser, the ODE's way and the density are known."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.oracles import gaussian_denoiser
from vae.diffusion.noise_schedule import GREATEST, reverse_levels
from vae.diffusion.samplers import ODE_FROM, SAMPLERS, log_density, sample
from vae.errors import DiffusionError

MEAN = torch.tensor([0.3, -0.2], dtype=torch.double)
COVARIANCE = torch.tensor([[1.3, 0.6], [0.6, 0.7]], dtype=torch.double)
DENOISE = gaussian_denoiser(MEAN, COVARIANCE)


def noise(count, seed=0):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_the_ode_follows_its_closed_form():
    """Along each axis of the covariance x - mean grows with sqrt(variance + s^2)."""
    start = noise(100)
    ways = sample(DENOISE, start, reverse_levels(400), "ode")
    variances, axes = torch.linalg.eigh(COVARIANCE)
    x = start * (1 + GREATEST**2) ** 0.5
    expected = MEAN + ((x - MEAN) @ axes * (variances / (variances + GREATEST**2)).sqrt()) @ axes.T
    assert (ways.codes - expected).abs().max() < 2e-3
    assert torch.equal(ways.z[0], start) and ways.z.shape == (401, 100, 2)


def test_more_steps_come_nearer():
    start = noise(50)
    best = sample(DENOISE, start, reverse_levels(800), "ode").codes
    errors = [(sample(DENOISE, start, reverse_levels(steps), "ode").codes - best).abs().max() for steps in (10, 40, 160)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_both_samplers_reach_the_gaussian(sampler):
    count = 40_000
    ways = sample(DENOISE, noise(count), reverse_levels(300), sampler, torch.Generator().manual_seed(1))
    standard_error = (COVARIANCE.diagonal() / count).sqrt()
    assert ((ways.codes.mean(0) - MEAN).abs() < 4 * standard_error).all()
    assert torch.allclose(ways.codes.T.cov(), COVARIANCE, atol=0.03)  # a standard error of 0.01, and 300 steps


def test_densities_are_those_of_the_gaussian_that_the_ode_makes():
    """x_T ~ N(0, (1 + S^2) I) is mapped in a line, along each axis by sqrt((variance + stop^2) / (variance + S^2))."""
    variances, axes = torch.linalg.eigh(COVARIANCE)
    shrinking = ((variances + ODE_FROM**2) / (variances + GREATEST**2)).sqrt()
    mean = MEAN - (MEAN @ axes * shrinking) @ axes.T
    covariance = (1 + GREATEST**2) * axes @ torch.diag(shrinking**2) @ axes.T
    made = MultivariateNormal(mean, covariance)
    codes = made.sample((200,))
    assert (log_density(DENOISE, codes, steps=512) - made.log_prob(codes)).abs().max() < 2e-3
    assert (log_density(DENOISE, codes, steps=64) - made.log_prob(codes)).abs().mean() < 0.02
    true = MultivariateNormal(MEAN, COVARIANCE).log_prob(codes)  # which it is but for what is left of the codes in z_T
    assert (made.log_prob(codes) - true).abs().mean() < 0.02


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 1000])
def test_any_number_of_steps_gives_finite_codes(sampler, steps):
    ways = sample(DENOISE, noise(20), reverse_levels(steps, "linear"), sampler, torch.Generator().manual_seed(0))
    assert ways.codes.isfinite().all() and len(ways.levels) == steps + 1


def test_one_step_of_either_sampler_is_the_denoiser_itself():
    start = noise(5)
    x = start * (1 + GREATEST**2) ** 0.5
    for sampler in SAMPLERS:
        codes = sample(DENOISE, start, reverse_levels(1), sampler).codes
        assert torch.allclose(codes, DENOISE(x, torch.full((5, 1), GREATEST, dtype=torch.double)), atol=1e-6)


def test_what_runs_off_the_plane_is_one_sentence():
    with pytest.raises(DiffusionError, match="smaller guidance weight"):
        sample(lambda x, level: x * torch.inf, noise(3), reverse_levels(5), "ode")


def test_an_unknown_sampler_is_refused():
    with pytest.raises(ValueError, match="ancestral"):
        sample(DENOISE, noise(3), reverse_levels(5), "leapfrog")
