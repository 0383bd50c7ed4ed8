"""Trains a run's diffusion prior: joins the loop (trainer.py) with the folder (folder.py).

This is what `python -m vae diffuse` does, in a process of its own. Whoever watches reads the folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

import torch

from vae.device import choose_device
from vae.diffusion import prior_files
from vae.diffusion.code_dataset import CodeSets, codes_of
from vae.diffusion.config import PriorConfig
from vae.diffusion.evaluation import measure
from vae.diffusion.folder import PriorFolder
from vae.diffusion.prior_files import Description
from vae.diffusion.trainer import PriorReport, PriorTrainer
from vae.diffusion.variational_bound import STEPS, chain_levels, first_step_variance
from vae.errors import describe
from vae.jobs.launch import launch, noting_failed_start
from vae.runs import atomic_files, metrics_log
from vae.runs.folder import Run, RunFolder, load_run
from vae.runs.status import Status

SECONDS_BETWEEN_SAVES = 2.0
CODES_FOR_VARIANCE = 5000


def start_process(run: RunFolder, device: str = "auto") -> subprocess.Popen[bytes]:
    """Train a run's prior in a process of its own, which outlives the one that starts it. Raises `RunError`."""
    folder = PriorFolder.in_training(run)
    folder.queue(run)
    words = ["diffuse", "--queued", "--run", str(run.path.resolve()), "--device", device]
    return launch(words, folder)


def train_prior(
    run: RunFolder,
    config: PriorConfig | None = None,
    *,
    device: str = "auto",
    queued: bool = False,
    on_report: Callable[[PriorReport], None] = lambda report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[PriorFolder, Status]:
    """Train a diffusion prior for a run and put it in the place of an earlier one. Returns where it is and how it ended.

    It stops between two steps when `should_stop()` is true or a watcher asks for it; then an earlier prior stays, and where
    there is none the half-trained one is kept. `queued` says that `PriorFolder.queue` was called already. Raises `RunError`
    when it has a writer already, and whatever made the training fail, after noting it in the folder.
    """
    folder = PriorFolder.in_training(run)
    if not queued:
        folder.queue(run)
    with noting_failed_start(folder), folder.lock():
        status = _Worker(run, folder, config or PriorConfig(), device, on_report, should_stop).work()
    if folder.is_ready(run):  # if this fails it is ready still, and whoever comes next tries again
        folder.replace(run)
    prior = PriorFolder.of(run)
    return (prior if prior.has_denoiser else folder), status


class _Worker:
    def __init__(
        self,
        run: RunFolder,
        folder: PriorFolder,
        config: PriorConfig,
        device: str,
        on_report: Callable[[PriorReport], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.run_folder, self.folder, self.config = run, folder, config
        self.on_report, self.asked_by_caller = on_report, should_stop
        self.asked_device, self.device = device, torch.device("cpu")
        self.last_save = time.monotonic()
        self.status = dataclasses.replace(
            folder.read_status(as_written=True), host=socket.gethostname(), total_steps=config.steps
        )

    def work(self) -> Status:
        try:
            self.device = choose_device(self.asked_device)
            self._note(state="running", device=str(self.device), message="Encoding the training images.")
            run = load_run(self.run_folder.path)
            return self._train(run, codes_of(run))
        except (KeyboardInterrupt, SystemExit):
            self._note(state="stopped", message="Ended at once.", host="")
            raise
        except BaseException as error:
            with contextlib.suppress(Exception):  # a full disk or memory is the very reason, perhaps
                self._note(state="failed", message=describe(error), host="")
            raise

    def _train(self, run: Run, codes: CodeSets) -> Status:
        trainer = PriorTrainer(self.config, codes, len(run.class_names), self.device)
        prior_files.write_codes(self.folder.path / "codes.safetensors", codes)
        self._note(message="")
        for report in trainer.reports(self._stop_is_asked):
            self._publish(report)
            if time.monotonic() - self.last_save > SECONDS_BETWEEN_SAVES:
                self._save(run, trainer, codes)
            per_second = trainer.step / max(report.seconds, 1e-9)
            left = (self.config.steps - trainer.step) / per_second
            speed = per_second * self.config.batch_size
            self._note(step=trainer.step, seconds_left=left, images_per_second=speed)
        if trainer.step < self.config.steps:
            return self._stop(run, trainer, codes)
        self._save(run, trainer, codes)
        self._note(message="Comparing its samples with held-out codes.", seconds_left=0.0)
        self.folder.write_figures(measure(run, trainer.denoiser.cpu(), trainer.standard, codes))
        self._note(state="finished", message="", host="")
        return self.status

    def _stop(self, run: Run, trainer: PriorTrainer, codes: CodeSets) -> Status:
        message = f"Stopped after step {trainer.step:,} of {self.config.steps:,}"
        if PriorFolder.of(self.run_folder).has_denoiser:
            message = f"{message}; the earlier prior stays."
        else:
            message = f"{message}; train again for a better one."
            if trainer.step:
                self._save(run, trainer, codes)
        self._note(state="stopped", message=message, step=trainer.step, host="")
        return self.status

    def _publish(self, report: PriorReport) -> None:
        metrics_log.append(self.folder.metrics_path, report)
        self.on_report(report)

    def _save(self, run: Run, trainer: PriorTrainer, codes: CodeSets) -> None:
        """Description last but for the weights: whoever finds weights finds all that belongs to them."""
        variance = first_variance(trainer, codes)
        classes, latent = len(run.class_names), run.config.model.latent
        prior_files.write_description(
            self.folder.path / "prior.json",
            Description(self.config, latent, classes, trainer.standard, run.step, codes.from_snapshot, variance),
        )
        atomic_files.write_tensors(self.folder.path / "model.safetensors", trainer.denoiser.state_dict(), {})
        self.last_save = time.monotonic()

    def _stop_is_asked(self) -> bool:
        return self.asked_by_caller() or self.folder.stop_is_asked()

    def _note(self, **changes: Any) -> None:
        self.status = dataclasses.replace(self.status, **changes)
        self.folder.write_status(self.status)


def first_variance(trainer: PriorTrainer, codes: CodeSets) -> float:
    """That of the bound's first step, fitted to training codes."""
    generator = torch.Generator().manual_seed(trainer.config.seed)
    u = trainer.standard.to_standard(codes.train.draw(CODES_FOR_VARIANCE, trainer.config.seed))
    denoise = trainer.denoiser.guided()
    on_device = trainer.device

    def denoise_there(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return denoise(x.to(on_device), level.to(on_device)).cpu()

    return first_step_variance(denoise_there, u, chain_levels(STEPS)[0], generator)
