"""Commands started by a page, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vae import files

ROOT = Path(__file__).resolve().parents[1]

THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
"""How OpenMP's threads wait for each other. One that spins takes the page's processor away; one that sleeps at once has to be
woken for every product of matrices. GNU's, which torch has on Linux, spins for a few microseconds first; others just sleep."""


def launch(words: Sequence[str], log: Path) -> subprocess.Popen:
    """Start `python -m vae ...`, which outlives the one that starts it; what it prints goes to `log`."""
    with files.open_regular(log, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "vae", *words],
            cwd=ROOT,
            env=THREADS | os.environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
