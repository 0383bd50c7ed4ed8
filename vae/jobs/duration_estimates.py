"""Estimates for a page: each is measured in a process of its own that can neither fill the memory nor take for ever."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from vae.bounded_cache import BoundedCache
from vae.config import RunConfig
from vae.jobs.launch import THREADS
from vae.paths import ROOT

COMMAND = sys.executable, "-m", "vae.training.duration"
MOST_SECONDS = 600.0
"""Until the process ends, which takes about 5, most of them to load torch, and much longer on a machine that is busy. How long
it may compute is limited by `vae.training.duration`."""

TOO_SLOW = "No estimate: a few steps of this model take too long here."

MOST_ANSWERS, SECONDS_GOOD = 256, 600.0
"""Answers that are remembered, and for how long: another program may take the processor or leave it."""


@dataclass(frozen=True)
class Estimate:
    """About how many seconds a training takes, or the sentence that says why nobody knows."""

    seconds: float | None = None
    problem: str | None = None


class Estimates:
    """What was estimated by now. One process at a time measures, for all that ask; nobody waits for it."""

    def __init__(self, command: tuple[str, ...] = COMMAND, seconds: float = MOST_SECONDS) -> None:
        self._command, self._seconds = command, seconds
        self._answers, self._busy = BoundedCache(MOST_ANSWERS), threading.Lock()

    def ask(self, config: RunConfig, device: str = "auto") -> Estimate | None:
        """The estimate for a run on a device, or None while there is none; ask again in a second.

        The first that asks while nothing is being measured has its run measured.
        """
        name = json.dumps({"config": config.to_dict(), "device": device})
        answer, when = self._answers.get(name) or (None, 0.0)
        if answer is not None and time.monotonic() - when < SECONDS_GOOD:
            return answer
        if self._busy.acquire(blocking=False):
            threading.Thread(target=self._find, args=(name,), daemon=True).start()
        return None

    def _find(self, name: str) -> None:
        try:
            self._answers.put(name, (self._measure(name), time.monotonic()))
        finally:
            self._busy.release()

    def _measure(self, asked: str) -> Estimate:
        try:
            ended = subprocess.run(
                self._command,
                input=asked,
                cwd=ROOT,
                env=THREADS | os.environ,
                capture_output=True,
                text=True,
                timeout=self._seconds,
            )
        except subprocess.TimeoutExpired:
            return Estimate(problem=TOO_SLOW)
        except OSError as error:
            return Estimate(problem=f"No estimate: no process can be started ({error.strerror}).")
        if ended.returncode == -getattr(signal, "SIGXCPU", 0) != 0:
            return Estimate(problem=TOO_SLOW)
        if ended.returncode == 2 and ended.stderr.strip():
            return Estimate(problem=ended.stderr.strip().splitlines()[-1])
        with contextlib.suppress(ValueError):
            if ended.returncode == 0:
                return Estimate(float(ended.stdout))
        return Estimate(problem="No estimate: its process ended before its time.")
