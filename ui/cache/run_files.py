"""What lies beside a run's weights: where its training stands, and its reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from vae.errors import RunError
from vae.runs.folder import RunFolder
from vae.runs.metrics_log import MetricsFollower
from vae.runs.status import Status
from vae.training.report import Report


@st.cache_resource(max_entries=64, show_spinner=False)
def _follower(path: Path) -> MetricsFollower:
    return MetricsFollower(path)


def metrics(folder: RunFolder) -> list[Report]:
    """All reports of a run so far; only what is new is read."""
    return _follower(folder.metrics_path).poll()


@dataclass(frozen=True)
class Beside:
    """What a run's folder tells beside its weights: where it stands, None where that cannot be read, and its reports.

    `damages` says in one sentence each which of the two cannot be read.
    """

    status: Status | None
    reports: list[Report]
    damages: tuple[str, ...]


def look(folder: RunFolder) -> Beside:
    """Status and reports of a run as they are now, as far as they can be read."""
    status, reports, damages = None, [], []
    try:
        status = folder.read_status()
    except RunError as error:
        damages.append(str(error))
    try:
        reports = metrics(folder)
    except RunError as error:
        damages.append(str(error))
    return Beside(status, reports, tuple(damages))
