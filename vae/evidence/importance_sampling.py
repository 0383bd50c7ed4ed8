"""log p(x) by importance sampling, for latent spaces of any size (Burda, Grosse and Salakhutdinov 2016, arXiv 1509.00519)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.device import where_double_is
from vae.evidence.log_joint import NOT_FINITE, EvidenceError
from vae.evidence.posterior_modes import find_posterior_modes, log_joint
from vae.model.autoencoder import VAE, Posterior
from vae.model.elbo import log_prior
from vae.model.inference import BATCH

Q_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
MODE_SCALES = (1.0, 1.5, 3.0)
PRIOR_SHARE, Q_SHARE = 0.1, 0.2
"""z is drawn from the prior one time in ten, from q with its standard deviations multiplied by one of these scales two times,
and else from Gaussians of the shapes of the posterior's modes. q alone is often narrower than the posterior or beside it, and
the weights of z in between are then so heavy-tailed that no standard error can be trusted."""

PRIOR_PILOTS, Q_PILOTS = (8, 512), (4, 128)
FARTHEST = 2.0
"""Draws in so many groups that find the modes: an ascent begins at the best of each group, so not all begin at one mode. The
last group from the prior is drawn twice as wide as it, for some images are explained only where it is thin."""

EVEN_SHARE = 0.2
"""The share of the peaks' draws that is spread evenly over them; the others go by their masses."""


@dataclass(frozen=True)
class ImportanceEstimate:
    """log p(x) of each image with its standard error, (N,) each, in nats, float64 on the CPU."""

    log_evidence: Tensor
    standard_error: Tensor


@dataclass(frozen=True)
class Mixture:
    """Gaussians of `share` (M,), which add up to 1, `mean` (M, D) and precision root @ root^T, `root` (M, D, D) lower."""

    share: Tensor
    mean: Tensor
    root: Tensor

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """z (count, D)."""
        options: dict[str, Any] = {"generator": generator, "device": generator.device}
        among = torch.multinomial(self.share.to(generator.device), count, replacement=True, generator=generator)
        among = among.to(self.mean.device)
        epsilon = torch.randn(count, self.mean.shape[1], **options).to(self.mean)
        return self.mean[among] + torch.linalg.solve_triangular(self.root[among].mT, epsilon[..., None], upper=True)[..., 0]

    def log_prob(self, z: Tensor) -> Tensor:
        """The log density at z (K, D), (K,)."""
        epsilon = (z - self.mean[:, None]) @ self.root  # (M, K, D)
        log_scale = self.root.diagonal(dim1=1, dim2=2).log().sum(1) - z.shape[1] * math.log(2 * math.pi) / 2
        return ((self.share.log() + log_scale)[:, None] - epsilon.square().sum(2) / 2).logsumexp(0)

    def scaled(self, scales: tuple[float, ...]) -> Mixture:
        """Each Gaussian with its standard deviations multiplied by each of these scales, as often."""
        scale = torch.tensor(scales).to(self.mean)
        root = (self.root / scale[:, None, None, None]).flatten(0, 1)
        return Mixture(self.share.repeat(len(scales)) / len(scales), self.mean.repeat(len(scales), 1), root)


def _mixed(shares: tuple[float, ...], mixtures: tuple[Mixture, ...]) -> Mixture:
    """One mixture of several."""
    share = torch.cat([share * mixture.share for share, mixture in zip(shares, mixtures, strict=True)])
    return Mixture(share, torch.cat([m.mean for m in mixtures]), torch.cat([m.root for m in mixtures]))


def _gaussian(posterior: Posterior) -> Mixture:
    """A diagonal Gaussian (1, D) as a mixture of one."""
    return Mixture(torch.ones(1).to(posterior.mean), posterior.mean, (1 / posterior.standard_deviation).diag_embed())


