"""The plane that is looked at: all of a two-dimensional latent space, or a flat slice of a wider one.

A plane is given by two orthonormal directions u1, u2 and a centre c. A point z has the coordinates

    a = u1 . (z - c),  b = u2 . (z - c)

on it, and the slice through a point p holds the points p + (a - a(p)) u1 + (b - b(p)) u2: what the two directions do
not reach stays as it is in p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vae.errors import ConfigError

NARROWER = 0.8
"""A window that does not lie around the origin has to be narrower than that by this."""


@dataclass(frozen=True)
class Plane:
    """Directions (2, D), orthonormal rows, a centre (D,), and what the coordinates are called.

    With one latent dimension the second direction is zero, so that the plane is a strip whose height means nothing.
    """

    directions: Tensor
    centre: Tensor
    names: tuple[str, str]

    @property
    def latent(self) -> int:
        """D, the number of latent dimensions."""
        return self.directions.shape[1]

    @property
    def is_strip(self) -> bool:
        """Whether there is one latent dimension only."""
        return self.latent == 1

    @property
    def is_slice(self) -> bool:
        """Whether there is more to a point than its two coordinates."""
        return self.latent > 2

    def project(self, z: Tensor) -> Tensor:
        """Coordinates (N, 2) of points z (N, D)."""
        return (z - self.centre.to(z)) @ self.directions.to(z).T

    def turned(self, turn: Tensor) -> Plane:
        """The same plane with other axes: coordinates (N, 2) become coordinates @ `turn`, an orthogonal matrix (2, 2)."""
        names = (f"{self.names[0]} turned", f"{self.names[1]} turned")
        return Plane(turn.to(self.directions).T @ self.directions, self.centre, names)

    def project_covariance(self, variance: Tensor) -> Tensor:
        """Covariances (N, 2, 2) of the coordinates, for diagonal covariances given as variances (N, D)."""
        directions = self.directions.to(variance)
        return torch.einsum("ad,nd,bd->nab", directions, variance, directions)

    def points(self, coordinates: Tensor, through: Tensor) -> Tensor:
        """z (N, D) at coordinates (N, 2), in the slice through the point `through` (D,)."""
        through = through.to(coordinates)
        return through + (coordinates - self.project(through[None])) @ self.directions.to(coordinates)

    def rest(self, z: Tensor) -> Tensor:
        """The point (D,) at the origin of the slice through z (D,): the same for all z of one slice."""
        return self.points(z.new_zeros(1, 2), z)[0]


def plane_of_axes(latent: int, first: int = 0, second: int = 1) -> Plane:
    """The plane of two latent dimensions, counted from 0. Raises `ConfigError` where there are none such."""
    if latent == 1:
        return Plane(torch.tensor([[1.0], [0.0]]), torch.zeros(1), ("z1", ""))
    if first == second or not (0 <= first < latent and 0 <= second < latent):
        raise ConfigError(f"The axes {first + 1} and {second + 1} span no plane; choose two different ones of {latent}.")
    directions = torch.eye(latent)[[first, second]]
    return Plane(directions, torch.zeros(latent), (f"z{first + 1}", f"z{second + 1}"))


def plane_of_principal_components(means: Tensor) -> Plane:
    """The plane of the two first principal components of the codes' means (N, D), with D and N at least 2, on the CPU.

    Each direction's sign is chosen so that its largest entry is positive: the same codes always give the same plane.
    """
    if means.shape[1] < 2 or len(means) < 2:
        raise ConfigError(f"Principal components need two dimensions and two codes, not {tuple(means.shape)}; choose axes.")
    means = means.cpu()
    centre = means.mean(0)
    directions = torch.linalg.svd(means - centre, full_matrices=False).Vh[:2]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return Plane(directions * largest.sign(), centre, ("PC1", "PC2"))


def plane_extent(places: Tensor) -> float:
    """Half the side of the square that shows 199 of 200 codes (N, 2) and the prior's bulk: at least 3."""
    distances = places.abs().amax(1)
    far = float(np.quantile(distances.numpy(), 0.995)) if len(distances) else 0.0
    return math.ceil(2 * max(3.0, far * 1.05)) / 2


def plane_window(places: Tensor) -> tuple[tuple[float, float], float]:
    """Middle and half the side of the square that is looked at first, of codes (N, 2).

    That of `plane_extent` around the origin, or where a much smaller one shows the same, as for an autoencoder's codes, that.
    """
    extent = plane_extent(places)
    if not len(places):
        return (0.0, 0.0), extent
    low, high = (np.quantile(places.numpy(), share, axis=0) for share in (0.0025, 0.9975))
    low, high = np.minimum(low, -3.0), np.maximum(high, 3.0)
    half = float((high - low).max()) / 2 * 1.05
    middle = (low + high) / 2
    return ((float(middle[0]), float(middle[1])), half) if half < NARROWER * extent else ((0.0, 0.0), extent)
