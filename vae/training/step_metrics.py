"""The terms of an epoch's steps: written on the device, known to the host when it asks."""

from __future__ import annotations

import torch
from torch import Tensor

from vae.training.distributed import SOLO, Ranks


class StepTerms:
    """The mean reconstruction and KL of every step of one epoch, in nats, one row of two for each step.

    Writing never waits for the device. `fetch` does, and with several ranks for the others too, whose parts it adds up.
    `known` says how many rows of `rows`, on the host, are those of this epoch.
    """

    def __init__(self, steps: int, device: torch.device, ranks: Ranks = SOLO) -> None:
        self.ranks = ranks
        self.rows = torch.zeros(steps, 2)
        self.known = 0
        self._parts = torch.zeros(steps, 2, device=device)

    def write(self, place: int, terms: Tensor) -> None:
        """Note the terms (2,) of the step at `place`, counted from 0."""
        self._parts[place] = terms

    def fetch(self, last: int) -> None:
        """Let the host know the first `last` steps."""
        if last > self.known:
            self.rows[self.known : last] = self.ranks.all_reduce_sum(self._parts[self.known : last].cpu())
            self.known = last

    def restore(self, rows: Tensor, known: int) -> None:
        """Go on from the `rows` of a saved epoch of which `known` steps were taken. Raises `RuntimeError` on other shapes."""
        self.rows.copy_(rows)
        self.known = known

    def start_epoch(self) -> None:
        """Forget which rows are known; their numbers stay until they are overwritten."""
        self.known = 0

    def mean(self, first: int, last: int, weights: Tensor) -> tuple[float, float]:
        """Reconstruction and KL over the steps from `first` to before `last`, by `weights` (last - first,) of any sum."""
        shares = (weights / weights.sum()).double()
        reconstruction, kl = (shares @ self.rows[first:last].double()).tolist()
        return reconstruction, kl

    def first_not_finite(self, first: int, last: int) -> int | None:
        """The place of the first step in that range whose terms are not finite."""
        bad = (~self.rows[first:last].isfinite()).any(1).nonzero()
        return first + int(bad[0]) if len(bad) else None
