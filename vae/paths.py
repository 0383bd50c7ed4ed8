"""Where data sets, runs and lessons are."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the explorer, in which commands are given."""

FOLDERS = {"VAE_DATA": "data", "VAE_RUNS": "checkpoints", "VAE_LESSONS": "lessons"}
"""Where data sets, runs and lessons are unless these environment variables name other folders."""


def folder_of(variable: str) -> Path:
    """The folder that an environment variable names, or else its usual one; absolute, with `~` expanded."""
    return Path(os.path.abspath(os.path.expanduser(os.environ.get(variable) or ROOT / FOLDERS[variable])))


def as_variables() -> dict[str, str]:
    """The environment in which a process means the same folders as this one, wherever it is started."""
    return {variable: str(folder_of(variable)) for variable in FOLDERS}


def from_root(path: Path) -> Path:
    """A path as it is given in a command: from the explorer's folder, where it lies in that."""
    path = Path(os.path.abspath(path))
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
