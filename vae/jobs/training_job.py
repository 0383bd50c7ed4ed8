"""The process that trains a run and writes its folder; of several (distributed.py), the one that leads."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator

from vae.config import RunConfig
from vae.data import datasets
from vae.data.datasets import Dataset
from vae.device import choose_device, refusals
from vae.errors import RunError, TrainingError, describe
from vae.jobs.queue import start_when_first
from vae.runs import snapshots
from vae.runs.folder import RunFolder
from vae.runs.status import Status
from vae.training.control import ControlRequest
from vae.training.distributed import Ranks, device_of_rank
from vae.training.report import Report
from vae.training.trainer import Trainer

SECONDS_BETWEEN_STATUSES = 0.5
SECONDS_BETWEEN_TRAINER_STATES = 5.0
SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_HEARTBEATS = 0.1, 2.0


class TrainingJob:
    """Trains a run and keeps its folder up to date: the process that leads, or the only one."""

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
        self.on_report, self.asked_by_caller = on_report, should_stop
        self.control = ControlRequest()
        self.last_status = self.last_trainer_state = self.last_look = -math.inf
        self.checkpoint_step, self.checkpoint_control = -1, self.control
        before = self._read_status()
        self.was_queued = before.state == "queued"
        where, host = ranks.where(self.device), socket.gethostname()
        pace = {"images_per_second": 0.0, "seconds_left": 0.0}  # of this process nothing is known yet
        self.status = dataclasses.replace(before, state="queued", device=where, host=host, message="", **pace)

    def work(self, queue: bool) -> Status:
        """Train to the end or until a stop is asked for, once it is this run's turn, and return how it ended."""
        try:
            with self.ranks.noticing_losses():
                if not self.was_queued:
                    self._forget_requests()  # of a training that was killed
                if queue and not self._wait_for_turn():
                    return self._end("stopped", "Stopped while it was queued.")
                return self._train(Trainer(self.config, self._load(), self.device, self.ranks))
        except (KeyboardInterrupt, SystemExit):
            self._end("stopped", "Ended at once; resume it to go on from the last saved step.")
            raise
        except BaseException as error:
            with contextlib.suppress(Exception):  # a full disk or memory is the very reason, perhaps
                self._end("failed", describe(error))
                self._forget_control()  # what was set by hand may be the reason too
            raise

    def _wait_for_turn(self) -> bool:
        """Wait until no run beside this one is running and none asked earlier; False when asked to stop meanwhile."""
        while not self._stop_is_asked():
            if self.ranks.broadcast(self.ranks.run_on_rank_zero(lambda: start_when_first(self.folder, self.status, self._start))):
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
                self._look_at_once()  # it may have been lengthened while it was evaluated and saved
            stop = self._stop_is_asked()
            self._apply_control(trainer)
            if trainer.finished:
                return self._end("finished", "", trainer)
            if stop:
                break
            if self._pause_is_asked(trainer):
                self._pause(trainer)
        self._checkpoint(trainer)
        return self._end(
            "stopped", f"Stopped after step {trainer.step:,} of {trainer.total_steps:,}; resume it to go on.", trainer
        )

    def _take_steps(self, trainer: Trainer) -> None:
        """Until all is done or something is asked for."""
        began, images_before = time.perf_counter(), trainer.images_seen
        for report in trainer.reports(lambda: self._should_leave(trainer)):
            speed = (trainer.images_seen - images_before) / (time.perf_counter() - began)
            self._publish(report)
            if report.split == "held_out":
                self._save(trainer)
            if report.split == "held_out" or time.monotonic() - self.last_status > SECONDS_BETWEEN_STATUSES:
                self._note(**_progress(trainer, speed))

    def _publish(self, report: Report) -> None:
        self.folder.append_metrics(report)
        self.on_report(report)

    def _restore(self, trainer: Trainer) -> None:
        tensors, numbers = self.ranks.run_on_rank_zero(self._read_trainer) or ({}, None)
        numbers, tensors = self.ranks.broadcast(numbers), self.ranks.broadcast_tensors(tensors)
        if numbers is not None:
            trainer.restore(tensors, numbers)
            self.control = trainer.control
        elif self.config.training.start_from:
            weights = self.ranks.run_on_rank_zero(lambda: self.folder.read_model(self.config)[0].state_dict())
            trainer.model.load_state_dict(self.ranks.broadcast_tensors(weights or {}))
        self._go_on_from(trainer)

    def _read_trainer(self) -> tuple[dict, dict] | None:
        state = self.folder.read_trainer()
        if state is None and self.folder.read_model(self.config)[1] > 0:
            raise TrainingError(f"{self.folder.path} was thinned and has no trainer's state to go on from; start a new run.")
        return state

    def _go_on_from(self, trainer: Trainer) -> None:
        """Take the folder back to where the trainer is: first the weights, as theirs may be a snapshot that is then deleted."""
        if trainer.step == 0 or not self._weights_are_of(trainer.step):
            self._save_as_it_is(trainer)
        self.folder.steer_where_unasked(**self.control.by_hand())
        self.folder.keep_metrics_until(trainer.step)
        self.folder.keep_snapshots_until(trainer.step)

    def _weights_are_of(self, step: int) -> bool:
        """Whether those in the folder are; a training that was killed may have saved them after its trainer's state."""
        try:
            return self.folder.read_model(self.config)[1] == step
        except RunError:  # they are written anew
            return False

    def _save(self, trainer: Trainer, whole: bool = False) -> None:
        """Frame first, weights last: weights on disk always have their snapshot beside them."""
        epoch = math.ceil(trainer.step / trainer.steps_per_epoch)
        self.folder.write_snapshot(snapshots.make(trainer.model, trainer.codes, trainer.held_out.labels, epoch, trainer.step))
        if whole or trainer.finished or time.monotonic() - self.last_trainer_state > SECONDS_BETWEEN_TRAINER_STATES:
            self._save_trainer(trainer)
        self.folder.write_model(trainer.model, trainer.step)

    def _save_trainer(self, trainer: Trainer) -> None:
        self.folder.write_trainer(*trainer.state())
        self.last_trainer_state = time.monotonic()

    def _save_as_it_is(self, trainer: Trainer) -> None:
        """Save all there is, of the weights as they are now."""
        if trainer.step % trainer.steps_per_epoch or trainer.codes is None:
            trainer.evaluate()
        self._save(trainer, whole=True)

    def _look(self) -> None:
        """Learn what is asked for; all ranks learn it at the same step."""
        self._read_control()
        if self.ranks.size > 1:
            self.control = ControlRequest.from_dict(self.ranks.broadcast(self.control.to_dict()))

    def _look_at_once(self) -> None:
        self.last_look = -math.inf
        self._look()

    def _read_control(self) -> None:
        """Read what is asked for, a few times a second, and let nobody doubt that this goes on where reports are rare."""
        if time.monotonic() - self.last_look < SECONDS_BETWEEN_LOOKS:
            return
        if time.monotonic() - self.last_status > SECONDS_BETWEEN_HEARTBEATS:
            self._note()
        self.last_look = time.monotonic()
        try:
            self.control, notice = self.folder.read_control(), self.about_device
        except RunError as error:
            notice = str(error)
        if notice != self.status.notice:
            self._note(notice=notice)

    def _stop_is_asked(self) -> bool:
        self._look()
        return self.ranks.any(self.control.stop or self.asked_by_caller())

    def _pause_is_asked(self, trainer: Trainer) -> bool:
        return self.control.pause_at is not None and trainer.step >= self.control.pause_at

    def _should_leave(self, trainer: Trainer) -> bool:
        if trainer.step % self.ranks.steps_between_talks:
            return self._pause_is_asked(trainer)
        return self._stop_is_asked() or self._pause_is_asked(trainer) or self.control != trainer.control

    def _apply_control(self, trainer: Trainer) -> None:
        """Let the trainer take what is asked for, and write down what it is about to do differently."""
        report = trainer.steer(self.control)
        if report is not None:
            self._publish(report)
        if trainer.config != self.config:
            self.config = trainer.config
            self._rewrite_config()
            self._note(total_steps=trainer.total_steps)

    def _rewrite_config(self) -> None:
        self.folder.rewrite_config(self.config)

    def _pause(self, trainer: Trainer) -> None:
        """Save all there is and wait until something else is asked for; beta and the learning rate may change meanwhile."""
        report = trainer.report_so_far()
        if report is not None:
            self._publish(report)  # who steps batch by batch wants to see each on the curves
        self._note(state="paused", **_progress(trainer, self.status.images_per_second))
        self._checkpoint(trainer)
        while self._pause_is_asked(trainer) and not self._stop_is_asked():
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if self.control != trainer.control:
                self._apply_control(trainer)
                self._checkpoint(trainer)
        self._note(state="running")

    def _checkpoint(self, trainer: Trainer) -> None:
        """A snapshot, weights and all that resuming needs, as of the step the trainer is at and of what is set by hand."""
        if self.checkpoint_step != trainer.step:
            trainer.check_weights()
            self._save_as_it_is(trainer)
        elif trainer.control.words(self.checkpoint_control):
            self._save_trainer(trainer)
        self.checkpoint_step, self.checkpoint_control = trainer.step, trainer.control

    def _note(self, **changes: object) -> None:
        self.status = dataclasses.replace(self.status, **changes)
        self._write_status()
        self.last_status = time.monotonic()

    def _end(self, state: str, message: str, trainer: Trainer | None = None) -> Status:
        progress = {"epoch": trainer.epoch, "step": trainer.step} if trainer else {}
        self._note(state=state, message=message, seconds_left=0.0, host="", **progress)
        self._forget_requests()
        return self.status

    def _read_status(self) -> Status:
        return self.folder.read_status(as_written=True)

    def _write_status(self) -> None:
        self.folder.write_status(self.status)

    def _forget_requests(self) -> None:
        self.folder.forget_requests()

    def _forget_control(self) -> None:
        self.folder.forget_control()

    @contextlib.contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Keep the status fresh while a data set takes its time, and nobody looks at what is asked for."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(SECONDS_BETWEEN_HEARTBEATS):
                with contextlib.suppress(RunError):
                    self._write_status()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _progress(trainer: Trainer, images_per_second: float) -> dict:
    images_left = trainer.images_in_all - trainer.images_seen
    return {
        "epoch": trainer.epoch,
        "step": trainer.step,
        "total_steps": trainer.total_steps,
        "images_per_second": images_per_second,
        "seconds_left": images_left / images_per_second if images_per_second else 0.0,
    }
