"""Ctrl-C and terminations, taken as a wish to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stop_signals(insist: bool = True) -> Iterator[Callable[[], bool]]:
    """A function that says whether Ctrl-C or a termination was asked for.

    A second one ends the process at once, where one may `insist`. Under torchrun one may not, until the process has said
    its last word: torchrun hands on what the terminal told its processes already, ends them all when it misses one, and
    has its own way with those that do not end.
    """
    asked = threading.Event()

    def note(number: int, frame: object) -> None:
        if asked.is_set() and insist:
            raise KeyboardInterrupt
        asked.set()

    handlers = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in handlers.items() if insist else ():
            signal.signal(number, handler)
