"""Both denoisers in closed form obey Tweedie's formula, with the score of torch's own distributions."""

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from tests.oracles import gaussian_denoiser
from vae.diffusion.closed_form import mixture_denoiser

MEAN = torch.tensor([0.5, -1.0], dtype=torch.double)
COVARIANCE = torch.tensor([[1.2, 0.5], [0.5, 0.4]], dtype=torch.double)


def score_of(distribution, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(distribution.log_prob(x).sum(), x)[0]


def points(count=40):
    return 2 * torch.randn(count, 2, generator=torch.Generator().manual_seed(1), dtype=torch.double)


def test_a_gaussians_score():
    denoise, x = gaussian_denoiser(MEAN, COVARIANCE), points()
    for level in (0.05, 0.4, 3.0):
        noisy = MultivariateNormal(MEAN, COVARIANCE + level**2 * torch.eye(2, dtype=torch.double))
        s = torch.full((len(x), 1), level, dtype=torch.double)
        assert torch.allclose((denoise(x, s) - x) / level**2, score_of(noisy, x), rtol=1e-8)


def test_a_mixtures_score_and_levels_of_each_point():
    generator = torch.Generator().manual_seed(2)
    means = torch.randn(30, 2, generator=generator, dtype=torch.double)
    variances = 0.01 + torch.rand(30, 2, generator=generator, dtype=torch.double)
    x = points()
    level = 0.1 + torch.rand(len(x), 1, generator=generator, dtype=torch.double)
    ours = (mixture_denoiser(means, variances)(x, level) - x) / level**2
    for row, (place, s) in enumerate(zip(x, level, strict=True)):
        parts = Independent(Normal(means, (variances + s**2).sqrt()), 1)
        mixture = MixtureSameFamily(Categorical(torch.ones(30, dtype=torch.double)), parts)
        assert torch.allclose(ours[row], score_of(mixture, place[None])[0], rtol=1e-7)


def test_far_away_nothing_overflows():
    denoise = mixture_denoiser(torch.zeros(3, 2), torch.full((3, 2), 1e-8))
    assert denoise(torch.full((1, 2), 1e4), torch.full((1, 1), 0.01)).isfinite().all()
