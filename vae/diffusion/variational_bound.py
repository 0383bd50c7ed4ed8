"""The ledger: the variational bound of a chain of latents, term by term.

With z as its first latent and z_1, ..., z_T the same codes with more and more noise, the ELBO of an image is

    E[log p(x given z)]
    - E[log q(z given x) - log p(z given z_1)]                  the first step
    - sum over t of KL(q(z_t-1 given z_t, z) to p(z_t-1 given z_t))    the diffusion term
    - KL(q(z_T given z) to N(0, I))                              the prior term

(Ho et al. 2020, equation 5, below the VAE's own latent; Vahdat et al. 2021, arXiv 2106.05931.) The three lines with a minus
take the place of the VAE's KL term. All terms are in nats per image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.diffusion.denoiser import Denoise
from vae.diffusion.noise_schedule import GREATEST, noise_share, signal_share
from vae.model.autoencoder import Posterior
from vae.model.elbo import negative_entropy

STEPS = 1000
"""Of the chain whose bound is told, as many as DDPM has."""

FIRST = 0.01
"""The noise level of z_1: about half of what a posterior is wide."""


@dataclass(frozen=True)
class Ledger:
    """The terms that take the KL term's place, as means over images, in nats.

    `first_step` is E[log q(z given x) - log p(z given z_1)], `error` the standard error of their sum. `noise_prediction` is
    the mean of |epsilon - predicted epsilon|^2 over the chain's times, by dimension: DDPM's simple loss, which weighs the steps
    differently.
    """

    prior: float
    diffusion: float
    first_step: float
    noise_prediction: float
    error: float

    @property
    def kl(self) -> float:
        """KL(q(z, z_1, ..., z_T given x) to p(z, z_1, ..., z_T))."""
        return self.prior + self.diffusion + self.first_step


def chain_levels(steps: int) -> Tensor:
    """The rising noise levels of z_1, ..., z_T, (T,): each the same factor above the one before.

    A schedule that begins with the levels s, 2s, 3s, ..., as the cosine does, wastes more than two nats on these few steps,
    however long the chain: a step's reverse is near a Gaussian of the variance it is given only while the factor is small.
    """
    return torch.logspace(math.log10(FIRST), math.log10(GREATEST), steps) if steps > 1 else torch.tensor([GREATEST])


def first_step_variance(denoise: Denoise, u: Tensor, least: Tensor, generator: torch.Generator) -> float:
    """The variance of p(z given z_1) = N(D, variance I) that fits codes u (N, D) best: the mean squared error of D."""
    x = u + least.to(u) * _normal(u, generator)
    with torch.no_grad():
        return (u - denoise(x, least.to(u).expand(len(u), 1))).square().mean().item()


@torch.no_grad()
def ledger(
    denoise: Denoise,
    posterior: Posterior,
    variance: float,
    steps: int = STEPS,
    draws: int = 16,
    seed: int = 0,
) -> Ledger:
    """The terms for standardised posteriors (N, D), each image at `draws` steps of the chain.

    A step's KL is between two Gaussians of one variance, 1/2 (1 / r^2 - 1 / s^2) |u - D(x_s; s)|^2, from noise level s down
    to r (Kingma et al. 2021, equation 13). `variance` is that of the first step, see `first_step_variance`. It depends on
    no unit: to measure z in other units changes log q and log p alike.
    """
    generator = torch.Generator().manual_seed(seed)
    levels = chain_levels(steps).to(posterior.mean)
    first = _first_step(denoise, posterior, variance, levels[0], draws, generator)
    diffusion, simple = _steps(denoise, posterior, levels, draws, generator)
    prior = _prior_term(posterior, levels[-1])
    terms = [term.mean().item() for term in (prior, diffusion, first, simple)]
    error = ((prior + diffusion + first).std() / math.sqrt(len(prior))).item()
    return Ledger(*[*terms, error])


def _steps(
    denoise: Denoise, posterior: Posterior, levels: Tensor, draws: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The sum of the steps' KLs, and the noise-prediction loss, of each image, (N,) each.

    The steps that most nats are expected of, as if codes were standard normal, are drawn more often and count less: from
    level s down to r that is (s^2 / r^2 - 1) / (1 + s^2), which falls by orders of magnitude along the chain.
    """
    count = len(posterior.mean)
    diffusion, simple = torch.zeros(2, count, dtype=torch.double)
    if len(levels) == 1:
        return diffusion, simple
    lower, upper = levels[:-1].cpu().double(), levels[1:].cpu().double()
    expected = ((upper / lower).square() - 1) / (1 + upper.square())
    shares = (expected / expected.sum() + 1 / len(expected)) / 2  # no step is left out
    for _ in range(draws):
        step = _drawn(shares, count, generator)
        r, s = lower[step], upper[step]
        u = posterior.sample(_normal(posterior.mean, generator))
        level = s.to(u)[:, None]
        squares = (u - denoise(u + level * _normal(u, generator), level)).square().sum(1).cpu().double()
        diffusion += (r**-2 - s**-2) * squares / 2 / shares[step] / draws
        simple += squares / s.square() / posterior.mean.shape[1] / shares[step] / len(shares) / draws
    return diffusion, simple


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers in the shape of a tensor, where that is."""
    return torch.randn(like.shape, generator=generator, device=generator.device).to(like)


def _drawn(shares: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` indices drawn with probabilities `shares`, evenly spread over them, in random order, (count,)."""
    places = (torch.arange(count) + torch.rand(1, generator=generator)).double() / count
    index = torch.searchsorted(shares.cumsum(0), places).clamp(max=len(shares) - 1)
    return index[torch.randperm(count, generator=generator)]


def _first_step(
    denoise: Denoise, posterior: Posterior, variance: float, least: Tensor, draws: int, generator: torch.Generator
) -> Tensor:
    """E[log q(u given x) - log N(u; D(x_1), variance I)] of each image, (N,)."""
    squares = torch.zeros(len(posterior.mean), dtype=torch.double)
    for _ in range(draws):
        u = posterior.sample(_normal(posterior.mean, generator))
        x = u + least * _normal(u, generator)
        squares += (u - denoise(x, least.expand(len(u), 1))).square().sum(1).cpu().double() / draws
    log_likelihood = -(squares / variance + posterior.mean.shape[1] * math.log(2 * math.pi * variance)) / 2
    return negative_entropy(posterior).cpu().double() - log_likelihood


def _prior_term(posterior: Posterior, level: Tensor) -> Tensor:
    """E over q(u given x) of KL(q(z_T given u) to N(0, I)), (N,); q(z_T given u) = N(alpha u, sigma^2 I)."""
    alpha, sigma = signal_share(level).cpu().double(), noise_share(level).cpu().double()
    square = (posterior.mean.square() + posterior.log_variance.exp()).sum(1).cpu().double()
    latent = posterior.mean.shape[1]
    return (alpha.square() * square + latent * (sigma.square() - 1 - 2 * sigma.log())) / 2
