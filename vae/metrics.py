"""metrics.jsonl: one line per report, appended while somebody reads."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from vae import files
from vae.errors import RunError
from vae.report import Report

START = 256
"""Bytes by which a file is known again: its first report tells its seconds to a billionth."""


class Line(Protocol):
    """What a training tells on the way: finite numbers and words."""

    def to_dict(self) -> dict: ...

    @classmethod
    def from_dict(cls, fields: dict) -> Line: ...


Told = TypeVar("Told", bound=Line)


def append(path: Path, report: Line) -> None:
    """Add one line."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(_line(report))
    except OSError as error:
        raise files.cannot_write(path, error) from error


def rewrite(path: Path, reports: Iterable[Line]) -> None:
    """Replace the whole file."""
    files.write_whole(path, "".join(map(_line, reports)).encode())


def _line(report: Line) -> str:
    return json.dumps(report.to_dict(), allow_nan=False) + "\n"


class MetricsFollower(Generic[Told]):
    """Reads what was appended to metrics.jsonl since the last look, and passes over a torn last line.

    `kind` says what the lines are. Several visitors may share one: they look one after another, so that no line is read twice.
    """

    def __init__(self, path: Path, kind: type[Told] = Report) -> None:
        self.path, self.kind = path, kind
        self._forget(0)
        self._one_by_one = threading.Lock()

    def poll(self) -> list[Told]:
        """All reports so far, in one list that grows. Raises `RunError` when a whole line is no report."""
        with self._one_by_one:
            return self._read_on()

    def _read_on(self) -> list[Told]:
        try:
            with self.path.open("rb") as file:
                is_now = os.fstat(file.fileno())
                # A resumed training replaced the file, or another run has this name now and its file the number of the old
                same = is_now.st_ino == self._file_number and is_now.st_size >= self._offset
                if not same or file.read(len(self._start)) != self._start:
                    self._forget(is_now.st_ino)
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            self._forget(0)
            return self.reports
        except OSError as error:
            raise RunError(f"{self.path} cannot be read ({error.strerror}); check the folder's permissions.") from error
        whole = content[: content.rfind(b"\n") + 1]
        self.reports += [self._parse(line) for line in whole.splitlines() if line.strip()]
        self._offset += len(whole)
        self._start = self._start or whole[:START]
        return self.reports

    def _forget(self, file_number: int) -> None:
        self.reports: list[Told] = []
        self._file_number, self._offset, self._start = file_number, 0, b""

    def _parse(self, line: bytes) -> Told:
        try:
            report = self.kind.from_dict(files.parse_json(line))
            numbers = [value for value in vars(report).values() if not isinstance(value, str)]
            if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in numbers):
                raise ValueError(line)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            start = line[:40].decode(errors="replace")
            raise RunError(f"{self.path} has a line that is no report ({start} ...); copy the run again.") from error
        return report
