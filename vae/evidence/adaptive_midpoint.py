"""Integrals over the latent plane by the midpoint rule, its spacing halved where an image has its mass.

    p(x) = integral of p(x given z) p(z) dz  ~  sum over cells of  area * p(x given z) p(z),  z at the cell's centre

The lattice is made of blocks of 2 x 2 cells; halving the spacing in a block gives four blocks. A smooth integrand that is
covered as a whole converges faster than any power of the spacing (Trefethen and Weideman 2014, SIAM Review 56), one with
kinks, such as a decoder of ReLUs has, about with its square. A block that is not refined keeps its coarser cells in the
sum: nothing is dropped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.evidence.lattice_interpolant import LatticeInterpolant
from vae.evidence.log_joint import Decoded, LogJoint

POINTS_IN_A_GROUP = 256
"""Points that meet their images in one product."""

VALUES_AT_A_TIME = 4_000_000
SETTLED, DEPTH, SLACK, RARE = 6.0, 9.0, 12.0, 4
"""How many nats below an image's best cell a block is refined: from 6 (where little is left to gain) to 9 (the cells below
hold exp(-9) of a Gaussian's mass; always 9 once the spacing was halved 4 times, for few images are left), and 12 more at the
coarsest spacing, 3 at the next ..., since a narrow mode may lie between its points."""

MOST_BLOCKS = 16_000
"""An image that needs more blocks halved at once is left as it is: that takes minutes, and a wide integrand needs it least."""

INTERPOLATED, DOUBT = 2, 9.0
"""How often the spacing is halved where the interpolant says which blocks to decode, and how many nats too low it may be."""

BLIND = 2
"""Levels at which blocks beside those are refined too: a ridge narrower than the spacing shows in some of its blocks only."""

CELLS = torch.tensor([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]])
"""The cells of a block in units of the spacing. The first cells of all blocks are one lattice of twice the spacing, the
second ones another, ..."""


@dataclass(frozen=True)
class Lattice:
    """Cells of `spacing` (2,) along the axes around `origin` (2,), halved at every level."""

    origin: Tensor
    spacing: Tensor

    def points(self, blocks: Tensor, level: int) -> Tensor:
        """Centres of the cells of blocks (B, 2), whole numbers, as z (4 B, 2) in double precision."""
        cells = 2 * blocks[:, None].double() + CELLS.to(self.origin)
        return (self.origin + cells * self.spacing / 2**level).flatten(0, 1)

    def blocks(self, z: Tensor, level: int = 0) -> Tensor:
        """The blocks that points z (P, 2) lie in, (P, 2)."""
        return ((z.double() - self.origin) / (2 * self.spacing / 2**level)).floor().long()

    def log_area(self, level: int) -> float:
        """The log of a cell's area."""
        return self.spacing.log().sum().item() - 2 * level * math.log(2)


@dataclass(frozen=True)
class Pairs:
    """Which image is integrated over which block, and log p(x, z) in its four cells: (P,), (P, 2) and (P, 4)."""

    image: Tensor
    block: Tensor
    values: Tensor

    def select(self, mask: Tensor) -> Pairs:
        """Those of a mask (P,)."""
        return Pairs(self.image[mask], self.block[mask], self.values[mask])

    @classmethod
    def together(cls, parts: Iterable[Pairs]) -> Pairs:
        """All of them, one after another."""
        parts = list(parts)
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in ("image", "block", "values")))


@dataclass(frozen=True)
class Cells:
    """Cells of one level whose mass is settled: the image, the centre z and the log of the mass, (P,), (P, 2), (P,)."""

    image: Tensor
    z: Tensor
    log_mass: Tensor


@dataclass(frozen=True)
class Integral:
    """log of the integral of p(x, z) over the plane for each image, (N,), in nats and double precision.

    `level` says how often the spacing was halved, `change` by how many nats the last halving changed the result: the
    largest of the differences from the four lattices of twice the spacing that make up the last one.
    """

    value: Tensor
    level: Tensor
    change: Tensor


