"""A folder that one process trains in while others watch: its status.json, and who may write."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from vae.errors import RunError
from vae.runs import atomic_files, locks
from vae.runs.heartbeat import Pulses
from vae.runs.status import Status

SECONDS_TO_GET_THE_LOCK = 5.0
SECONDS_TO_MISS, SECONDS_TO_START = 15.0, 60.0
"""A training on another machine counts as ended when its heartbeat is older than this, one that was just asked for when
no process took it up: reading torch from a cold disk takes its time."""

PULSES = Pulses()
"""Of the trainings on other machines that this process has looked at."""


class WatchedFolder:
    """A handle on the folder. It holds no state: every call looks at the disk."""

    KILLED = "The training was ended from outside before it was finished; resume it to go on."

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    def write_status(self, status: Status) -> None:
        """Replace status.json, with the heartbeat set to now."""
        atomic_files.write_json(
            self.path / "status.json", dataclasses.asdict(dataclasses.replace(status, heartbeat=time.time()))
        )

    def read_status(self, as_written: bool = False) -> Status:
        """Where the training stands. Unless `as_written`, a training that was killed reads as stopped."""
        status = self._read_status()
        while status.active and not as_written and not self._is_alive(status):
            before, status = status, self._read_status()
            if status == before:  # otherwise it ended by itself, or was taken up again, just before that look
                return dataclasses.replace(status, state="stopped", message=self.KILLED)
        return status

    def _read_status(self) -> Status:
        path = self.path / "status.json"
        try:
            return Status.from_dict(atomic_files.read_json(path))
        except (TypeError, ValueError) as error:
            raise RunError(f"{path} does not hold a training's status; copy the run again.") from error

    def _is_alive(self, status: Status) -> bool:
        starting = status.state == "queued"  # a new process needs a moment to take the lock
        fresh = PULSES.is_fresh(self.path, status.heartbeat, SECONDS_TO_START if starting else SECONDS_TO_MISS)
        if fresh and (starting or status.host != socket.gethostname()):
            return True
        try:
            return self.is_locked()
        except OSError:  # the lock is another account's, or lies where nobody can write
            return fresh

    def note_failed_start(self, reason: str) -> None:
        """Say why the process that was to take up this queued training ended before it did, unless another has it.

        Raises `OSError` where we cannot know.
        """
        status = self.read_status(as_written=True)
        if status.state == "queued" and not self.is_locked():
            self.write_status(dataclasses.replace(status, state="failed", message=reason, host=""))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one process that writes here. Raises `RunError` where another one is and stays."""
        path = self.path / "trainer.lock"
        try:
            lock = locks.acquire(path, SECONDS_TO_GET_THE_LOCK)
        except filelock.Timeout as error:
            raise RunError(f"{self.path} is being trained by another process; watch it, or stop that one first.") from error
        except OSError as error:
            raise atomic_files.cannot_write(path, error) from error
        with lock:
            yield

    def is_locked(self) -> bool:
        """Whether a process on this machine is writing here; looking keeps nobody out. Raises `OSError` if we may not know."""
        return locks.is_held(self.path / "trainer.lock")
