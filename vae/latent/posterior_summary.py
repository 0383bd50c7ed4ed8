"""One image's way through the model: its posterior, samples of it, what they decode to, and its terms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.datasets import pixels
from vae.data.inputs import as_one, as_stored
from vae.model.autoencoder import VAE, Posterior
from vae.model.elbo import kl_to_prior
from vae.model.inference import decode_points
from vae.model.reconstruction import error_of_one_sample, reconstruction_term


@dataclass(frozen=True)
class PosteriorSummary:
    """The posterior of one image, (1, D) each, and its terms in nats.

    The KL is exact. `samples` draws of z estimate the reconstruction and `error` is its standard error; without any it is an
    integral, good to about its `error`.
    """

    posterior: Posterior
    reconstruction: float
    kl: float
    error: float
    samples: int

    @property
    def elbo(self) -> float:
        """reconstruction - KL, in nats."""
        return self.reconstruction - self.kl

    @property
    def is_finite(self) -> bool:
        """Whether the encoder and the decoder gave numbers; broken weights give none."""
        return bool(self.posterior.mean.isfinite().all()) and math.isfinite(self.elbo)


@dataclass(frozen=True)
class Samples:
    """K samples z = mean + sigma * epsilon with their epsilons, (K, D) each, and what they decode to, (K, 1, H, W) uint8."""

    epsilon: Tensor
    z: Tensor
    images: Tensor


@torch.no_grad()
def summarise_posterior(model: VAE, image: Tensor) -> PosteriorSummary:
    """The summary of one uint8 image (1, C, H, W); on a plane its terms are those of `vae.evidence.elbo_identity`.

    Raises `InputError` on others.
    """
    x = pixels(as_one(as_stored(image))).to(model.device)
    posterior = model.encode(x)
    term = reconstruction_term(model, x, posterior)
    return PosteriorSummary(posterior.on_cpu, term.value, kl_to_prior(posterior).item(), term.error, term.samples)


def summarise_code(model: VAE, posterior: Posterior, reconstruction: float) -> PosteriorSummary:
    """The summary of an image that is not at hand, from its posterior (1, D) and one sample's reconstruction term."""
    return PosteriorSummary(posterior, reconstruction, kl_to_prior(posterior).item(), error_of_one_sample(model, posterior), 1)


@torch.no_grad()
def draw_samples(model: VAE, posterior: Posterior, count: int, seed: int) -> Samples:
    """`count` samples of one posterior (1, D); the same seed gives the same epsilons."""
    generator = torch.Generator().manual_seed(seed)
    epsilon = torch.randn(count, posterior.mean.shape[1], generator=generator)
    z = posterior.on_cpu.sample(epsilon)
    return Samples(epsilon, z, decode_points(model, z))
