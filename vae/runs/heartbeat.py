"""Whether a heartbeat goes on that is told by another clock than one's own."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path


class Pulses:
    """What one process has seen of heartbeats, times in seconds since 1970 that trainings write into their folders.

    The clocks of two machines may be hours apart, and one that was wrong is put right. So the age of a heartbeat is believed
    where it is small; where it is not, the heartbeat is watched, and who watches counts by a clock that nobody sets.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[float, float]] = {}  # the heartbeat, and since when it is known to stand still
        self._one_by_one = threading.Lock()

    def is_fresh(self, path: Path, heartbeat: float, seconds: float) -> bool:
        """Whether the heartbeat of the folder `path` is at most so many seconds old.

        One that moves is, whatever its time. One from the future gets the benefit of the doubt, until it stood still that long.
        """
        age = time.time() - heartbeat
        return abs(age) < seconds or time.monotonic() - self._still_since(path, heartbeat, age) < seconds

    def _still_since(self, path: Path, heartbeat: float, age: float) -> float:
        with self._one_by_one:
            before, since = self._seen.get(path, (heartbeat, -math.inf))
            if heartbeat != before or (age < 0 and since == -math.inf):
                since = time.monotonic()
            self._seen[path] = heartbeat, since
        return since
