"""Trains a run folder: joins the loop (vae.training) with the folder (vae.runs).

This is what `python -m vae train` does, in a process of its own. Whoever watches reads the folder.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable

from vae.config import RunConfig
from vae.errors import RunError
from vae.jobs.launch import launch, noting_failed_start
from vae.jobs.training_job import TrainingJob
from vae.runs.folder import RunFolder
from vae.runs.status import Status
from vae.training.distributed import SOLO, Ranks
from vae.training.report import Report


def start_process(folder: RunFolder, device: str = "auto") -> subprocess.Popen[bytes]:
    """Train a folder made by `RunFolder.create` in a process of its own, which outlives the one that starts it.

    What the process prints goes to trainer.log in the folder; it queues behind other trainings beside it.
    """
    words = ["train", "--resume", "--queue", "--run", str(folder.path.resolve()), "--device", device]
    return launch(words, folder)


def train_run(
    folder: RunFolder,
    *,
    device: str = "auto",
    queue: bool = False,
    on_report: Callable[[Report], None] = lambda report: None,
    should_stop: Callable[[], bool] = lambda: False,
    ranks: Ranks = SOLO,
) -> Status:
    """Train a run from where it stands to its end, and return how it ended.

    With `queue` it waits until no other run beside it is being trained. It stops between two steps when `should_stop()`
    is true or a watcher asks for it. With several `ranks` every process calls this; the first one alone touches the
    folder and reports. Raises `RunError` when the run is finished or has a writer already, and whatever made the training
    fail, after noting it in the folder.
    """
    noting = noting_failed_start(folder) if ranks.is_rank_zero else contextlib.nullcontext()
    with noting, contextlib.ExitStack() as stack:
        config = RunConfig.from_dict(ranks.broadcast(ranks.run_on_rank_zero(lambda: _take_up(folder, stack).to_dict())))
        return TrainingJob(folder, config, device, on_report, should_stop, ranks).work(queue)


def _take_up(folder: RunFolder, stack: contextlib.ExitStack) -> RunConfig:
    """What the run is asked to be, once this is its only writer."""
    folder.read_config()  # a missing or foreign folder is not given a lock file
    stack.enter_context(folder.lock())
    if folder.read_status(as_written=True).state == "finished":
        raise RunError(f"{folder.path} is finished; {_how_to_train_on(folder)}.")
    return folder.read_config()[0]


def _how_to_train_on(folder: RunFolder) -> str:
    if not folder.can_go_on():
        return "it was thinned and cannot be made longer, so start a new run"
    epochs = folder.read_config()[0].training.epochs
    return f"make it longer than its {epochs:,} epochs by --resume --lengthen EPOCHS, or start a new run"
