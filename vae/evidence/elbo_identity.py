"""Both sides of the central equation for one image and any diagonal Gaussian q, each without the other's numbers.

    log p(x) - KL(q to p(z given x))  =  E_q[log p(x given z)] - KL(q to p(z))

A check that cannot fail checks nothing, so nothing that would cancel is shared. If the reconstruction term stood in KL(q to p(z
given x)), it would cancel between the sides; so E_q[log q(z) - log p(x, z)] is taken at places of its own, decoded another way.
If log p(x) stood in it, log p(x) would cancel on the left; so the posterior is normalised on a lattice of its own around q.

    left     log p(x, z) from log_joint.py: natural parameters, tiles of decoded places; the trapezoidal rule under q
    right    the model's own log p(x given z), decoded one and all; Gauss-Hermite under q; the KL in closed form
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.inputs import as_one
from vae.evidence.adaptive_midpoint import Lattice, evaluate, integrate
from vae.evidence.log_joint import LogJoint
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.model.autoencoder import Posterior
from vae.model.elbo import kl_to_prior
from vae.model.reconstruction import reconstruction_term

OWN_SPACING = math.sqrt(3) / 2
"""The coarsest spacing of q's own lattice over that of the lattice that the evidence is summed on: no fraction of it."""

TOLERANCE, FINEST = 1e-3, 4
COARSEST_STEP, FINEST_STEP = 0.5, 0.125
RADIUS, WIDE, RADIUS_WHEN_WIDE = 6.0, 30.0, 8.0
"""Steps of the lattice under q and its radius, in standard deviations: far enough for the z^2 of an absurdly wide q."""

MOST_BLOCKS_AROUND_Q = 15
"""Blocks to each side of q's mean that its own lattice holds at most besides where the posterior's mass is."""


@dataclass(frozen=True)
class ELBOIdentity:
    """The terms that depend on q, in nats: the right side's two, and `kl_to_posterior`, which saw neither them nor log p(x).

    Each error is what the last refinement of its rules changed; the other KL is exact.
    """

    reconstruction: float
    kl_to_prior: float
    kl_to_posterior: float
    reconstruction_error: float
    kl_to_posterior_error: float

    @property
    def elbo(self) -> float:
        """The right side, reconstruction - KL(q to p(z))."""
        return self.reconstruction - self.kl_to_prior


@torch.no_grad()
def elbo_identity(quadrature: PlaneQuadrature, image: Tensor, q: Posterior) -> ELBOIdentity:
    """The terms of one image (1, C, H, W) in [0, 1] and q (1, 2).

    KL(q to p(z given x)) = E_q[log q(z) - log p(x, z)] + log of the integral of p(x, z), on q's own lattice
    """
    x = as_one(quadrature.log_joint.pixels(image))
    reconstruction = reconstruction_term(quadrature.model, x, q.to(x))
    q = q.to(x.double())
    log_ratio, change = _expected_log_ratio(quadrature.log_joint, x, q)
    log_normaliser, last = _own_normaliser(quadrature, x, q)
    kl_to_posterior = log_ratio + log_normaliser
    return ELBOIdentity(reconstruction.value, kl_to_prior(q).item(), kl_to_posterior, reconstruction.error, change + last)


def _expected_log_ratio(log_joint: LogJoint, x: Tensor, q: Posterior) -> tuple[float, float]:
    """E_q[log q(z) - log p(x, z)] by the trapezoidal rule over epsilon, and what the last halving of its step changed."""
    step, change = COARSEST_STEP, math.inf
    value = _log_ratio_under_q(log_joint, x, q, step)
    while step > FINEST_STEP and change > TOLERANCE:
        step /= 2
        finer = _log_ratio_under_q(log_joint, x, q, step)
        value, change = finer, abs(finer - value)
    return value, change


def _log_ratio_under_q(log_joint: LogJoint, x: Tensor, q: Posterior, step: float) -> float:
    radius = RADIUS if q.standard_deviation.max() < WIDE else RADIUS_WHEN_WIDE
    steps = torch.arange(-round(radius / step), round(radius / step) + 1, dtype=torch.double, device=x.device) * step
    epsilon = torch.cartesian_prod(steps, steps)
    epsilon = epsilon[epsilon.norm(dim=1) <= radius]
    log_density = -epsilon.square().sum(1) / 2  # but for a constant
    log_q = log_density - q.log_variance.sum() / 2 - math.log(2 * math.pi)
    values = log_joint.log_prob(log_joint.decode(q.sample(epsilon)), x)[0].double()
    return (log_density.softmax(0) @ (log_q - values)).item()


def _own_normaliser(quadrature: PlaneQuadrature, x: Tensor, q: Posterior) -> tuple[float, float]:
    """log of the integral of p(x, z) on a lattice centred on q, and what its last halving changed.

    The coarse survey of the plane says only where to look.
    """
    wide = quadrature.wide_enough(x)
    lattice = Lattice(q.mean[0], wide.lattice.spacing * OWN_SPACING)
    places = wide.lattice.points(wide.survey(x).block, 0)
    block = torch.cat([lattice.blocks(places), _around(q, lattice)]).unique(dim=0)
    image = torch.zeros(len(block), dtype=torch.long, device=x.device)
    pairs = evaluate(quadrature.log_joint, x, lattice, image, block)
    integral = integrate(quadrature.log_joint, x, lattice, pairs, TOLERANCE, FINEST, wide.interpolant)
    return integral.value.item(), integral.change.item()


def _around(q: Posterior, lattice: Lattice) -> Tensor:
    """The blocks within three standard deviations of q's mean, the nearest ones where these are many."""
    reach = (3 * q.standard_deviation[0] / (2 * lattice.spacing)).ceil().clamp(1, MOST_BLOCKS_AROUND_Q).long().tolist()
    return torch.cartesian_prod(*(torch.arange(-side, side, device=q.mean.device) for side in reach))


@dataclass(frozen=True)
class IdentityTerms:
    """The equation's four numbers in nats, and the errors of the three that are no closed form.

    `is_check` tells whether each side was computed without the other's numbers, so that they could differ.
    """

    log_evidence: float
    kl_to_posterior: float
    reconstruction: float
    kl_to_prior: float
    log_evidence_error: float = 0.0
    kl_to_posterior_error: float = 0.0
    reconstruction_error: float = 0.0
    is_check: bool = True

    @property
    def left(self) -> float:
        """log p(x) - KL(q to p(z given x))."""
        return self.log_evidence - self.kl_to_posterior

    @property
    def right(self) -> float:
        """E_q[log p(x given z)] - KL(q to p(z)), the ELBO."""
        return self.reconstruction - self.kl_to_prior
