"""The terms of the evidence lower bound, each formula written once.

    log p(x)  >=  ELBO  =  E_q[log p(x given z)]  -  KL(q(z given x) to p(z))

Kingma and Welling 2014, arXiv 1312.6114, equations 3 and 10. All terms are in nats per image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vae.model.autoencoder import VAE, Posterior


@dataclass(frozen=True)
class Terms:
    """The reconstruction and the KL term of each image, (N,) each, in nats."""

    reconstruction: Tensor
    kl: Tensor

    @property
    def elbo(self) -> Tensor:
        """reconstruction - KL, (N,), in nats."""
        return self.reconstruction - self.kl

    def objective(self, beta: float | Tensor) -> Tensor:
        """What training maximises: reconstruction - beta * KL, (N,) (Higgins et al. 2017 for beta other than 1)."""
        return self.reconstruction - beta * self.kl


def kl_to_prior(posterior: Posterior) -> Tensor:
    """KL(N(mean, variance) to N(0, I)) in nats per image, (N,).

    KL = 1/2 sum over dimensions of variance + mean^2 - 1 - log variance (Kingma and Welling 2014, appendix B)
    """
    log_variance = posterior.log_variance
    return 0.5 * (log_variance.exp() + posterior.mean.square() - 1 - log_variance).sum(1)


def negative_entropy(posterior: Posterior) -> Tensor:
    """E_q[log q(z)] of each posterior, (N,), in nats: -1/2 sum over dimensions of 1 + log(2 pi) + log variance."""
    return -0.5 * (1 + math.log(2 * math.pi) + posterior.log_variance).sum(1)


def expected_log_prior(posterior: Posterior) -> Tensor:
    """E_q[log p(z)] of each posterior, (N,), in nats: -1/2 sum over dimensions of log(2 pi) + mean^2 + variance."""
    return -0.5 * (math.log(2 * math.pi) + posterior.mean.square() + posterior.log_variance.exp()).sum(1)


def one_sample_terms(model: VAE, images: Tensor, epsilon: Tensor) -> Terms:
    """The terms of images (N, C, H, W) in [0, 1] with one sample of z per image, made from `epsilon` (N, D).

    A step of training: what it is given is not checked, and the device not waited for.
    """
    posterior = model.posterior_of(images)
    parameters = model.decode_parameters(posterior.sample(epsilon))
    return Terms(model.likelihood.log_prob(parameters, images), kl_to_prior(posterior))


def reconstruction_samples(
    model: VAE, posterior: Posterior, images: Tensor, samples: int, generator: torch.Generator
) -> Tensor:
    """log p(x given z) for `samples` draws of z from each image's posterior, (samples, N), in nats."""
    count, size = posterior.mean.shape
    epsilon = torch.randn(samples, count, size, generator=generator, device=generator.device).to(posterior.mean)
    z = posterior.sample(epsilon).flatten(0, 1)
    repeated = images.repeat(samples, 1, 1, 1)
    return model.likelihood.log_prob(model.decode_parameters(z), repeated).view(samples, count)


@torch.no_grad()
def elbo_terms(model: VAE, images: Tensor | np.ndarray, samples: int = 1, generator: torch.Generator | None = None) -> Terms:
    """The ELBO's terms for images (N, C, H, W) in [0, 1]: the KL in closed form, the reconstruction by sampling.

    The reconstruction term is the mean over `samples` draws of z from each posterior. Without a `generator` the draws
    are those of seed 0, so the same images give the same terms. Raises `InputError` on images of another shape or range.
    """
    generator = generator or torch.Generator(device=model.device).manual_seed(0)
    images = model.as_input(images)
    posterior = model.posterior_of(images)
    draws = reconstruction_samples(model, posterior, images, samples, generator)
    return Terms(draws.mean(0), kl_to_prior(posterior))


def log_prior(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, (N,), of z (N, D)."""
    return -(z.square().sum(1) + z.shape[1] * math.log(2 * math.pi)) / 2
