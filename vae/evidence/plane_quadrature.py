"""The evidence log p(x) and the true posterior p(z given x) of a model whose latent space is a plane, by quadrature.

log p(x) = log of the integral of p(x given z) p(z) dz
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.bounded_cache import BoundedCache
from vae.data.inputs import as_one
from vae.device import where_double_is
from vae.evidence.adaptive_midpoint import Cells, Lattice, Pairs, integrate, log_sums, survey
from vae.evidence.lattice_interpolant import LatticeInterpolant
from vae.evidence.log_joint import Decoded, EvidenceError, LogJoint
from vae.model.autoencoder import VAE
from vae.model.inference import BATCH

SPACING, EXTENT = 0.05, 6.0
"""The coarsest lattice: its spacing, and the radius around zero that it covers."""

TOLERANCE = 0.001
"""Nats that the last halving of the spacing may change an image's evidence by."""

FINEST = 7
"""How often the spacing is halved at most."""

KEPT, KEPT_FOR_A_DATA_SET = 500_000_000, 4_000_000_000
"""Bytes of decoded places that are kept at most: for an image at a time, and for thousands, which meet everywhere.

A lattice has 147 MB, a tile 0.2 MB. An image whose code lies 40 from zero needs four lattices; most images need one to three,
and a few hundred tiles beside them.
"""

WIDEST = 100.0
BORDER_SHARE = 1e-5
"""An image with more than this share of its mass within five spacings of the lattice's border, or beyond, gets a wider one."""

FARTHEST = 24.0
"""The radius up to which mass is looked for that does not reach a lattice's border; there the prior takes 288 nats."""


@dataclass(frozen=True)
class Evidence:
    """log p(x) of each image in nats, (N,), in double precision on the CPU.

    `spacing` is the one that was reached, `change` by how many nats the last halving of it changed the result.
    """

    log_evidence: Tensor
    spacing: Tensor
    change: Tensor


@dataclass(frozen=True)
class TruePosterior:
    """p(z given x) of one image on a grid: `density` (rows, columns) at (z1[column], z2[row]), per unit of area.

    `mass` is the grid's sum times its cells' area: 1 where the grid is wide and fine enough. `mean` (2,) and `covariance`
    (2, 2) are those of the whole posterior, whatever the grid shows; `evidence` is log p(x) in nats.
    """

    z1: Tensor
    z2: Tensor
    density: Tensor
    spacing: tuple[float, float]
    mass: float
    mean: Tensor
    covariance: Tensor
    evidence: float


