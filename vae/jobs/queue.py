"""Whose turn it is: runs that are queued beside each other are trained one after the other.

A paused run gives up its turn: it holds memory and no processor, and a lecture may leave it paused for ever. When it goes on it
does so at once, beside whatever is being trained by then: somebody waits for it. `TrainingJob` asks here until it may begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import filelock

from vae.errors import RunError
from vae.runs import atomic_files, locks
from vae.runs.folder import RunFolder, list_runs
from vae.runs.status import Status

SECONDS_TO_GET_THE_LOCK = 1.0
"""A wish to stop is not kept waiting longer; who waits for its turn comes again."""


@dataclass(frozen=True)
class Ahead:
    """A run that has its turn before another, and where it stands."""

    run: RunFolder
    status: Status


def start_when_first(folder: RunFolder, status: Status, take: Callable[[], None]) -> bool:
    """`take()` the turn if no run beside this one is running and none asked earlier; whether it was taken.

    No other process can take its turn meanwhile; while one is about to, this one's has not come.
    """
    path = folder.path.parent / ".queue.lock"
    try:
        lock = locks.acquire(path, SECONDS_TO_GET_THE_LOCK)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise atomic_files.cannot_write(path, error) from error
    with lock:
        free = not runs_ahead(folder, status)
        if free:
            take()
        return free


def runs_ahead(folder: RunFolder, status: Status) -> list[Ahead]:
    """The runs that a queued one, which stands at `status`, waits for: first those that run, then those that asked earlier."""
    others = [other for other in list_runs(folder.path.parent) if other.name != folder.name]
    known = [ahead for other in others if (ahead := _standing(other)) is not None]
    running = [ahead for ahead in known if ahead.status.state == "running"]
    earlier = [a for a in known if a.status.state == "queued" and (a.status.asked, a.run.name) < (status.asked, folder.name)]
    return running + sorted(earlier, key=lambda ahead: (ahead.status.asked, ahead.run.name))


def _standing(run: RunFolder) -> Ahead | None:
    try:
        return Ahead(run, run.read_status())
    except RunError:
        return None