@torch.no_grad()
def integrate(
    log_joint: LogJoint,
    images: Tensor,
    lattice: Lattice,
    pairs: Pairs,
    tolerance: float,
    finest: int,
    interpolant: LatticeInterpolant | None = None,
    on_cells: Callable[[Cells], None] = lambda cells: None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Integral:
    """Halve the spacing around each image's mass until that changes less than `tolerance` nats, or as often as is sensible.

    `pairs` are the blocks to begin with; without an `interpolant` all within and beside those worth halving are decoded.
    `on_cells` is shown the cells that the sums are made of.
    """
    count, level = len(images), 0
    settled = torch.full((count,), -math.inf, dtype=torch.double, device=images.device)
    best = settled.clone()
    result = Integral(settled.clone(), torch.zeros_like(settled, dtype=torch.long), torch.zeros_like(settled))
    while True:
        best = best.scatter_reduce(0, pairs.image, pairs.values.amax(1).double(), "amax")
        present = torch.zeros_like(best, dtype=torch.bool).index_fill_(0, pairs.image, True)
        result = _estimate(result, present, pairs, settled, lattice.log_area(level), level)
        unfinished = present & (result.change >= tolerance)
        if level == finest or not unfinished.any():
            on_cells(_cells(lattice, pairs, level))
            return result
        depth = (_depth(result.change / tolerance) if level < RARE else DEPTH) + SLACK / 4**level
        refined = unfinished[pairs.image] & (pairs.values.amax(1) > (best - depth)[pairs.image])
        if level < BLIND:
            refined = unfinished[pairs.image] & _beside(pairs, refined)
        going = (pairs.image[refined].bincount(minlength=count) <= MOST_BLOCKS)[pairs.image] & unfinished[pairs.image]
        refined &= going
        on_cells(_cells(lattice, pairs.select(~refined), level))
        left = pairs.select(going & ~refined)
        settled = torch.logaddexp(settled, log_sums(left, count).logsumexp(1) + lattice.log_area(level))
        level += 1
        pairs = _halved(log_joint, images, lattice, pairs.select(refined), level, best, interpolant, progress)


def _depth(excess: Tensor) -> Tensor:
    """Nats below the best cell within which halving is worth its while, when the last one changed `excess` tolerances.

    The cells below a depth d hold exp(-d) of a Gaussian's mass, and of that no more than the change is wrong.
    """
    return (20 * excess).log().clamp(SETTLED, DEPTH)


def _beside(pairs: Pairs, mask: Tensor) -> Tensor:
    """Which pairs are those of a mask (P,) or of the same image and in a block beside one of them, (P,)."""
    return torch.isin(_names(pairs.image, pairs.block), _names(*with_neighbours(pairs.image[mask], pairs.block[mask])))


def with_neighbours(image: Tensor, block: Tensor) -> tuple[Tensor, Tensor]:
    """Images (P,) and blocks (P, 2), and the same images with the eight blocks around each: (9 P,) and (9 P, 2)."""
    steps = torch.arange(-1, 2, device=block.device)
    around = torch.cartesian_prod(steps, steps)
    return image.repeat_interleave(len(around)), (block[:, None] + around).flatten(0, 1)


def _names(image: Tensor, block: Tensor) -> Tensor:
    """One number for each pair, (P,)."""
    across, up = (block + 2**19).unbind(1)
    return (image << 40) + (across << 20) + up


def _estimate(before: Integral, present: Tensor, pairs: Pairs, settled: Tensor, log_area: float, level: int) -> Integral:
    """The integrals of the images `present` from their cells at this level and what is settled at coarser ones."""
    sums = log_sums(pairs, len(settled)) + log_area
    value = torch.logaddexp(sums.logsumexp(1), settled)
    halves = torch.logaddexp(sums + math.log(4), settled[:, None])
    change = (halves - value[:, None]).abs().amax(1)
    return Integral(
        torch.where(present, value, before.value),
        torch.where(present, level, before.level),
        torch.where(present, change, before.change),
    )


def log_sums(pairs: Pairs, count: int) -> Tensor:
    """log of the sum of p(x, z) over each image's cells, apart for the first, second, ... cells of the blocks: (count, 4)."""
    values = pairs.values.double()
    index = pairs.image[:, None].expand_as(values)
    best = torch.full((count, 4), -math.inf, dtype=torch.double, device=values.device).scatter_reduce(0, index, values, "amax")
    shares = (values - best[pairs.image]).exp()
    sums = torch.zeros_like(best).index_add_(0, pairs.image, shares)
    return torch.where(best.isfinite(), best + sums.log(), -math.inf)


def _cells(lattice: Lattice, pairs: Pairs, level: int) -> Cells:
    log_mass = pairs.values.double().flatten() + lattice.log_area(level)
    return Cells(pairs.image.repeat_interleave(4), lattice.points(pairs.block, level), log_mass)


def _halved(
    log_joint: LogJoint,
    images: Tensor,
    lattice: Lattice,
    pairs: Pairs,
    level: int,
    best: Tensor,
    interpolant: LatticeInterpolant | None,
    progress: Callable[[Iterable[Any]], Iterable[Any]],
) -> Pairs:
    """The pairs of the next level: each block's four, decoded once for all the images that need them.

    Where the interpolant says that a block is far below an image's best cell, the interpolant is its value.
    """
    quarters = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=pairs.block.device)
    image, block = pairs.image.repeat_interleave(4), (2 * pairs.block[:, None] + quarters).flatten(0, 1)
    if interpolant is None or level > INTERPOLATED:
        return evaluate(log_joint, images, lattice, image, block, level, progress)
    interpolated = evaluate(interpolant, images, lattice, image, block, level)
    values = interpolated.values.amax(1).double()
    best = best.scatter_reduce(0, interpolated.image, values.nan_to_num(-math.inf), "amax")
    low = interpolated.select(values < (best - DEPTH - DOUBT)[interpolated.image])
    rest = interpolated.select(~(values < (best - DEPTH - DOUBT)[interpolated.image]))
    decoded = evaluate(log_joint, images, lattice, rest.image, rest.block, level, progress)
    return Pairs.together([low, decoded])


