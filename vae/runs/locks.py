"""Locks on files: one process holds one, and any number may look whether it is held without being in anybody's way.

A lock is the system's own. It falls with the process that holds it, however that ends, and it holds across containers and,
where the file system passes locks on, across machines; a process's number written to a file could be another's by now.

Some file systems know no locks, among those that are mounted over a network or by FUSE. There such a file has to do, with the
machine's name beside the number: one that a killed process left is passed over on its machine, and is to be deleted on others.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

import filelock

from vae.runs import atomic_files

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SECONDS_BETWEEN_TRIES = 0.01
UNKNOWN = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What file systems answer that know no locks."""


def acquire(path: Path, seconds: float) -> AbstractContextManager[object]:
    """Take the lock at `path`; leaving what is returned gives it back.

    Waits up to `seconds` for another holder, and raises `filelock.Timeout`. Whoever only looks is never taken for a holder.
    """
    if not _are_known(path.parent):
        return filelock.SoftFileLock(_in_place_of(path)).acquire(timeout=seconds)
    deadline, lock = time.monotonic() + seconds, filelock.FileLock(path)
    while True:
        try:
            return lock.acquire(timeout=0)
        except filelock.Timeout:
            if time.monotonic() > deadline and is_held(path):
                raise
        time.sleep(SECONDS_BETWEEN_TRIES)


def is_held(path: Path) -> bool:
    """Whether a process that can be seen from here holds the lock at `path`. Raises `OSError` where we cannot know."""
    if _in_place_of(path).exists():
        raise OSError(errno.ENOLCK, "The file system knows no locks", str(path))
    try:
        file = atomic_files.open_regular(path)
    except FileNotFoundError:
        return False
    with file:
        return _refuses_to_share(file.fileno()) if fcntl else _refuses_to_be_read(file.fileno())


def _in_place_of(path: Path) -> Path:
    """The file whose being there is the lock where there are none."""
    return path.with_suffix(".held")


def _are_known(folder: Path) -> bool:
    """Whether files in a folder can be locked; where none can be made, whoever takes the lock is told why."""
    if fcntl is None:
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in UNKNOWN
    return True


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