def _check_gaussian(posterior: Posterior) -> None:
    """Raise `EvidenceError` unless this is a Gaussian that can be computed with."""
    spread = posterior.standard_deviation
    if not (posterior.mean.isfinite().all() and spread.isfinite().all() and spread.gt(0).all()):
        raise EvidenceError("The encoder of this run gives no finite Gaussian, so q cannot be computed with; train it anew.")


@torch.no_grad()
def importance_log_evidence(model: VAE, images: Tensor, samples: int, generator: torch.Generator) -> ImportanceEstimate:
    """Estimates for images (N, C, H, W) in [0, 1] from `samples` draws of z for each.

    log p(x) ~ log of 1/K sum over k of p(x given z_k) p(z_k) / r(z_k),  z_k from r = 0.1 p(z) + 0.2 q, scaled + 0.7 modes

    The standard error is that of the mean weight over the mean weight (the delta method). It knows nothing of a mode that no
    ascent found, which happens to badly explained images in wide latent spaces. Raises `EvidenceError` where the encoder or the
    decoder gives no finite numbers, and `InputError` on images of another shape or range.
    """
    model = where_double_is(model)
    images = model.as_input(images)
    begun = _best_of_groups_of_prior_draws(model, images, generator)
    parts = [_one(model, image, start, samples, generator) for image, start in zip(images.split(1), begun, strict=True)]
    return ImportanceEstimate(*(torch.stack(column) for column in zip(*parts, strict=True)))


def _best_of_groups_of_prior_draws(model: VAE, images: Tensor, generator: torch.Generator) -> Tensor:
    """Of each group of draws from the prior, wider from group to group, the z with the highest p(x, z), (N, groups, D).

    The draws are the same for all images.
    """
    groups, size = PRIOR_PILOTS
    z = torch.randn(groups, size, model.config.latent, generator=generator, device=generator.device).to(images)
    z = (z * torch.linspace(1, FARTHEST, groups).to(z)[:, None, None]).flatten(0, 1)
    likelihood, best = model.likelihood, []
    parameters = torch.cat([model.decode_parameters(part) for part in z.split(BATCH)])
    natural, normaliser = likelihood.natural(parameters), likelihood.log_normaliser(parameters) - log_prior(z)
    for part in images.split(BATCH):
        best.append(likelihood.log_prob_of_families(natural, normaliser, part).view(-1, groups, size).argmax(2))
    return z.view(groups, size, -1)[torch.arange(groups, device=z.device), torch.cat(best)]


def _one(model: VAE, image: Tensor, begun: Tensor, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    proposal = _proposal(model, image, begun, generator)
    z = proposal.sample(samples, generator)
    log_weights = (log_joint(model, image, z) - proposal.log_prob(z)).cpu().double()
    best = log_weights.max()
    if not best.isfinite():
        raise EvidenceError(NOT_FINITE)
    weights = (log_weights - best).exp()
    mean = weights.mean()
    return best + mean.log(), weights.std() / math.sqrt(samples) / mean


def _proposal(model: VAE, image: Tensor, begun: Tensor, generator: torch.Generator) -> Mixture:
    """r, for one image (1, C, H, W); ascents begin at `begun` (S, D), at the encoder's mean and near it."""
    encoded = model.encode(image)
    _check_gaussian(encoded)
    prior = _gaussian(Posterior(torch.zeros_like(encoded.mean), torch.zeros_like(encoded.mean)))
    q = _gaussian(encoded).scaled(Q_SCALES)
    groups, size = Q_PILOTS
    z = q.sample(groups * size, generator)
    near = z.view(groups, size, -1)[range(groups), log_joint(model, image, z).view(groups, size).argmax(1)]
    found = find_posterior_modes(model, image, torch.cat([encoded.mean, near, begun]))
    share = (1 - EVEN_SHARE) * found.log_mass.softmax(0) + EVEN_SHARE / len(found.z)
    modes = Mixture(share, found.z, found.root).scaled(MODE_SCALES)
    return _mixed((PRIOR_SHARE, Q_SHARE, 1 - PRIOR_SHARE - Q_SHARE), (prior, q, modes))
