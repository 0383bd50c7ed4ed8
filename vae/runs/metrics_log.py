"""metrics.jsonl: one line per report, appended while somebody reads."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, Protocol, Self, TypeVar, overload

from vae.errors import RunError
from vae.runs import atomic_files
from vae.training.report import Report

LARGEST, LONGEST_LINE = 300_000_000, 10_000
"""Bytes of the file, about a million reports, and of a line, which has some 300."""

START = 256
"""Bytes by which a file is known again: its first report tells its seconds to a billionth."""


class Line(Protocol):
    """What a training tells on the way: finite numbers and words."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def to_dict(self) -> dict[str, Any]: ...

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self: ...


Told = TypeVar("Told", bound=Line)


def append(path: Path, report: Line) -> None:
    """Add one line."""
    try:
        with atomic_files.open_regular(path, "ab") as file:
            file.write(_line(report).encode())
    except OSError as error:
        raise atomic_files.cannot_write(path, error) from error


def rewrite(path: Path, reports: Iterable[Line]) -> None:
    """Replace the whole file."""
    atomic_files.write_whole(path, "".join(map(_line, reports)).encode())


def _line(report: Line) -> str:
    return json.dumps(report.to_dict(), allow_nan=False) + "\n"


class MetricsFollower(Generic[Told]):
    """Reads what was appended to metrics.jsonl since the last look, and passes over a torn last line.

    `kind` says what the lines are. Several visitors may share one: they look one after another, so that no line is read twice.
    """

    _start: bytes

    @overload
    def __init__(self: MetricsFollower[Report], path: Path) -> None: ...

    @overload
    def __init__(self, path: Path, kind: type[Told]) -> None: ...

    def __init__(self, path: Path, kind: type[Any] = Report) -> None:
        self.path, self.kind = path, kind
        self._forget(0)
        self._one_by_one = threading.Lock()

    def poll(self) -> list[Told]:
        """All reports so far, in one list that grows. Raises `RunError` when a whole line is no report."""
        with self._one_by_one:
            return self._read_on()

    def _read_on(self) -> list[Told]:
        try:
            with atomic_files.open_regular(self.path, largest=LARGEST) as file:
                is_now = os.fstat(file.fileno())
                # A resumed training replaced the file, or another run has this name now and its file the number of the old
                same = is_now.st_ino == self._file_number and is_now.st_size >= self._offset
                if not same or file.read(len(self._start)) != self._start:
                    self._forget(is_now.st_ino)
                file.seek(self._offset)
                self.reports += [self._parse(line) for line in self._whole_lines(file) if line.strip()]
                self._read_until(file)
        except FileNotFoundError:
            self._forget(0)
        except OSError as error:
            raise atomic_files.cannot_read(self.path, error) from error
        return self.reports

    def _whole_lines(self, file: IO[bytes]) -> Iterator[bytes]:
        """Those from where the file is read, which is left at the end of the last one."""
        while (line := file.readline(LONGEST_LINE)).endswith(b"\n"):
            yield line
        if len(line) == LONGEST_LINE:
            raise self._no_report(line)
        file.seek(-len(line), os.SEEK_CUR)  # torn: the rest of it is on its way

    def _read_until(self, file: IO[bytes]) -> None:
        """Go on from where `file` is read, at the next look."""
        self._offset = file.tell()
        if not self._start:
            file.seek(0)
            self._start = file.read(min(START, self._offset))

    def _forget(self, file_number: int) -> None:
        self.reports: list[Told] = []
        self._file_number, self._offset, self._start = file_number, 0, b""

    def _parse(self, line: bytes) -> Told:
        try:
            report = self.kind.from_dict(atomic_files.parse_json(line))
            if not atomic_files.fields_fit(report):
                raise ValueError(line)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._no_report(line) from error
        return report

    def _no_report(self, line: bytes) -> RunError:
        start = line[:40].decode(errors="replace")
        return RunError(f"{self.path} has a line that is no report ({start!r} ...); copy the run again.")
