"""The best diagonal Gaussian for one image: what q would be if it were fitted to this image alone, not by an encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.inputs import as_one
from vae.model.autoencoder import VAE, Posterior
from vae.model.elbo import kl_to_prior
from vae.model.reconstruction import log_likelihood

NARROW, WIDE = -12.0, -4.0
"""Log variances between which an ascent begins: from a wider q it often ends in another mode."""


@dataclass(frozen=True)
class OptimalGaussian:
    """The diagonal Gaussian (1, D) with the highest ELBO found, in nats, and the start's ELBO by the same evaluation.

    `elbo - start_elbo` is what amortisation loses when the start is the encoder's q, log p(x) - `elbo` what the Gaussian
    family loses (Cremer, Li and Duvenaud 2018, arXiv 1801.03558). `steps` counts the gradients taken.
    """

    posterior: Posterior
    elbo: float
    start_elbo: float
    steps: int


def optimal_gaussian(
    model: VAE, x: Tensor, start: Posterior, means: Tensor | None = None, steps: int = 24, seed: int = 0
) -> OptimalGaussian:
    """The diagonal Gaussian that maximises this image's ELBO, sought from `start` (1, D) and from further `means` (S, D).

    An ascent finds the mode it begins at, which for one MNIST image in ten is not the highest, at a cost of up to 24 nats;
    so give the true posterior's highest places as `means` where they are known.

    Each ascent is L-BFGS on the mean and the log standard deviation, `steps` iterations at most, with z from the same draws
    of epsilon throughout, which depend on `seed` alone. A finer set of draws chooses among what was found and `start`
    itself, so the result is never worse than `start`. Raises `InputError` on an image x of another shape or range than
    (1, C, H, W) in [0, 1].
    """
    x, size = as_one(model.as_input(x)), start.mean.shape[1]
    start = Posterior(start.mean.detach(), start.log_variance.detach()).to(x)
    places = start.mean if means is None else torch.cat([start.mean, means.to(start.mean)])
    coarse, fine = (even_draws(size, count, seed + index).to(start.mean) for index, count in enumerate((64, 512)))
    log_variance = start.log_variance.clamp(NARROW, WIDE)
    ascents = [_ascend(model, x, Posterior(mean, log_variance), coarse, steps) for mean in places.split(1)]
    candidates = [start, *(found for found, _ in ascents)]
    with torch.no_grad():
        elbos = [_elbo_at(model, x, candidate, fine).item() for candidate in candidates]
    best = max(range(len(elbos)), key=elbos.__getitem__)
    return OptimalGaussian(candidates[best], elbos[best], elbos[0], sum(taken for _, taken in ascents))


def _elbo_at(model: VAE, x: Tensor, posterior: Posterior, epsilon: Tensor) -> Tensor:
    """This image's ELBO with the reconstruction term averaged over fixed draws of epsilon (K, D), a scalar."""
    return log_likelihood(model, x, posterior.sample(epsilon)).mean() - kl_to_prior(posterior)[0]


def _ascend(model: VAE, x: Tensor, start: Posterior, epsilon: Tensor, steps: int) -> tuple[Posterior, int]:
    """The Gaussian that an ascent from `start` ends at, and the gradients it took.

    It goes in two halves: one step of either coordinate means one standard deviation of where that half began.
    """
    here, taken = start, 0
    for half in (steps - steps // 2, steps // 2):
        here, more = _ascend_in_units_of(model, x, here, epsilon, half)
        taken += more
    return here, taken


def _ascend_in_units_of(model: VAE, x: Tensor, unit: Posterior, epsilon: Tensor, steps: int) -> tuple[Posterior, int]:
    taken = 0
    shift, stretch = (torch.zeros_like(unit.mean, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.LBFGS(
        [shift, stretch], max_iter=steps, tolerance_grad=1e-3, tolerance_change=1e-4, line_search_fn="strong_wolfe"
    )

    def place() -> Posterior:
        log_variance = (unit.log_variance + 2 * stretch).clamp(-24, 6)  # a line search may try anything
        return Posterior(unit.mean + unit.standard_deviation * shift, log_variance)

    def loss() -> Tensor:
        nonlocal taken
        taken += 1
        value = -_elbo_at(model, x, place(), epsilon)
        shift.grad, stretch.grad = torch.autograd.grad(value, [shift, stretch])
        return value.detach()

    with torch.enable_grad():
        optimiser.step(loss)
    with torch.no_grad():
        return place(), taken


def even_draws(size: int, count: int, seed: int) -> Tensor:
    """At least `count` draws (K, D) that stand for N(0, I), spread evenly; the same `seed` gives the same draws.

    A scrambled Sobol sequence through the normal's quantiles, each draw beside its negative, scaled until their covariance
    is I: averages of linear and quadratic functions are then exact.
    """
    pairs = max(count // 2, 2 * size)
    shares = torch.quasirandom.SobolEngine(size, scramble=True, seed=seed).draw(pairs, dtype=torch.float64)
    half = torch.special.ndtri(shares.clamp(1e-9, 1 - 1e-9))
    draws = torch.cat([half, -half])
    root = torch.linalg.cholesky(draws.T @ draws / len(draws))
    return torch.linalg.solve_triangular(root, draws.T, upper=False).T