class PlaneQuadrature:
    """Quadrature for one model: decodes a coarse lattice (47,000 points, 147 MB), which takes seconds, and keeps it.

    Make it once for a run and ask it for one image or many; several threads can ask at once. Lattices and tiles (see
    `vae.evidence.chebyshev_tiles`) go into `kept`, which several runs can share, or else into one of its own with `KEPT` bytes;
    without `tiles` every place is decoded. `offset` (2,) moves the lattice, for a second one with other points. It computes
    where the model is, or on the CPU where that device has no double precision. Raises `EvidenceError` where the latent space
    is not a plane.
    """

    def __init__(
        self,
        model: VAE,
        spacing: float = SPACING,
        extent: float = EXTENT,
        offset: tuple[float, float] = (0.0, 0.0),
        tiles: bool = True,
        kept: BoundedCache | None = None,
    ) -> None:
        check_plane(model)
        self.model, self._kept = where_double_is(model), BoundedCache(KEPT) if kept is None else kept
        self.log_joint = LogJoint(self.model, self._kept if tiles else None)
        self._bytes_a_point = self.log_joint.decode(self.log_joint.like.new_zeros(1, 2), exactly=True).natural.nbytes
        self._lay_out(spacing, extent, offset)

    def _lay_out(self, spacing: float, extent: float, offset: tuple[float, float]) -> None:
        self.extent = extent
        origin = torch.tensor(offset, dtype=torch.double, device=self.log_joint.like.device)
        self.lattice = Lattice(origin, torch.full_like(origin, spacing))
        reach = math.ceil(extent / (2 * spacing)) + 1
        steps = torch.arange(-reach, reach, device=origin.device)
        blocks = torch.cartesian_prod(steps, steps)
        self.blocks = blocks[self._radius(blocks) < extent]
        self._name = (self.log_joint, spacing, extent, offset)

    def prepare(self) -> PlaneQuadrature:
        """Decode the coarsest lattice now, and not at the first question."""
        self._coarsest()
        return self

    @property
    def decoded(self) -> Decoded:
        """The coarsest lattice's points, in the order of its blocks."""
        return self._coarsest()[0]

    @property
    def interpolant(self) -> LatticeInterpolant:
        """What these say of places in between."""
        return self._coarsest()[1]

    def _coarsest(self) -> tuple[Decoded, LatticeInterpolant]:
        """As it was kept, or decoded by the first of the threads that ask; a block is four points."""
        return self._kept.get_or_make(self._name, self._decode, 4 * len(self.blocks) * self._bytes_a_point)

    def _decode(self) -> tuple[Decoded, LatticeInterpolant]:
        points, spacing = self.lattice.points(self.blocks, 0), self.lattice.spacing[0].item()
        decoded = self.log_joint.decode(points, exactly=True)
        return decoded, LatticeInterpolant(self.log_joint, self.lattice.origin, spacing, points, decoded.natural)

    @property
    def wider(self) -> PlaneQuadrature:
        """As many points over twice the radius, which are kept with these."""
        if self.extent > WIDEST:
            raise EvidenceError(f"An image's mass lies more than {WIDEST:g} from zero, too far to be summed; train longer.")
        wider = copy.copy(self)
        wider._lay_out(2 * self.lattice.spacing[0].item(), 2 * self.extent, (0.0, 0.0))
        return wider

    @torch.no_grad()
    def log_evidence(
        self,
        images: Tensor,
        tolerance: float = TOLERANCE,
        finest: int = FINEST,
        progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
        on_cells: Callable[[Cells], None] = lambda cells: None,
    ) -> Evidence:
        """The evidence of images (N, C, H, W) in [0, 1], the spacing halved until that changes less than `tolerance` nats.

        It is halved `finest` times at most; what was reached is in the result. `progress` wraps the batches of each
        halving, and `on_cells` is shown the cells that the sums were made of.
        """
        images = self.log_joint.pixels(images)
        pairs = self.survey(images, progress)
        far = self._is_too_small(images, pairs)
        near = pairs.select(~far[pairs.image])
        found = integrate(self.log_joint, images, self.lattice, near, tolerance, finest, self.interpolant, on_cells, progress)
        evidence = Evidence(found.value.cpu(), (self.lattice.spacing[0] / 2.0**found.level).cpu(), found.change.cpu())
        if not far.any():
            return evidence
        wide = self.wider.log_evidence(images[far], tolerance, finest + 1, progress, on_cells)
        return Evidence(*(old.index_put((far.cpu(),), new) for old, new in zip(_fields(evidence), _fields(wide), strict=True)))

    def wide_enough(self, image: Tensor) -> PlaneQuadrature:
        """This quadrature, or the wider one that an image (1, C, H, W) far from zero needs."""
        image = self.log_joint.pixels(image)
        return self.wider.wide_enough(image) if self._is_too_small(image, self.survey(image)).any() else self

    def survey(self, images: Tensor, progress: Callable[[Iterable[Any]], Iterable[Any]] = iter) -> Pairs:
        """Where on the coarsest lattice the mass of images may lie that `log_joint.pixels` gave: near their best, or beside."""
        return Pairs.together(survey(self.log_joint, images, self.blocks, self.decoded, progress))

    @torch.no_grad()
    def true_posterior(
        self, image: Tensor, size: int = 64, window: Tensor | None = None, tolerance: float = TOLERANCE, finest: int = FINEST
    ) -> TruePosterior:
        """p(z given x) of one image (1, C, H, W) on `size` x `size` points of the `window`: its lower and upper corner, (2, 2).

        Without a window it is the rectangle that leaves out a 10,000th of the mass to each side, and a little more.
        """
        image = as_one(self.log_joint.pixels(image))
        cells: list[Cells] = []
        evidence = self.log_evidence(image, tolerance, finest, on_cells=cells.append).log_evidence.item()
        z, shares = torch.cat([part.z for part in cells]), torch.cat([part.log_mass for part in cells]).softmax(0)
        mean = shares @ z
        covariance = (z - mean).T @ (shares[:, None] * (z - mean))
        lower, upper = (_bounds(z, shares) if window is None else window.to(z)).unbind(0)
        steps = (torch.arange(size, device=z.device) + 0.5) / size
        z1, z2 = (lower[axis] + (upper - lower)[axis] * steps for axis in (0, 1))
        points = torch.cartesian_prod(z2, z1).flip(1)
        log_density = self.log_joint.log_prob(self.log_joint.decode(points), image)[0].double() - evidence
        spacing = (upper - lower) / size
        density = log_density.exp().view(size, size)
        mass = (density.sum() * spacing.prod()).item()
        axes = (z1.cpu(), z2.cpu(), density.cpu(), tuple(spacing.tolist()))
        return TruePosterior(*axes, mass, mean.cpu(), covariance.cpu(), evidence)

    def _radius(self, blocks: Tensor) -> Tensor:
        return ((2 * blocks + 1) * self.lattice.spacing + self.lattice.origin).norm(dim=1)

    def _is_too_small(self, images: Tensor, pairs: Pairs) -> Tensor:
        """For which images, of which a survey gave `pairs`, a share of the mass that matters may lie beyond, (N,)."""
        at_border = self._radius(pairs.block) > self.extent - 5 * self.lattice.spacing[0]
        return _holds_a_share(pairs, at_border, len(images)) | self._lies_beyond(images)

    @torch.no_grad()
    def _lies_beyond(self, images: Tensor) -> Tensor:
        """Which images have mass beyond the lattice, of those that the encoder sees there, (N,).

        Behind a valley it does not show at the border.
        """
        means = torch.cat([self.model.encode(part).mean for part in images.split(BATCH)])
        beyond = means.double().norm(dim=1) > self.extent - 5 * self.lattice.spacing[0]
        if self.extent < FARTHEST and beyond.any():
            seen = images[beyond]
            pairs = self.wider.survey(seen)
            outside = self.wider._radius(pairs.block) > self.extent
            beyond[beyond.clone()] = _holds_a_share(pairs, outside, len(seen)) | self.wider._lies_beyond(seen)
            return beyond
        return torch.zeros_like(beyond)


