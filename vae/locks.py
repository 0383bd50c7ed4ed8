"""Locks on files: one process holds one, and any number may look whether it is held without being in anybody's way.

A lock is the system's own. It falls with the process that holds it, however that ends, and it holds across containers and, where
the file system passes locks on, across machines; a process's number written to a file could be another's by now.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path

import filelock

from vae import files

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SECONDS_BETWEEN_TRIES = 0.01


def acquire(path: Path, seconds: float) -> AbstractContextManager:
    """Take the lock at `path`; leaving what is returned gives it back.

    Waits up to `seconds` for another holder, and raises `filelock.Timeout`. Whoever only looks is never taken for a holder.
    """
    deadline, lock = time.monotonic() + seconds, filelock.FileLock(path)
    while True:
        try:
            return lock.acquire(timeout=0)
        except filelock.Timeout:
            if time.monotonic() > deadline and is_held(path):
                raise
        time.sleep(SECONDS_BETWEEN_TRIES)


def is_held(path: Path) -> bool:
    """Whether a process that can be seen from here holds the lock at `path`. Raises `OSError` where we may not know."""
    try:
        file = files.open_regular(path)
    except FileNotFoundError:
        return False
    with file:
        return _refuses_to_share(file.fileno()) if fcntl else _refuses_to_be_read(file.fileno())


def _refuses_to_share(handle: int) -> bool:
    """On Unix a shared lock is had beside any number of others, and not beside a holder's."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second is what some file systems say
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)  # now, though a process that is just being started has the handle too
    return False


def _refuses_to_be_read(handle: int) -> bool:
    """On Windows the byte that a holder has locked cannot be read by others."""
    try:
        os.read(handle, 1)
    except PermissionError:
        return True
    return False
