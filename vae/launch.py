"""Commands started by a page, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def launch(words: Sequence[str], log: Path) -> subprocess.Popen:
    """Start `python -m vae ...`, which outlives the one that starts it; what it prints goes to `log`."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "vae", *words],
            cwd=ROOT,
            env={"OMP_WAIT_POLICY": "PASSIVE"} | os.environ,  # threads that wait by spinning take the page's processor away
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
