"""What a training writes to its run's folder: the process of rank 0 has a `RunWriter`, every other a `NullWriter`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from vae.config import RunConfig
from vae.errors import RunError
from vae.runs import lifecycle, snapshots
from vae.runs.folder import RunFolder
from vae.runs.status import Status
from vae.training.control import ControlRequest
from vae.training.report import Report
from vae.training.trainer import Trainer

SECONDS_BETWEEN_TRAINER_STATES = 5.0
"""A trainer's state is three times as large as its model; what is lost when a training is killed is about so much time."""


class RunWriter:
    """Writes a run's folder; reports go to `on_report` too."""

    def __init__(self, folder: RunFolder, on_report: Callable[[Report], None]) -> None:
        self.folder, self.on_report = folder, on_report
        self.last_trainer_state = -math.inf

    def read_status(self) -> Status:
        """Where the training stands before it begins."""
        return self.folder.read_status(as_written=True)

    def write_status(self, status: Status) -> None:
        """Where it stands now."""
        self.folder.write_status(status)

    def read_control(self) -> ControlRequest:
        """What watchers ask for. Raises `RunError` where it makes no sense."""
        return self.folder.read_control()

    def forget_requests(self) -> None:
        """What was asked is done, or was asked of a training that has ended."""
        self.folder.forget_requests()

    def forget_control(self) -> None:
        """A resumed training is to follow its schedules."""
        lifecycle.forget_control(self.folder)

    def rewrite_config(self, config: RunConfig) -> None:
        """The run is asked to be another: longer, say."""
        self.folder.rewrite_config(config)

    def publish(self, report: Report) -> None:
        """One more report."""
        self.folder.append_metrics(report)
        self.on_report(report)

    def save(self, trainer: Trainer, whole: bool = False) -> None:
        """A snapshot and the weights, as of the latest evaluation; the `whole` with the trainer's state.

        Snapshot first, weights last: weights on disk always have their snapshot beside them.
        """
        epoch = math.ceil(trainer.step / trainer.steps_per_epoch)
        assert trainer.codes is not None  # it was evaluated
        made = snapshots.make(trainer.model, trainer.codes, trainer.held_out.labels, epoch, trainer.step)
        self.folder.write_snapshot(made)
        if whole or trainer.finished or time.monotonic() - self.last_trainer_state > SECONDS_BETWEEN_TRAINER_STATES:
            self.save_trainer(trainer)
        self.folder.write_model(trainer.model, trainer.step)

    def save_trainer(self, trainer: Trainer) -> None:
        """The trainer's state alone."""
        self.folder.write_trainer(*trainer.state())
        self.last_trainer_state = time.monotonic()

    def save_as_it_is(self, trainer: Trainer) -> None:
        """All there is, of the weights as they are now."""
        if trainer.step % trainer.steps_per_epoch or trainer.codes is None:
            trainer.evaluate()
        self.save(trainer, whole=True)

    def go_back_to(self, trainer: Trainer, control: ControlRequest) -> None:
        """Take the folder back to where a resumed trainer is: first the weights, whose snapshot may be one that is deleted."""
        if trainer.step == 0 or not self._weights_are_of(trainer):
            self.save_as_it_is(trainer)
        self.folder.steer_where_unasked(**control.by_hand())
        lifecycle.forget_after(self.folder, trainer.step)

    def _weights_are_of(self, trainer: Trainer) -> bool:
        """Whether those in the folder are; a training that was killed may have saved them after its trainer's state."""
        try:
            return self.folder.read_model(trainer.config)[1] == trainer.step
        except RunError:  # they are written anew
            return False


class NullWriter:
    """For ranks other than the first, which take the same steps and leave the folder alone."""

    def read_status(self) -> Status:
        return Status("queued")

    def read_control(self) -> None:
        return None

    def _nothing(self, *_: object, **__: object) -> None:
        """Nothing is written."""

    write_status = forget_requests = forget_control = rewrite_config = _nothing
    publish = save = save_trainer = save_as_it_is = go_back_to = _nothing
