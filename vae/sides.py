"""Both sides of the central equation for one image and any diagonal Gaussian q, each without the other's numbers.

    log p(x) - KL(q to p(z given x))  =  E_q[log p(x given z)] - KL(q to p(z))

If KL(q to p(z given x)) were computed with a posterior that was normalised by log p(x), log p(x) would cancel on the left and
the equation could not fail. So the posterior is normalised on a lattice of its own around q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.elbo import kl_to_prior, negative_entropy
from vae.evidence import PlaneQuadrature
from vae.inputs import as_one
from vae.joint import Joint, log_prior
from vae.model import Posterior
from vae.quadrature import Lattice, evaluate, integrate

OWN_SPACING = math.sqrt(3) / 2
"""The coarsest spacing of q's own lattice over that of the lattice that the evidence is summed on: no fraction of it."""

TOLERANCE, FINEST = 1e-3, 4
COARSEST_STEP, FINEST_STEP = 0.5, 0.125
RADIUS, WIDE, RADIUS_WHEN_WIDE = 6.0, 30.0, 8.0
"""Steps of the lattice under q and its radius, in standard deviations: far enough for the z^2 of an absurdly wide q."""

MOST_BLOCKS_AROUND_Q = 15
"""Blocks to each side of q's mean that its own lattice holds at most besides where the posterior's mass is."""


@dataclass(frozen=True)
class Sides:
    """The terms that depend on q, in nats.

    `kl_to_posterior` never saw the evidence. `change` is what the last halvings of the spacings changed in them.
    """

    reconstruction: float
    kl_to_prior: float
    kl_to_posterior: float
    change: float

    @property
    def elbo(self) -> float:
        """The right side, reconstruction - KL(q to p(z))."""
        return self.reconstruction - self.kl_to_prior


@torch.no_grad()
def sides(quadrature: PlaneQuadrature, image: Tensor, q: Posterior) -> Sides:
    """The terms of one image (1, C, H, W) in [0, 1] and q (1, 2).

    KL(q to p(z given x)) = E_q[log q(z)] - E_q[log p(x, z)] + log of the integral of p(x, z), on q's own lattice
    """
    joint = quadrature.joint
    x = as_one(joint.pixels(image))
    q = q.to(x.double())
    reconstruction, prior, change = _expectations(joint, x, q)
    log_normaliser, last = _own_normaliser(quadrature, x, q)
    kl_to_posterior = negative_entropy(q).item() - reconstruction - prior + log_normaliser
    return Sides(reconstruction, kl_to_prior(q).item(), kl_to_posterior, max(change, last))


def _expectations(joint: Joint, x: Tensor, q: Posterior) -> tuple[float, float, float]:
    """E_q[log p(x given z)], E_q[log p(z)] and what the last halving changed, by the trapezoidal rule over epsilon."""
    step, change = COARSEST_STEP, math.inf
    reconstruction, prior = _under_q(joint, x, q, step)
    while step > FINEST_STEP and change > TOLERANCE:
        step /= 2
        finer, prior = _under_q(joint, x, q, step)
        reconstruction, change = finer, abs(finer - reconstruction)
    return reconstruction, prior, change


def _under_q(joint: Joint, x: Tensor, q: Posterior, step: float) -> tuple[float, float]:
    radius = RADIUS if q.standard_deviation.max() < WIDE else RADIUS_WHEN_WIDE
    steps = torch.arange(-round(radius / step), round(radius / step) + 1, dtype=torch.double, device=x.device) * step
    epsilon = torch.cartesian_prod(steps, steps)
    epsilon = epsilon[epsilon.norm(dim=1) <= radius]
    weights = (-epsilon.square().sum(1) / 2).softmax(0)
    z = q.sample(epsilon)
    values = joint.log_prob(joint.decode(z), x)[0].double() - log_prior(z.to(joint.like)).double()
    return (weights @ values).item(), (weights @ log_prior(z)).item()


def _own_normaliser(quadrature: PlaneQuadrature, x: Tensor, q: Posterior) -> tuple[float, float]:
    """log of the integral of p(x, z) on a lattice centred on q, and what its last halving changed.

    The coarse survey of the plane says only where to look.
    """
    wide = quadrature.wide_enough(x)
    lattice = Lattice(q.mean[0], wide.lattice.spacing * OWN_SPACING)
    places = wide.lattice.points(wide.survey(x).block, 0)
    block = torch.cat([lattice.blocks(places), _around(q, lattice)]).unique(dim=0)
    image = torch.zeros(len(block), dtype=torch.long, device=x.device)
    pairs = evaluate(quadrature.joint, x, lattice, image, block)
    integral = integrate(quadrature.joint, x, lattice, pairs, TOLERANCE, FINEST, wide.guess)
    return integral.value.item(), integral.change.item()


def _around(q: Posterior, lattice: Lattice) -> Tensor:
    """The blocks within three standard deviations of q's mean, the nearest ones where these are many."""
    reach = (3 * q.standard_deviation[0] / (2 * lattice.spacing)).ceil().clamp(1, MOST_BLOCKS_AROUND_Q).long().tolist()
    return torch.cartesian_prod(*(torch.arange(-side, side, device=q.mean.device) for side in reach))
