"""Whose turn it is: runs that are queued beside each other are trained one after the other."""

from __future__ import annotations

from collections.abc import Callable

import filelock

from vae import files, locks
from vae.errors import RunError
from vae.run import RunFolder, list_runs
from vae.status import Status

SECONDS_TO_GET_THE_LOCK = 1.0
"""A wish to stop is not kept waiting longer; who waits for its turn comes again."""


def take_turn(folder: RunFolder, status: Status, take: Callable[[], None]) -> bool:
    """`take()` the turn if no run beside this one is running and none asked earlier; whether it was taken.

    No other process can take its turn meanwhile; while one is about to, this one's has not come.
    """
    path = folder.path.parent / ".queue.lock"
    try:
        lock = locks.acquire(path, SECONDS_TO_GET_THE_LOCK)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise files.cannot_write(path, error) from error
    with lock:
        free = not _others_first(folder, status)
        if free:
            take()
        return free


def _others_first(folder: RunFolder, status: Status) -> bool:
    for other in list_runs(folder.path.parent):
        if other.name == folder.name:
            continue
        try:
            its = other.read_status()
        except RunError:
            continue
        earlier = (its.asked, other.name) < (status.asked, folder.name)
        if its.state in ("running", "paused") or (its.state == "queued" and earlier):
            return True
    return False
