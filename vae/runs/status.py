"""Where a run stands: what status.json says, which watched_folder.py reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vae.runs.atomic_files import fields_fit

STATES = ("queued", "running", "paused", "finished", "stopped", "failed")
ACTIVE = ("queued", "running", "paused")


@dataclass(frozen=True)
class Status:
    """Where a run stands. `heartbeat` and `asked` are in seconds since 1970, `images_per_second` is the training's speed.

    `message` says why it is in its state, `notice` what a training that goes on has to say.
    """

    state: str
    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    images_per_second: float = 0.0
    seconds_left: float = 0.0
    device: str = ""
    message: str = ""
    host: str = ""
    asked: float = 0.0
    heartbeat: float = 0.0
    notice: str = ""

    @property
    def active(self) -> bool:
        """Whether a process is training it or waiting to."""
        return self.state in ACTIVE

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Status:
        """What `dataclasses.asdict` gave; fields may be missing. Raises `TypeError` or `ValueError` on anything else."""
        status = cls(**fields)
        if status.state not in STATES or not fields_fit(status):
            raise ValueError(status.state)
        return status
