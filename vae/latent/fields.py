"""Scalar fields on the plane that is looked at, and the codes nearest to a point.

A field is a float tensor (size, size) over square cells that tile [-extent, extent]^2 in the plane's coordinates (a, b):
row 0 has the lowest b, column 0 the lowest a, and each value belongs to its cell's centre.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

from vae.device import in_double
from vae.latent.grid import make_grid
from vae.latent.plane import Plane
from vae.model.autoencoder import VAE, Posterior
from vae.model.derivatives import along

POSTERIORS_AT_A_TIME = 1024
MOST_NODES = 129


@torch.no_grad()
def aggregate_density(posterior: Posterior, plane: Plane, extent: float, size: int = 96) -> Tensor:
    """Density of the aggregate posterior's projection onto the plane, averaged over each cell, (size, size).

        q(a, b) = 1/N sum over n of q(a, b given x_n)

    with posterior means and log variances (N, D), per unit of a and of b. It is the cell's mass over its area, so that
    posteriors narrower than a cell count as much as wide ones. On a strip it is the density of a alone, per unit of a,
    the same in every row.
    """
    posterior, edges = posterior.on_cpu, torch.linspace(-extent, extent, size + 1)
    width = 2 * extent / size
    means = plane.project(posterior.mean)
    covariances = plane.project_covariance(posterior.log_variance.exp())
    if plane.is_strip:
        masses = _interval_masses(means[:, 0], covariances[:, 0, 0].sqrt(), edges)
        return (masses.mean(0) / width).repeat(size, 1)
    parts = zip(means.split(POSTERIORS_AT_A_TIME), covariances.split(POSTERIORS_AT_A_TIME), strict=True)
    total = cast(Tensor, sum(_cell_masses(mean, covariance, edges) for mean, covariance in parts))
    return total / (len(means) * width**2)


def _interval_masses(mean: Tensor, deviation: Tensor, edges: Tensor) -> Tensor:
    """The mass of N(mean, deviation^2) between neighbouring `edges` (K + 1,), for parameters (...), as (..., K).

    Phi(z) = (1 + erf(z / sqrt 2)) / 2. All the mass of a deviation of zero lies in the interval that holds the mean.
    """
    # Not torch.special.ndtr, which is seven times slower
    scale = math.sqrt(2) * deviation.clamp_min(1e-12)
    return torch.erf((edges - mean[..., None]) / scale[..., None]).diff() / 2


def _cell_masses(mean: Tensor, covariance: Tensor, edges: Tensor) -> Tensor:
    """The sum over Gaussians with `mean` (N, 2) and `covariance` (N, 2, 2) of their mass in each cell.

        (a, b) = mean + loading * s + remainder,  loading_a * loading_b = covariance of a and b

    Given s, a standard normal that explains the part |correlation| of either variance, the coordinates are independent,
    and a cell's mass is the product of two intervals' masses.
    """
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
    correlation = _correlation(covariance)[:, None]
    sign = torch.cat([torch.ones_like(correlation), correlation.sign()], 1)
    loading = sign * deviation * correlation.abs().sqrt()
    remainder = deviation * (1 - correlation.abs()).sqrt()
    masses = torch.zeros(len(edges) - 1, len(edges) - 1)
    for node, weight in zip(*_nodes(correlation.abs().max().item()), strict=True):
        columns, rows = _interval_masses(mean + node * loading, remainder, edges).unbind(1)
        masses += weight * rows.T @ columns
    return masses


def _correlation(covariance: Tensor) -> Tensor:
    """Correlations (N,), from -1 to 1, of covariances (N, 2, 2); 0 where a variance has collapsed to 0."""
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
    return (covariance[:, 0, 1] / deviation.prod(1).clamp_min(torch.finfo(deviation.dtype).tiny)).clamp(-1, 1)


def _nodes(correlation: float) -> tuple[Tensor, Tensor]:
    """Evenly spaced values of a standard normal and their weights (the trapezoid rule), as many as a correlation needs.

    What is integrated over s varies as a Gaussian of variance v = (1 - correlation) / (1 + correlation): steps of
    1.4 sqrt(v) leave an error of 2 exp(-2 pi^2 / 1.4^2) = 1e-4. Without correlation the mean alone is exact.
    """
    if correlation == 0:
        return torch.zeros(1), torch.ones(1)
    variance = max((1 - correlation) / (1 + correlation), 1e-6)
    nodes = torch.linspace(-4, 4, min(math.ceil(8 / (1.4 * math.sqrt(variance))) + 1, MOST_NODES))
    return nodes, (-nodes.square() / 2).softmax(0)


@torch.no_grad()
def change_rate(model: VAE, plane: Plane, through: Tensor, extent: float, size: int = 48, batch: int = 64) -> Tensor:
    """How fast the decoded picture changes on the slice through the point `through` (D,), (size, size), never negative.

        sqrt(det J^T J),  J = d mean pixels / d (a, b), of shape (784, 2)

    the area that the decoder makes of a unit of area, in pixel values per unit of z, squared (Arvanitidis et al. 2018,
    arXiv 1710.11379). On a strip it is |d mean pixels / d a|, in pixel values per unit of z, the same in
    every row. A value is not finite only where the model's pixels or their derivatives are not.
    """
    coordinates = make_grid(size, extent).points()
    if plane.is_strip:
        coordinates = coordinates[:size]
    z = plane.points(coordinates, through).to(model.device)
    rates = torch.cat([_stretch(_pixel_derivatives(model, part, plane)) for part in z.split(batch)])
    return rates.float().cpu().view(-1, size).repeat(size if plane.is_strip else 1, 1)


def _pixel_derivatives(model: VAE, z: Tensor, plane: Plane) -> Tensor:
    """Derivatives of the mean pixels along the plane's directions at z (N, D), as (1 on a strip, else 2, N, 784)."""

    directions = plane.directions[:1] if plane.is_strip else plane.directions
    return along(model.decode, z, directions).flatten(2)


def _stretch(derivatives: Tensor) -> Tensor:
    """sqrt(det J^T J) (N,), for the columns of J as (1 or 2, N, 784): a length, or the area of a parallelogram."""
    # In double precision, for nearly parallel columns leave a small difference of large numbers
    derivatives = in_double(derivatives)
    products = torch.einsum("anp,bnp->nab", derivatives, derivatives)
    return torch.linalg.det(products).clamp_min(0).sqrt()


def nearest(points: Tensor, z: Tensor, count: int) -> Tensor:
    """Indices of the `count` of `points` (N, D) nearest to z (D,), the nearest first; all N where there are fewer."""
    return (points - z.to(points)).square().sum(1).argsort(stable=True)[:count]
