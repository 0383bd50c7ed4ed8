"""A folder in which those who watch a training ask something of it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import filelock

from vae.errors import ConfigError, RunError
from vae.runs import atomic_files, locks
from vae.runs.watched_folder import WatchedFolder
from vae.training.control import ControlRequest

SECONDS_TO_GET_THE_LOCK = 5.0
"""Whoever steers holds it for the time of two small files."""


class ControlledFolder(WatchedFolder):
    """Wishes lie in control.json: the training reads it between two steps, and whoever changes it holds control.lock."""

    def read_control(self) -> ControlRequest:
        """What is asked of the training. Raises `RunError` where control.json asks for what cannot be."""
        path = self.path / "control.json"
        if not path.exists():
            return ControlRequest()
        try:
            return ControlRequest.from_dict(atomic_files.read_json(path))
        except ConfigError as error:
            raise RunError(f"{path} asks for what cannot be, and is not obeyed: {error}") from error

    def steer(self, **changes: Any) -> None:
        """Ask something else of the training, fields of `ControlRequest`; the rest stays as it was asked.

        Raises `ConfigError`.
        """
        with self._changing_control() as before:
            self._write_control(dataclasses.replace(before, **changes))

    def steer_where_unasked(self, **changes: Any) -> None:
        """Ask for what nobody has asked otherwise, fields of `ControlRequest`."""
        if not changes:
            return
        with self._changing_control() as before:
            asked = {name: value for name, value in changes.items() if getattr(before, name) is None}
            if asked:
                self._write_control(dataclasses.replace(before, **asked))

    @contextlib.contextmanager
    def _changing_control(self) -> Iterator[ControlRequest]:
        """What is asked for now. Several may steer at once, and none may write what another has changed meanwhile."""
        if not self.path.is_dir():  # a lock would make the folder anew
            raise RunError(f"{self.path} is there no longer, so nothing can be asked of it; choose another run.")
        path = self.path / "control.lock"
        try:
            lock = locks.acquire(path, SECONDS_TO_GET_THE_LOCK)
        except filelock.Timeout as error:
            raise RunError(
                f"Another program has held {path} for {SECONDS_TO_GET_THE_LOCK:.0f} seconds, so nothing was asked of the "
                "training; end that program and ask again."
            ) from error
        except OSError as error:
            raise atomic_files.cannot_write(path, error) from error
        with lock:
            try:
                before = self.read_control()
            except RunError:  # somebody's slip; this is the way to mend it
                before = ControlRequest()
            yield before

    def _write_control(self, control: ControlRequest) -> None:
        atomic_files.write_json(self.path / "control.json", control.to_dict())

    def forget_requests(self) -> None:
        """Take back what was asked of a training that has ended."""
        with contextlib.suppress(OSError):  # a folder in its place, say: no wish, which the next training says
            atomic_files.patiently(lambda: (self.path / "control.json").unlink())
