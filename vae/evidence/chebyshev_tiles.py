"""What a decoder says anywhere on the plane, from polynomials through decoded points where these are good enough.

Quadrature asks for far more places than a decoder differs between. A tile is a square of the plane with NODES x NODES decoded
Chebyshev points; the decoder's output in between is the polynomial through them, in one product of matrices. Places in each
tile that are decoded as well say whether that is good enough; where it is not, four tiles of half the width are tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae.bounded_cache import BoundedCache
from vae.model.likelihood import Likelihood

WIDTH, NODES, HALVINGS = 0.1, 8, 4
"""The widest tile, the decoded points along each of its sides, and how often a tile is halved at most."""

CHECKS = 8
MOST_ERROR = 0.0005
"""Nats that an image's evidence may be wrong by: the root mean square, of images as the decoder draws them."""

MOST_NAMES = 50_000
"""Places of which is remembered that a tile there is too wide, or how often they were asked for: 15 MB each. What is forgotten
is only found out anew."""

TOO_WIDE = False
"""In place of a tile that polynomials cannot follow."""


def _polynomials(u: Tensor) -> Tensor:
    """Chebyshev's polynomials of degree 0, 1, ... at u (P,) in [-1, 1], (P, NODES)."""
    return (u.clamp(-1, 1).acos()[:, None] * torch.arange(NODES, device=u.device)).cos()


def _slopes(u: Tensor) -> Tensor:
    """Their derivatives at u (P,) between -1 and 1, (P, NODES)."""
    angle, degree = u.acos()[:, None], torch.arange(NODES)
    return degree * (angle * degree).sin() / angle.sin()


_SIDE = ((torch.arange(NODES, dtype=torch.double) + 0.5) * (math.pi / NODES)).cos()
_COEFFICIENTS = torch.linalg.inv(_polynomials(_SIDE))
_CHECKED = 2 * torch.tensor([[0.5 + k / 1.32471795724, 0.5 + k / 1.75487766625] for k in range(1, CHECKS + 1)]).double() % 2 - 1
"""The decoded points of a side, the polynomials through them, and the places that are checked (evenly spread: Roberts' R2)."""


def _weights(u: Tensor) -> Tensor:
    """The shares of a tile's decoded points in its value at u (P, 2) in [-1, 1], (P, NODES * NODES)."""
    first, second = (_polynomials(u[:, axis]) @ _COEFFICIENTS.to(u) for axis in (0, 1))
    return (first[:, :, None] * second[:, None]).flatten(1)


_AT_CHECKS = _weights(_CHECKED)
_DERIVATIVE = _slopes(_SIDE) @ _COEFFICIENTS
_ALONG = torch.stack([torch.kron(_DERIVATIVE, torch.eye(NODES)), torch.kron(torch.eye(NODES).double(), _DERIVATIVE)])


