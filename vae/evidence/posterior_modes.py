"""Where one image's posterior p(z given x) has its mass: its modes, for a latent space of any size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vae.evidence.log_joint import NOT_FINITE, EvidenceError
from vae.model.autoencoder import VAE
from vae.model.derivatives import along
from vae.model.elbo import log_prior
from vae.model.reconstruction import log_likelihood

STEPS, RISE = 10, 0.01
LENGTHS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""How many steps an ascent takes at most, the nats that make another one worth it, and the parts of a step that are tried."""

PATIENCE, HOPELESS = 2, 30.0
"""Ascents that are so many nats below the best one are given up, but not in the first steps."""


@dataclass(frozen=True)
class PosteriorModes:
    """Places z (S, D) of high log p(x, z) and its values there (S,), in nats.

    `root` (S, D, D) is the lower Cholesky factor of the precision of the Gaussian that has the peak's shape.
    """

    z: Tensor
    log_joint: Tensor
    root: Tensor

    @property
    def log_mass(self) -> Tensor:
        """log of the integral of p(x, z) over each mode by Laplace's method, (S,), less D log(2 pi) / 2."""
        return self.log_joint - self.root.diagonal(dim1=1, dim2=2).log().sum(1)


@torch.no_grad()
def find_posterior_modes(model: VAE, image: Tensor, starts: Tensor) -> PosteriorModes:
    """The modes of p(x, z) that ascents from `starts` (N, D) end at, the highest of them, for one image (1, C, H, W) in [0, 1].

    A whole step is Fisher scoring for an exponential family with natural parameters n(z) and mean pixels m(z):

        z + (I + dn/dz^T dm/dz)^-1 (dn/dz^T (x - m) - z)

    which for the Gaussian likelihood is Gauss-Newton's. Of several parts of it the best is taken, so no step goes down. Raises
    `EvidenceError` where p(x, z) is finite at none of `starts`.
    """
    z = starts[log_joint(model, image, starts).isfinite()]
    if not len(z):
        raise EvidenceError(NOT_FINITE)
    lengths = torch.tensor(LENGTHS).to(starts)[:, None, None]
    for step_number in range(STEPS):
        gradient, root = _slope_and_shape(model, image, z)
        step = torch.cholesky_solve(gradient[..., None], root)[..., 0].nan_to_num()
        tried = z + lengths * step
        values = log_joint(model, image, tried.flatten(0, 1)).view(len(lengths), -1).nan_to_num(-torch.inf)
        z = tried[values.argmax(0), torch.arange(len(z), device=z.device)]
        if (values.amax(0) - values[0] < RISE).all():
            break
        if step_number >= PATIENCE:
            z = z[values.amax(0) > values.max() - HOPELESS]
    return PosteriorModes(z, log_joint(model, image, z), _slope_and_shape(model, image, z)[1])


def log_joint(model: VAE, image: Tensor, z: Tensor) -> Tensor:
    """log p(x, z) of one image at places z (K, D), (K,), in nats."""
    return log_likelihood(model, image, z) + log_prior(z)


def _slope_and_shape(model: VAE, image: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """d log p(x, z) / dz (S, D), and the Cholesky factor (S, D, D) of the Fisher information with the prior's; I where none."""

    def natural_and_mean(z: Tensor) -> Tensor:
        parameters = model.decode_parameters(z)
        return torch.stack([model.likelihood.natural(parameters), model.likelihood.mean(parameters).flatten(1)])

    identity = torch.eye(z.shape[1]).to(z)
    natural, mean = along(natural_and_mean, z, identity).unbind(1)  # (D, S, pixels) each
    residual = image.flatten(1) - natural_and_mean(z)[1]
    gradient = torch.einsum("dsp,sp->sd", natural, residual) - z
    information = torch.einsum("dsp,esp->sde", natural, mean)
    root, failed = torch.linalg.cholesky_ex(identity + (information + information.mT) / 2)
    return gradient, torch.where((failed > 0)[:, None, None] | ~root.isfinite(), identity, root)
