"""Renaming and deleting runs."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from vae.errors import RunError
from vae.paths import ROOT
from vae.runs import atomic_files
from vae.runs.folder import PRIOR_IN_TRAINING, RunFolder, check_name
from vae.runs.watched_folder import WatchedFolder

SHIPPED = (
    "digits", "mnist", "mnist-8d", "mnist-beta0", "mnist-beta1", "mnist-beta4", "mnist-binarised", "mnist-conv",
    "mnist-lattice",
)  # fmt: skip
SHIPPED_FOLDER = ROOT / "checkpoints"
DELETED = ".deleted-"
"""How the name of a folder begins that is about to go; nobody lists it as a run."""


def is_shipped(run: RunFolder) -> bool:
    """Whether a run came with the explorer; those are neither renamed nor deleted."""
    return run.name in SHIPPED and run.path.parent.resolve() == SHIPPED_FOLDER


def rename_run(run: RunFolder, name: str) -> RunFolder:
    """The run under another name. Raises `ConfigError` for no name of a run, and `RunError` where it cannot have that one."""
    target = run.path.with_name(check_name(name))
    if os.path.lexists(target):
        raise RunError(f"{target} exists already; choose another name.")
    return _move(run, target)


def delete_run(run: RunFolder) -> None:
    """Remove a run and all its files: first out of the list, by one renaming, then from the disk.

    What an earlier deletion left behind when it was ended in the middle goes too. Raises `RunError`.
    """
    _move(run, run.path.with_name(f"{DELETED}{run.name}-{secrets.token_hex(4)}"))
    for path in run.path.parent.glob(f"{DELETED}*"):
        try:
            path.unlink() if path.is_symlink() else shutil.rmtree(path)
        except FileNotFoundError:  # another one deletes too
            continue
        except OSError as error:
            raise RunError(
                f"{run.name} is deleted, but {path} cannot be removed ({error.strerror}); remove it by hand."
            ) from error


def _move(run: RunFolder, target: Path) -> RunFolder:
    """Rename a run's folder, unless it came with the explorer or is in training."""
    if is_shipped(run):
        raise RunError(f"{run.name} came with the explorer and stays as it is; choose a run of your own.")
    if _is_busy(run):
        raise _busy(run)
    try:
        run.path.rename(target)
    except FileNotFoundError as error:
        raise RunError(f"{run.path} is there no longer; it may have been renamed or deleted.") from error
    except OSError as error:
        raise atomic_files.cannot_write(target, error) from error
    moved = RunFolder(target)
    if _is_busy(moved):  # a training took it up at this very moment
        target.rename(run.path)
        raise _busy(run)
    return moved


def _is_busy(run: RunFolder) -> bool:
    """Whether the run or a diffusion prior of it is being trained or waits to be."""
    return any(_is_written(folder) for folder in (run, WatchedFolder(run.path / PRIOR_IN_TRAINING)))


def _is_written(folder: WatchedFolder) -> bool:
    try:
        return folder.read_status().active or folder.is_locked()
    except RunError:  # damaged, which is no reason to keep it
        return folder.is_locked()


def _busy(run: RunFolder) -> RunError:
    return RunError(f"{run.name} is being trained or waits to be; stop it, or wait until it has ended.")
