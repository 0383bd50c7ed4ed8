"""What each latent dimension carries: its share of the KL term, whether it is used, and what moving along it alone does."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vae.model.autoencoder import VAE, Posterior
from vae.model.elbo import kl_to_prior
from vae.model.inference import decode_points

LEAST_VARIANCE = 0.01
"""Of the means over images; below it a dimension counts as inactive (Burda, Grosse and Salakhutdinov 2016)."""


@dataclass(frozen=True)
class Dimension:
    """A latent dimension: its `index` from 0, its mean KL to the prior in nats, and whether its mean tells images apart."""

    index: int
    kl: float
    is_active: bool


def rank_dimensions(posterior: Posterior) -> list[Dimension]:
    """The dimensions of the codes (N, D) of N images, those of the greatest KL first."""
    alone = Posterior(posterior.mean.double().reshape(-1, 1), posterior.log_variance.double().reshape(-1, 1))
    kl = kl_to_prior(alone).view(posterior.mean.shape).mean(0)
    is_active = posterior.mean.double().var(0) > LEAST_VARIANCE
    return [Dimension(index, kl[index].item(), bool(is_active[index])) for index in kl.argsort(descending=True).tolist()]


def traverse(model: VAE, z: Tensor, indices: list[int], values: Tensor) -> Tensor:
    """z (D,) with one dimension at a time given `values` (V,), decoded: (dimensions, V, C, H, W) uint8."""
    points = z.repeat(len(indices), len(values), 1)
    for row, index in enumerate(indices):
        points[row, :, index] = values
    return decode_points(model, points.flatten(0, 1)).unflatten(0, (len(indices), len(values)))
