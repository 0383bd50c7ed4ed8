"""What is asked of a training while it goes on, looked for between its steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from vae.errors import RunError
from vae.training.control import ControlRequest
from vae.training.distributed import Ranks
from vae.training.trainer import Trainer

SECONDS_BETWEEN_LOOKS = 0.1


class ControlWatch:
    """The latest `request` of watchers, and what follows from it. All ranks learn it at the same step.

    `read` reads it, on rank 0; `heard` is told at every look what is wrong with it, in a sentence, or nothing.
    """

    def __init__(
        self,
        read: Callable[[], ControlRequest | None],
        heard: Callable[[str], None],
        should_stop: Callable[[], bool],
        ranks: Ranks,
    ) -> None:
        self.request = ControlRequest()
        self._read, self._heard, self._should_stop, self._ranks = read, heard, should_stop, ranks
        self._last_look = -math.inf

    def look(self, at_once: bool = False) -> None:
        """Read what is asked for, a few times a second, or `at_once`."""
        if at_once or time.monotonic() - self._last_look >= SECONDS_BETWEEN_LOOKS:
            self._last_look = time.monotonic()
            self._learn()
        if self._ranks.size > 1:
            self.request = ControlRequest.from_dict(self._ranks.broadcast(self.request.to_dict()))

    def _learn(self) -> None:
        problem = ""
        try:
            self.request = self._read() or self.request
        except RunError as error:
            problem = str(error)
        self._heard(problem)

    def stop_is_asked(self) -> bool:
        """Whether a watcher or the caller wants the training to stop, now or on any rank."""
        self.look()
        return self._ranks.any_rank(self.request.stop or self._should_stop())

    def pause_is_asked(self, trainer: Trainer) -> bool:
        """Whether the training is to pause where it stands."""
        return self.request.pause_at is not None and trainer.step >= self.request.pause_at

    def should_leave(self, trainer: Trainer) -> bool:
        """Whether the trainer is to leave its loop between two steps: something new is asked for."""
        if trainer.step % self._ranks.steps_between_talks:
            return self.pause_is_asked(trainer)
        return self.stop_is_asked() or self.pause_is_asked(trainer) or self.request != trainer.control