def evaluate(
    log_joint: LogJoint | LatticeInterpolant,
    images: Tensor,
    lattice: Lattice,
    image: Tensor,
    block: Tensor,
    level: int = 0,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Pairs:
    """log p(x, z) of pairs of an image (P,) and a block (P, 2), in an order of its own.

    Neighbouring blocks are decoded together, and every image that occurs meets every point of theirs in one product.
    """
    name, order = _places(block).sort()
    image, block = image[order], block[order]
    _, column, counts = name.unique_consecutive(return_inverse=True, return_counts=True)
    ends = counts.cumsum(0)
    blocks, step = block[ends - 1], POINTS_IN_A_GROUP // 4
    edges = [0, *ends[step - 1 :: step].tolist(), len(block)]
    groups = [(first * step, slice(a, b)) for first, (a, b) in enumerate(itertools.pairwise(edges)) if b > a]
    parts = []
    for first, at in progress(groups):
        rows, row = torch.unique(image[at], return_inverse=True)
        together = blocks[first : first + step]
        decoded = log_joint.decode(lattice.points(together, level))
        values = log_joint.log_prob(decoded, images if len(rows) == len(images) else images[rows])
        parts.append(values.view(len(rows), len(together), 4)[row, column[at] - first])
    return Pairs(image, block, torch.cat(parts) if parts else images.new_empty(0, 4))


def _places(block: Tensor) -> Tensor:
    """One number for each block (P, 2), (P,), close where 8 x 8 blocks are neighbours."""
    across, up = ((block >> 3) + 2**19).unbind(1)
    right, above = (block & 7).unbind(1)
    return (across << 26) + (up << 6) + (right << 3) + above


def survey(
    log_joint: LogJoint,
    images: Tensor,
    blocks: Tensor,
    decoded: Decoded,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[Pairs]:
    """All images on the same decoded blocks (B, 2): what the image's best cell makes worth keeping, and beside."""
    step = max(1, VALUES_AT_A_TIME // len(decoded.offset))
    names, order = _names(torch.zeros_like(blocks[:, 0]), blocks).sort()
    for first in progress(range(0, len(images), step)):
        values = log_joint.log_prob(decoded, images[first : first + step]).view(-1, len(blocks), 4)
        peaks = values.amax(2)
        image, column = (peaks > peaks.amax(1, keepdim=True) - DEPTH - SLACK).nonzero().unbind(1)
        image, block = with_neighbours(image, blocks[column])
        name = _names(torch.zeros_like(image), block)
        place = torch.searchsorted(names, name).clamp(max=len(names) - 1)
        there = names[place] == name
        image, column = torch.stack([image[there], order[place[there]]], 1).unique(dim=0).unbind(1)
        yield Pairs(image + first, blocks[column], values[image, column])
