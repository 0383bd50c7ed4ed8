"""metrics.jsonl: one line per report, appended while somebody reads."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from vae import files
from vae.errors import RunError
from vae.report import Report


def append(path: Path, report: Report) -> None:
    """Add one line."""
    try:
        with path.open("a") as file:
            file.write(_line(report))
    except OSError as error:
        raise files.cannot_write(path, error) from error


def rewrite(path: Path, reports: Iterable[Report]) -> None:
    """Replace the whole file."""
    files.write_whole(path, "".join(map(_line, reports)).encode())


def _line(report: Report) -> str:
    return json.dumps(dataclasses.asdict(report) | {"elbo": report.elbo}, allow_nan=False) + "\n"


class MetricsFollower:
    """Reads what was appended to metrics.jsonl since the last look, and passes over a torn last line.

    Several visitors may share one: they look one after another, so that no line is read twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reports: list[Report] = []
        self._file_number = self._offset = 0
        self._one_by_one = threading.Lock()

    def poll(self) -> list[Report]:
        """All reports so far, in one list that grows. Raises `RunError` when a whole line is no report."""
        with self._one_by_one:
            return self._read_on()

    def _read_on(self) -> list[Report]:
        try:
            with self.path.open("rb") as file:
                number = os.fstat(file.fileno()).st_ino
                if number != self._file_number:  # a resumed training replaced the file
                    self.reports, self._offset, self._file_number = [], 0, number
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return self.reports
        except OSError as error:
            raise RunError(f"{self.path} cannot be read ({error.strerror}); check the folder's permissions.") from error
        whole = content[: content.rfind(b"\n") + 1]
        self.reports += [self._parse(line) for line in whole.splitlines() if line.strip()]
        self._offset += len(whole)
        return self.reports

    def _parse(self, line: bytes) -> Report:
        try:
            fields = json.loads(line)
            fields.pop("elbo")
            report = Report(**fields)
            numbers = [value for value in fields.values() if not isinstance(value, str)]
            if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in numbers):
                raise ValueError(line)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            start = line[:40].decode(errors="replace")
            raise RunError(f"{self.path} has a line that is no report ({start} ...); copy the run again.") from error
        return report
