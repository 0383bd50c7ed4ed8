"""The training loop: yields reports, knows no screen and no disk layout.

for report in Trainer(RunConfig(dataset="digits"), data.load("digits")).reports():
    print(report.split, report.elbo)
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vae.config import RunConfig
from vae.data import Dataset, Split
from vae.errors import ConfigError, TrainingError
from vae.latent import Codes, encode_images
from vae.model import VAE, build_model
from vae.report import Report
from vae.schedule import beta_at, learning_rate_at
from vae.steering import BY_HAND, Steering
from vae.stepping import Stepper

REPORTS_PER_EPOCH = 100

_ADVICE = "the learning rate may be too high for this model."


class Trainer:
    """Trains one VAE on one device, step by step, and can be saved and restored between any two steps.

    The same configuration and seed on the same machine's CPU give the same reports. `model` is what is being trained;
    `codes` are the held-out images' posteriors and terms as of the last finished epoch.
    """

    def __init__(self, config: RunConfig, dataset: Dataset, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.train_split: Split = dataset.train.to(self.device)
        self.held_out: Split = dataset.held_out.to(self.device)
        self.steps_per_epoch = math.ceil(len(self.train_split) / config.training.batch_size)
        self.report_every = config.training.report_every or max(1, self.steps_per_epoch // REPORTS_PER_EPOCH)
        self.model: VAE = build_model(config.model, config.training.seed).to(self.device)
        if config.model.architecture == "conv":
            self.model.to(memory_format=torch.channels_last)  # about 1.5 times as fast on a CPU
        self.stepper = Stepper(self.model, self.train_split.images, config.training)
        self.noise = torch.Generator(device=self.device).manual_seed(config.training.seed)
        self.steering = Steering()
        self.step = 0
        self.seconds = 0.0
        self.codes: Codes | None = None
        self._terms = torch.zeros(self.steps_per_epoch, 2, device=self.device)  # of this epoch's steps so far
        self._reported = 0  # how many of them are reported
        self._steered = ""  # what was changed by hand before the next step

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
        return self.epoch * len(self.train_split) + place * self.config.training.batch_size

    @property
    def images_in_all(self) -> int:
        """How many training images the whole run is to see."""
        return self.config.training.epochs * len(self.train_split)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.step >= self.total_steps

    def reports(self, should_leave: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Train to the end, or until `should_leave()` is true between two steps, and yield reports on the way.

        Ask again to go on from there. Raises `TrainingError` at the first step whose loss is not finite, and when the
        weights are not finite at the end of an epoch.
        """
        while not self.finished:
            order = self._order_of_epoch(self.epoch)
            for place in range(self.step % self.steps_per_epoch, self.steps_per_epoch):
                if should_leave():
                    return
                began = time.perf_counter()
                self._take_step(place, order)
                due = (place + 1) % self.report_every == 0 or place + 1 == self.steps_per_epoch
                if due:
                    self._check_finite(place + 1)  # reads the terms back, so the clock sees the device's work
                self.seconds += time.perf_counter() - began
                if due:
                    yield self._steps_report(place + 1)
            self._reported = 0
            self.check_weights()
            yield self._train_report("epoch", 0, self.steps_per_epoch)
            yield self.evaluate()

    def steer(self, steering: Steering) -> Report | None:
        """Take another beta or learning rate from the next step on, or another length.

        Returns the report on the steps since the last one, so that no report mixes what was before and after.
        """
        words = steering.words(self.steering)
        report = self.report_so_far() if words else None
        if words:
            self._steered = ", ".join(filter(None, [self._steered, words]))
        self.steering = steering
        if steering.epochs is not None:
            self.lengthen(steering.epochs)
        return report

    def lengthen(self, epochs: int) -> None:
        """Train for `epochs` in all, where that is longer; schedules are stretched over the new length."""
        if epochs > self.config.training.epochs:
            self.config = dataclasses.replace(
                self.config, training=dataclasses.replace(self.config.training, epochs=epochs)
            )

    def evaluate(self) -> Report:
        """Encode the held-out images, keep their `codes` and report their terms. Not counted in `seconds`."""
        self.model.eval()
        self.codes = encode_images(self.model, self.held_out.images, self.config.training.seed)
        terms = self.codes.terms
        means = (terms.reconstruction.cpu().double().mean().item(), terms.kl.cpu().double().mean().item())
        if not all(map(math.isfinite, means)):
            raise TrainingError(f"The held-out terms are not finite after step {self.step:,}; {_ADVICE}")
        return self._report("held_out", "epoch", self.step, *means)

    def check_weights(self) -> None:
        """Raise `TrainingError` unless every weight is finite."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise TrainingError(f"The weights are no longer finite after step {self.step:,}; {_ADVICE}")

    def _order_of_epoch(self, epoch: int) -> Tensor:
        """The training images in an order that depends on seed and epoch alone, so that resuming needs no memory of it."""
        generator = torch.Generator().manual_seed(self.config.training.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.train_split), generator=generator).to(self.device)

    def _take_step(self, place: int, order: Tensor) -> None:
        size = self.config.training.batch_size
        index = order[place * size : (place + 1) * size]
        epsilon = torch.randn(len(index), self.config.model.latent, generator=self.noise, device=self.device)
        self._terms[place] = self.stepper.take(index, epsilon, self._beta(self.step), self._learning_rate(self.step))
        self.step += 1

    def _beta(self, step: int) -> float:
        by_hand = self.steering.beta
        return beta_at(step, self.total_steps, self.config.training) if by_hand is None else by_hand

    def _learning_rate(self, step: int) -> float:
        by_hand = self.steering.learning_rate
        return learning_rate_at(step, self.total_steps, self.config.training) if by_hand is None else by_hand

    def _check_finite(self, last: int) -> None:
        bad = (~self._terms[self._reported : last].isfinite()).any(1).nonzero()
        if len(bad):
            step = self.step - (last - self._reported) + int(bad[0]) + 1
            raise TrainingError(f"The loss is not finite at step {step:,}; {_ADVICE}")

    def report_so_far(self) -> Report | None:
        """On the steps since the last report, if there are any."""
        place = self.step % self.steps_per_epoch
        if place == self._reported:
            return None
        self._check_finite(place)
        return self._steps_report(place)

    def _steps_report(self, last: int) -> Report:
        report = dataclasses.replace(self._train_report("steps", self._reported, last), steered=self._steered)
        self._reported, self._steered = last, ""
        return report

    def _train_report(self, scope: str, first: int, last: int) -> Report:
        """The training terms of this epoch's steps `first` to `last`, each step weighted by its number of images."""
        size = self.config.training.batch_size
        counts = torch.tensor([min(size, len(self.train_split) - place * size) for place in range(first, last)])
        weights = (counts / counts.sum()).double()
        reconstruction, kl = (weights @ self._terms[first:last].cpu().double()).tolist()
        return self._report("train", scope, self.step, reconstruction, kl)

    def _report(self, split: str, scope: str, step: int, reconstruction: float, kl: float) -> Report:
        epoch, last = math.ceil(step / self.steps_per_epoch), max(step - 1, 0)
        beta, rate = self._beta(last), self._learning_rate(last)
        return Report(split, scope, epoch, step, reconstruction, kl, beta, rate, self.seconds)

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Whatever resuming exactly needs: named tensors, and named numbers."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, state in self.stepper.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
        tensors |= {"noise": self.noise.get_state(), "terms": self._terms}
        by_hand = {name: getattr(self.steering, name) for name in BY_HAND}
        numbers = {name: value for name, value in by_hand.items() if value is not None}
        return tensors, numbers | {"step": self.step, "reported": self._reported, "seconds": self.seconds}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave, as if never stopped.

        Raises `TrainingError` when the state is of another model or another data set.
        """
        try:
            self.model.load_state_dict(_under("model.", tensors))
            optimiser = self.stepper.optimiser.state_dict()
            for name, value in _under("optimiser.", tensors).items():
                index, part = name.split(".")
                optimiser["state"].setdefault(int(index), {})[part] = value
            self.stepper.optimiser.load_state_dict(optimiser)
            self.noise.set_state(tensors["noise"].cpu())
            self._terms.copy_(tensors["terms"])
            self.step, self.seconds = int(numbers["step"]), float(numbers["seconds"])
            place = self.step % self.steps_per_epoch
            self._reported = int(numbers.get("reported", place - place % self.report_every))
            self.steering = Steering(**{name: numbers.get(name) for name in BY_HAND})
        except (KeyError, ValueError, RuntimeError, TypeError, ConfigError) as error:
            raise TrainingError("The trainer's state does not fit this model and data set; start a new run.") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
