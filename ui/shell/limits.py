"""How much a page may ask of this machine: trainings at once, the size of a run, room on the disk; see `ui.settings`."""

from __future__ import annotations

import shutil
from pathlib import Path

from ui.shell import settings
from vae.config import RunConfig
from vae.diffusion.folder import PriorFolder
from vae.errors import ExplorerError, RunError
from vae.model.autoencoder import parameters_of
from vae.runs.disk_size import bytes_on_disk
from vae.runs.folder import list_runs
from vae.runs.watched_folder import WatchedFolder

GIGABYTE = 1e9
MORE = "whoever starts the explorer can allow more by {}"


class LimitError(ExplorerError):
    """More was asked for than this server allows."""


def check_run(config: RunConfig) -> None:
    """Raise `LimitError` where a run would be larger than allowed."""
    allowed = settings.of_server()
    parameters, gigabytes = parameters_of(config.model), bytes_on_disk(config) / GIGABYTE
    if config.training.epochs > allowed.most_epochs:
        raise _too_much(f"{config.training.epochs:,} epochs", f"{allowed.most_epochs:,}", "fewer", "--most-epochs")
    if parameters > allowed.most_parameters:
        raise _too_much(
            f"A model of {parameters:,} parameters", f"{allowed.most_parameters:,}", "narrower layers", "--most-parameters"
        )
    if gigabytes > allowed.most_gigabytes:
        raise _too_much(
            f"A run of {gigabytes:.1f} GB on the disk", f"{allowed.most_gigabytes:g} GB", "fewer epochs", "--most-gigabytes"
        )


def check_room(root: Path, size: float = 0.0) -> None:
    """Raise `LimitError` where too many trainings are at work, or the disk of `root` has no room for `size` bytes."""
    allowed, active = settings.of_server(), count_active()
    if active >= allowed.most_trainings:
        raise LimitError(
            f"{active} trainings are at work or wait, and {allowed.most_trainings} are allowed here: wait until one has ended, "
            f"or stop one; {MORE.format('--most-trainings')}."
        )
    free = (shutil.disk_usage(root).free - size) / GIGABYTE
    if free < allowed.free_gigabytes:
        raise LimitError(
            f"This would leave {max(free, 0):.1f} GB free on the disk, and {allowed.free_gigabytes:g} GB are to stay free: "
            f"delete runs, or make room elsewhere; {MORE.format('--free-gigabytes')}."
        )


def count_active() -> int:
    """How many trainings are at work, paused or wait, diffusion priors among them."""
    runs = list_runs()
    return sum(map(_is_active, [*runs, *map(PriorFolder.in_training, runs)]))


def _is_active(folder: WatchedFolder) -> bool:
    try:
        return folder.read_status().active
    except RunError:
        return False


def _too_much(asked: str, most: str, instead: str, word: str) -> LimitError:
    return LimitError(f"{asked} are more than the {most} that are allowed here: ask for {instead}; {MORE.format(word)}.")
