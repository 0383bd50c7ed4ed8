"""What a training tells on the way."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """The terms in nats per image, averaged over some images.

    `scope` is `steps` for the training images since the last report, seen by changing weights, and `epoch` for a whole
    split: the training images as they were seen during the epoch, the held-out images by the weights at its end.
    `epoch` counts from 1, `step` is how many optimiser steps were taken since the run began, `seconds` how long they took.
    `beta` and `learning_rate` are those of the last of these steps; `steered` says in words what was changed by hand just
    before the first.
    """

    split: str
    scope: str
    epoch: int
    step: int
    reconstruction: float
    kl: float
    beta: float
    learning_rate: float
    seconds: float
    steered: str = ""

    @property
    def elbo(self) -> float:
        """reconstruction - KL, in nats per image."""
        return self.reconstruction - self.kl

    def to_dict(self) -> dict[str, Any]:
        """As a line of metrics.jsonl, the ELBO beside its terms."""
        return dataclasses.asdict(self) | {"elbo": self.elbo}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Report:
        """What `to_dict` gave. Raises `TypeError` or `KeyError` on anything else."""
        fields = dict(fields)
        fields.pop("elbo")
        return cls(**fields)
