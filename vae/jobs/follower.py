"""The processes of a training beside the one that leads it."""

from __future__ import annotations

from vae.jobs.training_job import TrainingJob
from vae.runs.status import Status
from vae.training.report import Report
from vae.training.trainer import Trainer


class Follower(TrainingJob):
    """Every rank but the first. It takes the same steps and decisions, and leaves the folder alone."""

    def _read_status(self) -> Status:
        return Status("queued")

    def _write_status(self) -> None: ...

    def _forget_requests(self) -> None: ...

    def _forget_control(self) -> None: ...

    def _read_control(self) -> None: ...

    def _rewrite_config(self) -> None: ...

    def _go_on_from(self, trainer: Trainer) -> None: ...

    def _publish(self, report: Report) -> None: ...

    def _save(self, trainer: Trainer, whole: bool = False) -> None: ...

    def _save_trainer(self, trainer: Trainer) -> None: ...

    def _save_as_it_is(self, trainer: Trainer) -> None: ...
