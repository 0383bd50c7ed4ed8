"""Where a training stands, and what is reported of its steps."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator

import torch

from vae.config import RunConfig
from vae.errors import TrainingError
from vae.training.control import ControlRequest
from vae.training.distributed import Ranks
from vae.training.report import Report
from vae.training.schedules import beta_at, learning_rate_at
from vae.training.step_metrics import StepTerms

REPORTS_PER_EPOCH = 100
SECONDS_BETWEEN_READS = 0.5
"""Of the terms from a GPU, which has nothing to do while the host waits for it."""

LENGTHENED = "lengthened here"
"""How a report begins that tells of nothing but more epochs."""

ADVICE = "the learning rate may be too high for this model."


class Progress:
    """How far a training of so many `images` is, by `config`, and its reports; `control` is what is set by hand.

    Reports are made every so many steps, and read from the device together when `seconds_between_reads` have passed, at the
    end of an epoch and on leaving: that changes when they come, not what they say. By default a GPU is read twice a second
    and a CPU at every report.
    """

    def __init__(
        self, config: RunConfig, images: int, device: torch.device, ranks: Ranks, seconds_between_reads: float | None
    ) -> None:
        self.config, self.images, self.ranks = config, images, ranks
        self.steps_per_epoch = math.ceil(images / config.training.batch_size)
        self.report_every = config.training.report_every or max(1, self.steps_per_epoch // REPORTS_PER_EPOCH)
        self.step, self.seconds = 0, 0.0
        self.control = self._told = ControlRequest()  # what is asked for, and what of it the reports tell
        self._told_epochs = config.training.epochs  # the length that the reports tell
        self._terms = StepTerms(self.steps_per_epoch, device, ranks)
        self._reported = 0  # how many of this epoch's steps are reported
        self._read_at = (0, 0.0)  # the place in this epoch and the seconds of the last read
        alone_on_gpu = device.type == "cuda" and ranks.size == 1  # several have to read at the same steps
        default = SECONDS_BETWEEN_READS if alone_on_gpu else 0.0
        self.seconds_between_reads = default if seconds_between_reads is None else seconds_between_reads

    @property
    def total_steps(self) -> int:
        """How many steps the whole run takes."""
        return self.steps_per_epoch * self.config.training.epochs

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return self.step // self.steps_per_epoch

    @property
    def images_seen(self) -> int:
        """How many training images went through so far, each epoch counted anew."""
        place = self.step % self.steps_per_epoch
        return self.epoch * self.images + place * self.config.training.batch_size

    @property
    def images_in_all(self) -> int:
        """How many training images the whole run is to see."""
        return self.config.training.epochs * self.images

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.step >= self.total_steps

    def report_so_far(self) -> Report | None:
        """On the steps since the last report, if there are any."""
        place = self.step % self.steps_per_epoch
        if place == self._reported:
            return None
        self._fetch(place)
        return self._steps_report(place, self.step, self.seconds)

    def _ends_report(self, last: int) -> bool:
        """Whether a report ends after `last` steps of an epoch."""
        return last % self.report_every == 0 or last == self.steps_per_epoch

    def _read_is_due(self, last: int) -> bool:
        waited = self.seconds - self._read_at[1] >= self.seconds_between_reads
        return last == self.steps_per_epoch or (waited and self._ends_report(last))

    def _read(self, place: int) -> Iterator[Report]:
        """Wait for this epoch's first `place` steps, and report on whatever is due of them.

        A device works while the host has long gone on, so the seconds since the last read are spread evenly.
        """
        first, seconds = self._read_at
        self._fetch(place)
        pace = (self.seconds - seconds) / max(place - first, 1)
        self._read_at = (place, self.seconds)
        for last in filter(self._ends_report, range(self._reported + 1, place + 1)):
            yield self._steps_report(last, self.step - place + last, self.seconds - pace * (place - last))

    def _fetch(self, place: int) -> None:
        began = time.perf_counter()
        self._terms.fetch(place)
        self.seconds += time.perf_counter() - began
        bad = self._terms.first_not_finite(self._reported, place)
        if bad is not None:
            raise TrainingError(f"The loss is not finite at step {self.step - place + bad + 1:,}; {ADVICE}")

    def _steps_report(self, last: int, step: int, seconds: float) -> Report:
        report = self._train_report("steps", self._reported, last, step, seconds)
        report = dataclasses.replace(report, steered=self._changes())
        self._reported, self._told, self._told_epochs = last, self.control, self.config.training.epochs
        return report

    def _changes(self) -> str:
        """What was changed by hand since the last report, in words for the curves."""
        epochs = self.config.training.epochs
        longer = f"{LENGTHENED} to {epochs:,} epochs" if epochs > self._told_epochs else ""
        return ", ".join(filter(None, [self.control.words(self._told), longer]))

    def _train_report(self, scope: str, first: int, last: int, step: int, seconds: float) -> Report:
        """The training terms of this epoch's steps `first` to `last`, each step weighted by its number of images."""
        size = self.config.training.batch_size
        counts = torch.tensor([min(size, self.images - place * size) for place in range(first, last)])
        return self._report("train", scope, step, seconds, *self._terms.mean(first, last, counts))

    def _report(self, split: str, scope: str, step: int, seconds: float, reconstruction: float, kl: float) -> Report:
        epoch, last = math.ceil(step / self.steps_per_epoch), max(step - 1, 0)
        return Report(split, scope, epoch, step, reconstruction, kl, *self._settings_at(last), seconds)

    def _settings_at(self, step: int) -> tuple[float, float]:
        """Beta and the learning rate of a step: by their schedules, unless they are set by hand."""
        by_hand, asked = self.control, self.config.training
        beta = beta_at(step, self.total_steps, asked) if by_hand.beta is None else by_hand.beta
        rate = by_hand.learning_rate
        return beta, learning_rate_at(step, self.total_steps, asked) if rate is None else rate
