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
from vae.diffusion.process import LEAST, noise_share, reverse_levels, signal_share
from vae.elbo import negative_entropy
from vae.model import Posterior

STEPS = 1000
"""Of the chain whose bound is told, as many as DDPM has."""


@dataclass(frozen=True)
class Ledger:
    """The terms that take the KL term's place, as means over images, in nats.

    `first_step` is E[log q(z given x) - log p(z given z_1)], `error` the standard error of their sum. `noise_prediction` is
    the mean of |epsilon - predicted epsilon|^2 over the chain's times, DDPM's simple loss, which weighs them differently.
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


def chain_levels(steps: int, schedule: str = "cosine") -> Tensor:
    """The rising noise levels of z_1, ..., z_T, (T,)."""
    return reverse_levels(steps, schedule)[:-1].flip(0).clamp_min(LEAST)


def first_step_variance(denoise: Denoise, u: Tensor, least: Tensor, generator: torch.Generator) -> float:
    """The variance of p(z given z_1) = N(D, variance I) that fits codes u (N, D) best: the mean squared error of D."""
    x = u + least * torch.randn(u.shape, generator=generator)
    with torch.no_grad():
        return (u - denoise(x, least.to(u).expand(len(u), 1))).square().mean().item()


@torch.no_grad()
def ledger(
    denoise: Denoise,
    posterior: Posterior,
    variance: float,
    steps: int = STEPS,
    schedule: str = "cosine",
    draws: int = 16,
    seed: int = 0,
) -> Ledger:
    """The terms for standardised posteriors (N, D), each image at `draws` times of the chain, evenly spread.

    A step's KL is between two Gaussians of one variance, 1/2 (1 / r^2 - 1 / s^2) |u - D(x_s; s)|^2, from noise level s down
    to r (Kingma et al. 2021, equation 13). `variance` is that of the first step, see `first_step_variance`. It depends on
    no unit: to measure z in other units changes log q and log p alike.
    """
    generator = torch.Generator().manual_seed(seed)
    levels = chain_levels(steps, schedule).to(posterior.mean)
    count = len(posterior.mean)
    diffusion, simple = torch.zeros(2, count, dtype=torch.double)
    for _ in range(draws):
        u = posterior.sample(torch.randn(posterior.mean.shape, generator=generator))
        step = _spread(count, steps - 1, generator) + 1 if steps > 1 else torch.zeros(count, dtype=torch.long)
        s, r = levels[step, None], levels[(step - 1).clamp_min(0), None]
        error = (u - denoise(u + s * torch.randn(u.shape, generator=generator), s)).square().sum(1).double()
        if steps > 1:
            diffusion += (steps - 1) * (1 / r.double() ** 2 - 1 / s.double() ** 2).squeeze(1) * error / 2 / draws
        simple += error / s.squeeze(1).double() ** 2 / draws
    first = _first_step(denoise, posterior, variance, levels[0], draws, generator)
    prior = _prior_term(posterior, levels[-1])
    total = prior + diffusion + first
    return Ledger(
        prior.mean().item(),
        diffusion.mean().item(),
        first.mean().item(),
        simple.mean().item(),
        (total.std() / math.sqrt(count)).item() if count > 1 else math.inf,
    )


def _spread(count: int, choices: int, generator: torch.Generator) -> Tensor:
    """`count` of 0 .. choices - 1 that are evenly spread, each equally likely for each place."""
    shares = (torch.arange(count) + torch.rand(1, generator=generator)) / count
    return (shares * choices).long().clamp(max=choices - 1)[torch.randperm(count, generator=generator)]


def _first_step(
    denoise: Denoise, posterior: Posterior, variance: float, least: Tensor, draws: int, generator: torch.Generator
) -> Tensor:
    """E[log q(u given x) - log N(u; D(x_1), variance I)] of each image, (N,)."""
    squares = torch.zeros(len(posterior.mean), dtype=torch.double)
    for _ in range(draws):
        u = posterior.sample(torch.randn(posterior.mean.shape, generator=generator))
        x = u + least * torch.randn(u.shape, generator=generator)
        squares += (u - denoise(x, least.expand(len(u), 1))).square().sum(1).double() / draws
    log_likelihood = -(squares / variance + posterior.mean.shape[1] * math.log(2 * math.pi * variance)) / 2
    return negative_entropy(posterior).double() - log_likelihood


def _prior_term(posterior: Posterior, level: Tensor) -> Tensor:
    """E over q(u given x) of KL(q(z_T given u) to N(0, I)), (N,); q(z_T given u) = N(alpha u, sigma^2 I)."""
    alpha, sigma = signal_share(level).double(), noise_share(level).double()
    square = (posterior.mean.square() + posterior.log_variance.exp()).sum(1).double()
    latent = posterior.mean.shape[1]
    return (alpha.square() * square + latent * (sigma.square() - 1 - 2 * sigma.log())) / 2
