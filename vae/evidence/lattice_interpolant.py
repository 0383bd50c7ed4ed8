"""What a decoder may say between the points of a lattice that was decoded: enough to leave places out, not to sum them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vae.evidence.log_joint import Decoded, LogJoint
from vae.model.elbo import log_prior


class LatticeInterpolant:
    """log p(x, z) with natural parameters between those of the four nearest points of a decoded lattice.

    `z` (P, 2) are its points, `spacing` apart along both axes and at odd multiples of half of that from `origin` (2,);
    `natural` (P, pixels) are the natural parameters there.
    """

    def __init__(self, log_joint: LogJoint, origin: Tensor, spacing: float, z: Tensor, natural: Tensor) -> None:
        self._log_joint, self._origin, self._spacing, self._natural = log_joint, origin, spacing, natural
        cells = self._cells(z).round().long()
        self._least = cells.amin(0)
        self._row = cells.new_full((cells.amax(0) - self._least + 1).tolist(), -1)
        self._row[tuple((cells - self._least).unbind(1))] = torch.arange(len(z), device=z.device)

    def decode(self, z: Tensor) -> Decoded:
        """What images need to know of points z (P, 2); the offset is NaN where the lattice does not reach."""
        cells = self._cells(z) - self._least
        corner = cells.floor()
        along, up = (cells - corner).to(self._natural).unbind(1)
        corner = corner.long()
        natural: Any = 0  # a tensor from the first corner on
        known = torch.ones_like(along, dtype=torch.bool)
        for right, above in ((0, 0), (1, 0), (0, 1), (1, 1)):
            row = self._rows(corner + corner.new_tensor([right, above]))
            known &= row >= 0
            weight = (along if right else 1 - along) * (up if above else 1 - up)
            natural = natural + weight[:, None] * self._natural[row]
        offset = log_prior(z.to(natural)) - self._log_joint.likelihood.log_normaliser_of(natural)
        return Decoded(natural, offset.where(known, torch.nan))

    def log_prob(self, decoded: Decoded, images: Tensor) -> Tensor:
        """(N, P) in nats; NaN where the lattice does not reach."""
        return self._log_joint.log_prob(decoded, images)

    def _cells(self, z: Tensor) -> Tensor:
        """z (P, 2) in units of the spacing, the lattice's points at whole numbers."""
        return (z.double() - self._origin) / self._spacing - 0.5

    def _rows(self, cells: Tensor) -> Tensor:
        """Which of the decoded points lie in cells (P, 2), -1 where none does, (P,)."""
        inside = ((cells >= 0) & (cells < cells.new_tensor(self._row.shape))).all(1)
        row = self._row[tuple(cells.where(inside[:, None], 0).unbind(1))]
        return row.where(inside, -1)
