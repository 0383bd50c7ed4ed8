"""The process that trains a run: its turn, its steps, its pauses, its end. Of several (distributed.py) each has one."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from vae.config import RunConfig
from vae.data import datasets
from vae.data.datasets import Dataset
from vae.device import choose_device, refusals
from vae.errors import RunError, TrainingError, describe
from vae.jobs.control_watch import SECONDS_BETWEEN_LOOKS, ControlWatch
from vae.jobs.queue import start_when_first
from vae.jobs.run_writer import NullWriter, RunWriter
from vae.runs.folder import RunFolder
from vae.runs.status import Status
from vae.training.control import ControlRequest
from vae.training.distributed import Ranks, device_of_rank
from vae.training.report import Report
from vae.training.trainer import Trainer

SECONDS_BETWEEN_STATUSES = 0.5
SECONDS_BETWEEN_HEARTBEATS = 2.0


class TrainingJob:
    """Trains a run; the first rank keeps its folder up to date."""

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        device: str,
        on_report: Callable[[Report], None],
        should_stop: Callable[[], bool],
        ranks: Ranks,
    ) -> None:
        self.folder, self.config, self.ranks = folder, config, ranks
        self.device = device_of_rank(choose_device(device))
        self.about_device = " ".join(refusals()) if device == "auto" else ""
        self.writer: RunWriter | NullWriter = RunWriter(folder, on_report) if ranks.is_rank_zero else NullWriter()
        self.control = ControlWatch(self.writer.read_control, self._hear, should_stop, ranks)
        self.last_status = -math.inf
        self.checkpoint_step, self.checkpoint_control = -1, ControlRequest()
        before = self.writer.read_status()
        self.was_queued = before.state == "queued"
        where, host = ranks.where(self.device), socket.gethostname()
        pace: dict[str, Any] = {"images_per_second": 0.0, "seconds_left": 0.0}  # of this process nothing is known yet
        self.status = dataclasses.replace(before, state="queued", device=where, host=host, message="", **pace)

    def work(self, queue: bool) -> Status:
        """Train to the end or until a stop is asked for, once it is this run's turn, and return how it ended."""
        try:
            with self.ranks.noticing_losses():
                if not self.was_queued:
                    self.writer.forget_requests()  # of a training that was killed
                if queue and not self._wait_in_queue():
                    return self._end("stopped", "Stopped while it was queued.")
                return self._train(Trainer(self.config, self._load(), self.device, self.ranks))
        except (KeyboardInterrupt, SystemExit):
            self._end("stopped", "Ended at once; resume it to go on from the last saved step.")
            raise
        except BaseException as error:
            with contextlib.suppress(Exception):  # a full disk or memory is the very reason, perhaps
                self._end("failed", describe(error))
                self.writer.forget_control()  # what was set by hand may be the reason too
            raise

    def _wait_in_queue(self) -> bool:
        """Wait until no run beside this one is running and none asked earlier; False when asked to stop meanwhile."""
        while not self.control.stop_is_asked():
            first = self.ranks.run_on_rank_zero(lambda: start_when_first(self.folder, self.status, self._start))
            if self.ranks.broadcast(first):
                return True
            time.sleep(0.3)
        return False

    def _start(self) -> None:
        self._note(state="running", message=f"Getting the data set {self.config.dataset}.")

    def _load(self) -> Dataset:
        """The data set. The first rank fetches it, and so does the first one on every other machine."""
        name, held_out, ranks = self.config.dataset, self.config.held_out, self.ranks
        self._start()
        with self._heartbeat():
            dataset = ranks.run_on_rank_zero(lambda: datasets.load(name, held_out, download=True))
            return dataset or datasets.load(name, held_out, download=ranks.first_here)

    def _train(self, trainer: Trainer) -> Status:
        self._restore(trainer)
        self._note(state="running", message="", total_steps=trainer.total_steps)
        while True:
            self._take_steps(trainer)
            if trainer.finished:
                self.control.look(at_once=True)  # it may have been lengthened while it was evaluated and saved
            stop = self.control.stop_is_asked()
            self._apply_control(trainer)
            if trainer.finished:
                return self._end("finished", "", trainer)
            if stop:
                break
            if self.control.pause_is_asked(trainer):
                self._pause(trainer)
        self._checkpoint(trainer)
        return self._end(
            "stopped", f"Stopped after step {trainer.step:,} of {trainer.total_steps:,}; resume it to go on.", trainer
        )

    def _take_steps(self, trainer: Trainer) -> None:
        """Until all is done or something is asked for."""
        began, images_before = time.perf_counter(), trainer.images_seen
        for report in trainer.reports(lambda: self.control.should_leave(trainer)):
            speed = (trainer.images_seen - images_before) / (time.perf_counter() - began)
            self.writer.publish(report)
            if report.split == "held_out":
                self.writer.save(trainer)
            if report.split == "held_out" or time.monotonic() - self.last_status > SECONDS_BETWEEN_STATUSES:
                self._note(**_progress(trainer, speed))

    def _restore(self, trainer: Trainer) -> None:
        """Let the trainer go on from what the folder has, or from the weights of the run that it starts from."""
        tensors, numbers = self.ranks.run_on_rank_zero(lambda: _read_trainer(self.folder, self.config)) or ({}, None)
        numbers, tensors = self.ranks.broadcast(numbers), self.ranks.broadcast_tensors(tensors)
        if numbers is not None:
            trainer.restore(tensors, numbers)
            self.control.request = trainer.control
        elif self.config.training.start_from:
            weights = self.ranks.run_on_rank_zero(lambda: self.folder.read_model(self.config)[0].state_dict())
            trainer.model.load_state_dict(self.ranks.broadcast_tensors(weights or {}))
        self.writer.go_back_to(trainer, self.control.request)

    def _apply_control(self, trainer: Trainer) -> None:
        """Let the trainer take what is asked for, and write down what it is about to do differently."""
        report = trainer.steer(self.control.request)
        if report is not None:
            self.writer.publish(report)
        if trainer.config != self.config:
            self.config = trainer.config
            self.writer.rewrite_config(self.config)
            self._note(total_steps=trainer.total_steps)

    def _pause(self, trainer: Trainer) -> None:
        """Save all there is and wait until something else is asked for; beta and the learning rate may change meanwhile."""
        report = trainer.report_so_far()
        if report is not None:
            self.writer.publish(report)  # who steps batch by batch wants to see each on the curves
        self._note(state="paused", **_progress(trainer, self.status.images_per_second))
        self._checkpoint(trainer)
        while self.control.pause_is_asked(trainer) and not self.control.stop_is_asked():
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if self.control.request != trainer.control:
                self._apply_control(trainer)
                self._checkpoint(trainer)
        self._note(state="running")

    def _checkpoint(self, trainer: Trainer) -> None:
        """A snapshot, weights and all that resuming needs, as of the step the trainer is at and of what is set by hand."""
        if self.checkpoint_step != trainer.step:
            trainer.check_weights()
            self.writer.save_as_it_is(trainer)
        elif trainer.control.words(self.checkpoint_control):
            self.writer.save_trainer(trainer)
        self.checkpoint_step, self.checkpoint_control = trainer.step, trainer.control

    def _hear(self, problem: str) -> None:
        """Say what is wrong with what is asked for; and let nobody doubt that this goes on where reports are rare."""
        notice = problem or self.about_device
        if notice != self.status.notice or time.monotonic() - self.last_status > SECONDS_BETWEEN_HEARTBEATS:
            self._note(notice=notice)

    def _note(self, **changes: Any) -> None:
        self.status = dataclasses.replace(self.status, **changes)
        self.writer.write_status(self.status)
        self.last_status = time.monotonic()

    def _end(self, state: str, message: str, trainer: Trainer | None = None) -> Status:
        progress = {"epoch": trainer.epoch, "step": trainer.step} if trainer else {}
        self._note(state=state, message=message, seconds_left=0.0, host="", **progress)
        self.writer.forget_requests()
        return self.status

    @contextlib.contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Keep the status fresh while a data set takes its time, and nobody looks at what is asked for."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(SECONDS_BETWEEN_HEARTBEATS):
                with contextlib.suppress(RunError):
                    self.writer.write_status(self.status)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _progress(trainer: Trainer, images_per_second: float) -> dict[str, Any]:
    images_left = trainer.images_in_all - trainer.images_seen
    return {
        "epoch": trainer.epoch,
        "step": trainer.step,
        "total_steps": trainer.total_steps,
        "images_per_second": images_per_second,
        "seconds_left": images_left / images_per_second if images_per_second else 0.0,
    }


def _read_trainer(folder: RunFolder, config: RunConfig) -> tuple[dict[str, Tensor], dict[str, float]] | None:
    state = folder.read_trainer()
    if state is None and folder.read_model(config)[1] > 0:
        raise TrainingError(f"{folder.path} was thinned and has no trainer's state to go on from; start a new run.")
    return state
