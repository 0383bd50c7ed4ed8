"""The noise levels are those of DDPM's process, and every schedule preserves the variance."""

import math

import pytest
import torch

from vae.diffusion.noise_schedule import GREATEST, SCHEDULES, diffuse, noise_level, noise_share, reverse_levels, signal_share


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_variance_is_preserved_at_every_time(schedule):
    level = noise_level(torch.linspace(0, 1, 50, dtype=torch.double), schedule)
    assert torch.allclose(signal_share(level) ** 2 + noise_share(level) ** 2, torch.ones_like(level))
    assert level[0] == 0 and (level.diff() >= 0).all() and level[-1] == GREATEST


def test_the_linear_schedule_is_ddpms():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.double)
    alphas = (1 - betas).cumprod(0).sqrt()
    steps = torch.tensor([50, 200, 400, 500])
    ours = signal_share(noise_level(steps.double() / 1000, "linear"))
    assert torch.allclose(ours, alphas[steps - 1], rtol=0.01)


def test_the_cosine_schedule_is_a_cosine():
    t = torch.linspace(0, 0.95, 20, dtype=torch.double)
    assert torch.allclose(signal_share(noise_level(t)), (math.pi / 2 * t).cos())


def test_diffused_codes_have_the_moments_that_are_promised():
    generator = torch.Generator().manual_seed(0)
    u = torch.tensor([[2.0, -1.0]]).expand(200_000, 2)
    z = diffuse(u, torch.tensor(0.75), torch.randn(u.shape, generator=generator))
    assert torch.allclose(z.mean(0), 0.8 * u[0], atol=0.01)  # alpha = 1 / sqrt(1 + 0.75^2) = 0.8, sigma = 0.6
    assert torch.allclose(z.std(0), torch.tensor([0.6, 0.6]), atol=0.01)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 50, 1000])
def test_a_chain_falls_from_noise_to_the_code(schedule, steps):
    levels = reverse_levels(steps, schedule)
    assert len(levels) == steps + 1
    assert levels[0] == GREATEST and levels[-1] == 0
    assert (levels.diff() <= 0).all()


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="cosine"):
        noise_level(torch.zeros(1), "square")