class ChebyshevTiles:
    """A decoder on the plane that remembers what it decoded.

    `decode` maps z (P, 2) to a likelihood's parameters (P, pixels); tiles go into `kept`, which others may share. A tile
    is made only once as many places were asked for in it as it has points itself, so that few are decoded in vain; what comes
    out therefore depends on what was asked before, by no more than the error allowed. Several threads may ask at once.
    """

    def __init__(self, decode: Callable[[Tensor], Tensor], likelihood: Likelihood, kept: BoundedCache) -> None:
        self._decode, self._likelihood, self._kept = decode, likelihood, kept
        self._too_wide, self._asked = BoundedCache(MOST_NAMES), BoundedCache(MOST_NAMES)

    def parameters(self, z: Tensor) -> Tensor:
        """The likelihood's parameters at z (P, 2) in double precision, (P, pixels)."""
        pending = torch.arange(len(z), device=z.device)
        places: list[Tensor] = []
        values: list[Tensor] = []
        direct: list[Tensor] = []
        for level in range(HALVINGS + 1):
            names, counts, order = _grouped(z[pending] * (2**level / WIDTH))
            parts = pending[order].split(counts)
            tiles = [self._tile((level, *name), count, z) for name, count in zip(names, counts, strict=True)]
            known = [(part, tile) for part, tile in zip(parts, tiles, strict=True) if isinstance(tile, Tensor)]
            if known:
                inside, made = zip(*known, strict=True)
                places += inside
                weights = _weights(2 * (z[torch.cat(inside)] * (2**level / WIDTH) % 1) - 1).to(made[0])
                values += [part @ tile for part, tile in zip(weights.split(list(map(len, inside))), made, strict=True)]
            direct += [part for part, tile in zip(parts, tiles, strict=True) if tile is None]
            deeper = [part for part, tile in zip(parts, tiles, strict=True) if tile is TOO_WIDE]
            pending = torch.cat(deeper) if deeper else pending[:0]
        rest = torch.cat([*direct, pending])
        if len(rest) or not values:
            places, values = [*places, rest], [*values, self._decode(z[rest])]
        return torch.cat(values)[torch.cat(places).argsort()]

    def _tile(self, name: tuple[int, int, int], count: int, like: Tensor) -> Tensor | bool | None:
        """The decoded points of the tile of this level and place, (NODES * NODES, pixels), or `TOO_WIDE`.

        None until `count` places more make it worth its while.
        """
        tile = self._kept.get((self, name))
        if tile is None and self._too_wide.get(name) is None:
            asked = (self._asked.get(name) or 0) + count
            self._asked.put(name, asked)
            if asked < NODES**2:
                return None
            tile = self._made(name, like)
            if tile is None:
                self._too_wide.put(name, True)
            else:
                self._kept.put((self, name), tile, tile.nbytes)
        return TOO_WIDE if tile is None else tile

    def _made(self, name: tuple[int, int, int], like: Tensor) -> Tensor | None:
        """A new tile, or None where the polynomial misses the checked places by too much."""
        level, *place = name
        width = WIDTH / 2**level
        centre = (torch.tensor(place).to(like) + 0.5) * width
        decoded = self._decode(centre + width / 2 * torch.cat([torch.cartesian_prod(_SIDE, _SIDE), _CHECKED]).to(like))
        values, checked = decoded.split([NODES**2, CHECKS])
        return values.clone() if self._error(values, checked, width) <= MOST_ERROR else None

    def _error(self, values: Tensor, checked: Tensor, width: float) -> float:
        """What the polynomial adds to or takes from an image's evidence, as a root mean square, in nats.

        Of images as the decoder draws them, log p(x given z) is wrong at z by the square root of the sum over pixels of
        (change of the natural parameter) x (change of the mean). A posterior of standard deviations s1 and s2 averages over
        2 pi s1 s2 / (distance of the decoded points)^2 such errors, with any sign; s1 s2 = det(I + Fisher information)^(-1/2).
        """
        natural, mean = self._likelihood.natural, self._likelihood.mean
        interpolated = _AT_CHECKS.to(values) @ values
        square = ((natural(interpolated) - natural(checked)) * (mean(interpolated) - mean(checked)).flatten(1)).sum(1).mean()
        along = 2 / width * _ALONG.to(values)
        information = torch.einsum("apx,bpx->ab", along @ natural(values), along @ mean(values).flatten(1)) / len(values)
        precision = torch.linalg.det(torch.eye(2).to(information) + (information + information.mT) / 2)
        averaged = (width / NODES) ** 2 * precision.sqrt() / (2 * math.pi)
        return (square.clamp(min=0) * averaged.clamp(max=1)).sqrt().item()


def _grouped(places: Tensor) -> tuple[list[tuple[int, int]], list[int], Tensor]:
    """The whole numbers below `places` (P, 2), each once; how often each occurs; an order (P,) that brings these together."""
    across, up = places.floor().long().unbind(1)
    name, order = ((across << 32) + up).sort()
    names, counts = name.unique_consecutive(return_counts=True)
    across = (names + 2**31) >> 32
    return list(zip(across.tolist(), (names - (across << 32)).tolist(), strict=True)), counts.tolist(), order
