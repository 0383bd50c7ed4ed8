"""What took time to make and may be asked for again, kept up to a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Value = TypeVar("Value")


class BoundedCache:
    """Values by their names, up to `most` of their sizes in all: what was asked for longest ago goes first.

    A value larger than that is not kept. Several threads may ask at once.
    """

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._values: dict[Hashable, tuple[object, int]] = {}

    def get(self, name: Hashable) -> Any:
        """The value of this name, which now is the latest asked for; None where it is not kept."""
        with self._lock:
            entry = self._values.pop(name, None)
            if entry is None:
                return None
            self._values[name] = entry  # at the end
            return entry[0]

    def put(self, name: Hashable, value: object, size: int = 1) -> None:
        """Keep a value as the latest, in place of one of the same name, and drop what is then too much."""
        with self._lock:
            self.held -= self._values.pop(name, (None, 0))[1]
            if size > self.most:
                return
            self._make_room(size)
            self.held += size
            self._values[name] = value, size

    def _make_room(self, size: int) -> None:
        while self.held + size > self.most:
            self.held -= self._values.pop(next(iter(self._values)))[1]

    def get_or_make(self, name: Hashable, make: Callable[[], Value], size: int) -> Value:
        """The value of this name, made where it is not kept: by one thread at a time, and with room made for it before."""
        value: Value | None = self.get(name)
        if value is not None:
            return value
        with self._making:
            value = self.get(name)
            if value is None:
                if size <= self.most:
                    with self._lock:
                        self._make_room(size)
                value = make()
                self.put(name, value, size)
            return value
