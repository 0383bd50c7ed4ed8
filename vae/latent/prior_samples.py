"""The generative model run forwards: z from the prior, the mean pixels at z, and pixels from p(x given z)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.datasets import to_uint8
from vae.model.autoencoder import VAE


@dataclass(frozen=True)
class Generated:
    """N points z (N, D) with the mean of p(x given z) and one draw of x each, (N, 1, H, W) uint8.

    Under a Gaussian likelihood the pixels of a draw that lie beyond black and white are shown as black and white.
    """

    z: Tensor
    means: Tensor
    draws: Tensor


def draw_from_prior(latent: int, count: int, seed: int) -> Tensor:
    """`count` points z (count, D) from N(0, I); the same seed gives the same points."""
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def generate(model: VAE, z: Tensor, seed: int) -> Generated:
    """What p(x given z) has for its mean, and one draw from it, at points z (N, D); the same seed gives the same draws.

    Where broken weights give no number, the decoder's output counts as zero.
    """
    parameters = model.decode_parameters(z.to(model.device)).cpu().nan_to_num()
    draws = model.likelihood.draw(parameters, torch.Generator().manual_seed(seed))
    return Generated(z, to_uint8(model.likelihood.mean(parameters)), to_uint8(draws))