def _holds_a_share(pairs: Pairs, mask: Tensor, count: int) -> Tensor:
    """Which images have a share of their mass that matters in the pairs of a mask, (count,)."""
    return log_sums(pairs.select(mask), count).logsumexp(1) - log_sums(pairs, count).logsumexp(1) > math.log(BORDER_SHARE)


def log_evidence(model: VAE, images: Tensor, progress: Callable[[Iterable[Any]], Iterable[Any]] = iter) -> Tensor:
    """log p(x) of images (N, C, H, W) in [0, 1] by quadrature over the plane, (N,), in nats.

    For what was reached, or to ask more than once, make a `PlaneQuadrature`. Raises `EvidenceError` where the latent space
    is not a plane, and `InputError` on images of another shape or range.
    """
    images = model.as_input(images)  # before the plane is decoded for nothing
    return PlaneQuadrature(model).log_evidence(images, progress=progress).log_evidence


def true_posterior(model: VAE, image: Tensor, size: int = 64, window: Tensor | None = None) -> TruePosterior:
    """p(z given x) of one image (1, C, H, W) on a grid; see `PlaneQuadrature.true_posterior`."""
    image = as_one(model.as_input(image))
    return PlaneQuadrature(model).true_posterior(image, size, window)


def check_plane(model: VAE) -> None:
    """Raise `EvidenceError` where the latent space is not a plane."""
    if model.config.latent != 2:
        raise EvidenceError(
            f"This run has {model.config.latent} latent dimensions, and quadrature needs 2; estimate its evidence by "
            "importance sampling."
        )


def _fields(evidence: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    return evidence.log_evidence, evidence.spacing, evidence.change


def _bounds(z: Tensor, shares: Tensor) -> Tensor:
    """The corners (2, 2) of the rectangle that leaves out a 10,000th of the mass to each side, an eighth wider."""
    corners = []
    for axis in (0, 1):
        values, order = z[:, axis].sort()
        below = shares[order].cumsum(0)
        low, high = values[(below > 1e-4).nonzero()[0, 0]], values[(below >= 1 - 1e-4).nonzero()[0, 0]]
        margin = ((high - low) / 16).clamp_min(1e-6)
        corners.append(torch.stack([low - margin, high + margin]))
    return torch.stack(corners, 1)
