"""What becomes of a run: it is trained on, made longer or smaller, renamed, deleted."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import shutil
import socket
import time
from pathlib import Path

from vae.errors import RunError
from vae.paths import ROOT
from vae.runs import atomic_files, metrics_log, snapshots
from vae.runs.folder import PRIOR_IN_TRAINING, RunFolder, check_name
from vae.runs.watched_folder import WatchedFolder
from vae.training.control import BY_HAND

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


def queue_again(run: RunFolder) -> None:
    """Say that an ended run is asked for again, before a process takes it up."""
    status = run.read_status()
    if status.active:
        raise RunError(f"{run.path} is being trained already; watch it.")
    run.forget_requests()
    run.write_status(dataclasses.replace(status, state="queued", message="", asked=time.time(), host=socket.gethostname()))


def lengthen(run: RunFolder, epochs: int) -> None:
    """Make an ended run one of `epochs` epochs, stopped where it ended, so that it can go on.

    Raises `RunError` while it is being trained, when it is no shorter, and when it was thinned.
    """
    status, (config, _) = run.read_status(), run.read_config()
    if status.active:
        raise RunError(f"{run.path} is being trained; lengthen it by steering it.")
    if epochs <= config.training.epochs:
        raise RunError(f"{run.path} has {config.training.epochs} epochs already; ask for more than that.")
    if not run.can_go_on():
        raise RunError(f"{run.path} was thinned and has no trainer's state to go on from; start a new run.")
    steps = status.total_steps * epochs // config.training.epochs
    message = f"Lengthened to {epochs} epochs."
    # The status first: a run that is longer and finished could neither go on nor be lengthened again.
    run.write_status(dataclasses.replace(status, state="stopped", total_steps=steps, message=message))
    run.rewrite_config(config.with_epochs(epochs))


def thin(run: RunFolder, count: int) -> None:
    """Make an ended run small enough to share: keep `count` snapshots, and no trainer's state.

    The last snapshot is among them, which is that of the weights, and of two or more the first. Raises `RunError` while the
    run is being trained.
    """
    if run.read_status().active:
        raise RunError(f"{run.path} is being trained; stop it or wait for its end before thinning it.")
    paths = run.snapshot_paths()[::-1]
    kept = {round(index * (len(paths) - 1) / max(count - 1, 1)) for index in range(count)}
    for index, path in enumerate(paths):
        if index not in kept:
            path.unlink()
    for path in (*run.path.glob("trainer.*"), *run.path.glob("control.*")):
        path.unlink()


def forget_after(run: RunFolder, step: int) -> None:
    """Delete the reports and snapshots after `step`, which a resumed training is about to make again."""
    metrics_log.rewrite(run.metrics_path, [report for report in run.read_metrics() if report.step <= step])
    for path in run.snapshot_paths():
        with contextlib.suppress(RunError):  # a damaged one is left, and told when it is looked at
            if snapshots.read(path).step > step:
                path.unlink()


def forget_control(run: RunFolder) -> None:
    """Let a resumed training follow its schedules, whatever was set by hand."""
    state = run.read_trainer()
    if state is not None:
        tensors, numbers = state
        run.write_trainer(tensors, {name: value for name, value in numbers.items() if name not in BY_HAND})


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
