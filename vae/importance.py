"""log p(x) by importance sampling, for latent spaces of any size (Burda, Grosse and Salakhutdinov 2016, arXiv 1509.00519)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.model import VAE, Posterior
from vae.quadrature import log_prior

SCALES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
PRIOR_SHARE = 0.1
"""z is drawn from q with its standard deviations multiplied by one of these scales, each as often, and one time in ten from
the prior: q is often narrower than the posterior or beside it, and from q alone the weights of z in between are so
heavy-tailed that no standard error can be trusted."""

VALUES_AT_A_TIME = 4096


@dataclass(frozen=True)
class ImportanceEstimate:
    """log p(x) of each image with its standard error, (N,) each, in nats, float64 on the CPU."""

    log_evidence: Tensor
    standard_error: Tensor


@torch.no_grad()
def importance_log_evidence(model: VAE, images: Tensor, samples: int, generator: torch.Generator) -> ImportanceEstimate:
    """Estimates for images (N, C, H, W) in [0, 1] from `samples` draws of z for each.

    log p(x) ~ log of 1/K sum over k of p(x given z_k) p(z_k) / r(z_k),  z_k from r = 0.9 (q at the SCALES) + 0.1 p(z)

    The standard error is that of the mean weight over the mean weight (the delta method).
    """
    parts = [_one(model, image, samples, generator) for image in images.to(model.device).split(1)]
    return ImportanceEstimate(*(torch.stack(column) for column in zip(*parts, strict=True)))


def _one(model: VAE, image: Tensor, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    log_weights = _log_weights(model, image, model.encode(image), samples, generator)
    best = log_weights.max()
    weights = (log_weights - best).exp()
    mean = weights.mean()
    return best + mean.log(), weights.std() / math.sqrt(samples) / mean


def _log_weights(model: VAE, image: Tensor, q: Posterior, samples: int, generator: torch.Generator) -> Tensor:
    """log p(x, z) - log r(z) at draws of z from r, (samples,)."""
    device = {"generator": generator, "device": generator.device}
    epsilon = torch.randn(samples, q.mean.shape[1], **device).to(q.mean)
    scales = torch.tensor(SCALES).to(q.mean)
    scale = scales[torch.randint(len(SCALES), (samples,), **device).to(q.mean.device)][:, None]
    from_prior = torch.rand(samples, 1, **device).to(q.mean) < PRIOR_SHARE
    z = torch.where(from_prior, epsilon, q.sample(scale * epsilon))
    likelihood = [
        model.likelihood.log_prob(model.decode_parameters(part), image.expand(len(part), -1, -1, -1))
        for part in z.split(VALUES_AT_A_TIME)
    ]
    return (torch.cat(likelihood) + log_prior(z) - _log_proposal(z, q, scales)).double().cpu()


def _log_proposal(z: Tensor, q: Posterior, scales: Tensor) -> Tensor:
    """log r(z), (samples,)."""
    size = z.shape[1]
    squares = ((z - q.mean) / q.standard_deviation).square().sum(1)
    log_q = -(squares[:, None] / scales**2 + size * math.log(2 * math.pi)) / 2 - size * scales.log() - q.log_variance.sum() / 2
    log_wide = log_q.logsumexp(1) - math.log(len(scales))
    return torch.logaddexp(math.log(1 - PRIOR_SHARE) + log_wide, math.log(PRIOR_SHARE) + log_prior(z))
