"""Commands started by a page, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from vae.errors import RunError, describe
from vae.paths import ROOT, as_variables
from vae.runs import atomic_files
from vae.runs.watched_folder import WatchedFolder

THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
"""How OpenMP's threads wait for each other. One that spins takes the page's processor away; one that sleeps at once has to be
woken for every product of matrices. GNU's, which torch has on Linux, spins for a few microseconds first; others just sleep."""

ON_WINDOWS = ("BELOW_NORMAL_PRIORITY_CLASS", "CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")
"""The same there; and a press of Ctrl-C in the page's window does not reach it."""

LONGEST_LAST_WORDS = 4000  # bytes


def launch(words: Sequence[str], folder: WatchedFolder) -> subprocess.Popen[bytes]:
    """Start `python -m vae ...` for the training that is queued in `folder`. It outlives the process that starts it.

    What it prints goes to trainer.log. Where it ends before it holds the folder, its reason is noted there at once.
    """
    log = folder.path / "trainer.log"
    with noting_failed_start(folder), atomic_files.open_regular(log, "ab") as file:
        printed_before = file.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            [sys.executable, "-m", "vae", *words],
            cwd=ROOT,
            env=THREADS | os.environ | as_variables(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=sum(getattr(subprocess, name, 0) for name in ON_WINDOWS),
        )
    threading.Thread(target=_see_it_begin, args=(process, folder, log, printed_before), daemon=True).start()
    return process


@contextlib.contextmanager
def noting_failed_start(folder: WatchedFolder) -> Iterator[None]:
    """Note in a queued training's folder what ends its process before it holds the folder."""
    try:
        yield
    except Exception as error:
        _note(folder, describe(error))
        raise


def _see_it_begin(process: subprocess.Popen[bytes], folder: WatchedFolder, log: Path, printed_before: int) -> None:
    status = process.wait()
    _note(folder, _reason(status, _last_words(log, printed_before)))


def _note(folder: WatchedFolder, reason: str) -> None:
    with contextlib.suppress(RunError, OSError):  # the folder is gone, or who holds it is not to be known
        folder.note_failed_start(reason)


def _last_words(log: Path, printed_before: int) -> str:
    """The last line that this process printed; for an exception that nobody expected it is its kind and its reason."""
    with contextlib.suppress(OSError), atomic_files.open_regular(log) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(printed_before, end - LONGEST_LAST_WORDS))
        lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _reason(status: int, last_words: str) -> str:
    """Why a process ended, in one sentence: its own, where it had one."""
    if last_words.startswith("vae: "):
        return last_words.removeprefix("vae: ")
    if status < 0:
        names = {number.value: number.name for number in signal.Signals}
        last_words = f"it was ended by {names.get(-status, f'signal {-status}')}"
    return f"The training could not begin ({last_words or f'it ended with status {status}'}); see trainer.log in its folder."
