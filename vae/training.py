"""The training loop: yields reports, knows no screen and no disk layout.

for report in Trainer(RunConfig(dataset="digits"), data.load("digits")).reports():
    print(report.split, report.elbo)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.config import RunConfig, TrainingConfig
from vae.data import SIZES, Dataset, Split, pixels
from vae.elbo import one_sample_terms
from vae.errors import ConfigError, TrainingError
from vae.latent import Codes, encode_images
from vae.model import IMAGE_SHAPE, VAE, build_model

REPORTS_PER_EPOCH = 100
SECONDS_TO_SAVE = 0.05
"""What writing weights and a frame takes after each epoch, roughly."""

_ADVICE = "the learning rate may be too high for this model."


@dataclass(frozen=True)
class Report:
    """The terms in nats per image, averaged over some images.

    `scope` is `steps` for the training images since the last report, seen by changing weights, and `epoch` for a whole
    split: the training images as they were seen during the epoch, the held-out images by the weights at its end.
    `epoch` counts from 1, `step` is how many optimiser steps were taken since the run began, `seconds` how long they took.
    """

    split: str
    scope: str
    epoch: int
    step: int
    reconstruction: float
    kl: float
    beta: float
    learning_rate: float
    seconds: float

    @property
    def elbo(self) -> float:
        """reconstruction - KL, in nats per image."""
        return self.reconstruction - self.kl


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes CUDA, then Apple's MPS, then the CPU. Raises `ConfigError`."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available.get(name.split(":")[0], False):
        there = ", ".join(device for device, present in available.items() if present)
        raise ConfigError(f"The device {name!r} is not available here; choose auto or one of {there}.")
    return torch.device(name)


def learning_rate_at(step: int, steps: int, config: TrainingConfig) -> float:
    """The learning rate of step 0 <= `step` < `steps`.

    `one-cycle` (Smith and Topin 2017, arXiv 1708.07120) rises from a 25th of the peak along half a cosine over 30 % of
    all steps, then falls to a 250,000th of it along another, as torch.optim.lr_scheduler.OneCycleLR does.
    """
    if config.schedule == "constant":
        return config.learning_rate
    peak, start, end = config.learning_rate, config.learning_rate / 25, config.learning_rate / 250_000
    top = max(0.3 * steps - 1, 1e-9)
    if step <= top:
        return _cosine(start, peak, step / top)
    return _cosine(peak, end, (step - top) / max(steps - 1 - top, 1e-9))


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


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
        self.total_steps = self.steps_per_epoch * config.training.epochs
        self.report_every = config.training.report_every or max(1, self.steps_per_epoch // REPORTS_PER_EPOCH)
        self.model: VAE = build_model(config.model, config.training.seed).to(self.device)
        if config.model.architecture == "conv":
            self.model.to(memory_format=torch.channels_last)  # about 1.5 times as fast on a CPU
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.training.learning_rate,
            weight_decay=config.training.weight_decay,  # with none, AdamW is Adam
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.noise = torch.Generator(device=self.device).manual_seed(config.training.seed)
        self.step = 0
        self.seconds = 0.0
        self.codes: Codes | None = None
        self._terms = torch.zeros(self.steps_per_epoch, 2, device=self.device)  # of this epoch's steps so far

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

    def reports(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Train to the end, or until `should_stop()` is true between two steps, and yield reports on the way.

        Raises `TrainingError` at the first step whose loss is not finite, and when the weights are not finite at the end
        of an epoch.
        """
        while not self.finished:
            order = self._order_of_epoch(self.epoch)
            for place in range(self.step % self.steps_per_epoch, self.steps_per_epoch):
                if should_stop():
                    return
                began = time.perf_counter()
                self._take_step(place, order)
                due = (place + 1) % self.report_every == 0 or place + 1 == self.steps_per_epoch
                if due:
                    self._check_finite(place)  # reads the terms back, so the clock sees the device's work
                self.seconds += time.perf_counter() - began
                if due:
                    yield self._train_report("steps", place - place % self.report_every, place + 1)
            self.check_weights()
            yield self._train_report("epoch", 0, self.steps_per_epoch)
            yield self.evaluate()

    def evaluate(self) -> Report:
        """Encode the held-out images, keep their `codes` and report their terms. Not counted in `seconds`."""
        self.model.eval()
        self.codes = encode_images(self.model, self.held_out.images, self.config.training.seed)
        terms = self.codes.terms
        means = (terms.reconstruction.cpu().double().mean().item(), terms.kl.cpu().double().mean().item())
        if not all(map(math.isfinite, means)):
            raise TrainingError(f"The held-out terms are not finite after step {self.step:,}; {_ADVICE}")
        return self._report("held_out", "epoch", *means)

    def check_weights(self) -> None:
        """Raise `TrainingError` unless every weight is finite."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise TrainingError(f"The weights are no longer finite after step {self.step:,}; {_ADVICE}")

    def _order_of_epoch(self, epoch: int) -> Tensor:
        """The training images in an order that depends on seed and epoch alone, so that resuming needs no memory of it."""
        generator = torch.Generator().manual_seed(self.config.training.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.train_split), generator=generator).to(self.device)

    def _take_step(self, place: int, order: Tensor) -> None:
        training = self.config.training
        index = order[place * training.batch_size : (place + 1) * training.batch_size]
        images = pixels(self.train_split.images[index])
        epsilon = torch.randn(len(index), self.config.model.latent, generator=self.noise, device=self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(self.step, self.total_steps, training)
        self.model.train()
        terms = one_sample_terms(self.model, images, epsilon)
        loss = -terms.objective(training.beta).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if training.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), training.clip_norm)
        self.optimiser.step()
        self._terms[place, 0] = terms.reconstruction.detach().mean()
        self._terms[place, 1] = terms.kl.detach().mean()
        self.step += 1

    def _check_finite(self, place: int) -> None:
        first = place - place % self.report_every
        bad = (~self._terms[first : place + 1].isfinite()).any(1).nonzero()
        if len(bad):
            step = self.step - (place - first) + int(bad[0])
            raise TrainingError(f"The loss is not finite at step {step:,}; {_ADVICE}")

    def _train_report(self, scope: str, first: int, last: int) -> Report:
        """The training terms of this epoch's steps `first` to `last`, each step weighted by its number of images."""
        size = self.config.training.batch_size
        counts = torch.tensor([min(size, len(self.train_split) - place * size) for place in range(first, last)])
        weights = (counts / counts.sum()).double()
        reconstruction, kl = (weights @ self._terms[first:last].cpu().double()).tolist()
        return self._report("train", scope, reconstruction, kl)

    def _report(self, split: str, scope: str, reconstruction: float, kl: float) -> Report:
        training = self.config.training
        rate = learning_rate_at(max(self.step - 1, 0), self.total_steps, training)
        epoch = math.ceil(self.step / self.steps_per_epoch)
        return Report(split, scope, epoch, self.step, reconstruction, kl, training.beta, rate, self.seconds)

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Whatever resuming exactly needs: named tensors, and named numbers."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
        tensors |= {"noise": self.noise.get_state(), "terms": self._terms}
        return tensors, {"step": self.step, "seconds": self.seconds}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave, as if never stopped.

        Raises `TrainingError` when the state is of another model or another data set.
        """
        try:
            self.model.load_state_dict(_under("model.", tensors))
            optimiser = self.optimiser.state_dict()
            for name, value in _under("optimiser.", tensors).items():
                index, part = name.split(".")
                optimiser["state"].setdefault(int(index), {})[part] = value
            self.optimiser.load_state_dict(optimiser)
            self.noise.set_state(tensors["noise"].cpu())
            self._terms.copy_(tensors["terms"])
            self.step, self.seconds = int(numbers["step"]), float(numbers["seconds"])
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise TrainingError("The trainer's state does not fit this model and data set; start a new run.") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def estimate_seconds(config: RunConfig, device: torch.device | str, probe_seconds: float = 0.4) -> float:
    """About how long a training will take on this machine, measured on random images; getting the data set not counted."""
    train_images, held_out_images = SIZES[config.dataset]
    size = min(config.training.batch_size, train_images)
    noise = Split(torch.randint(0, 256, (size, *IMAGE_SHAPE), dtype=torch.uint8), torch.zeros(size, dtype=torch.long))
    trainer = Trainer(config, Dataset(config.dataset, noise, noise, ()), device)
    order = torch.arange(size, device=trainer.device)

    def seconds_of(work: Callable[[], object]) -> float:
        work()  # the first time is no measure
        began, times = time.perf_counter(), 0
        while time.perf_counter() - began < probe_seconds / 2:
            work()
            times += 1
        return (time.perf_counter() - began) / times

    def take_step() -> None:
        trainer._take_step(0, order)
        trainer._terms.cpu()  # waits for the device
        trainer.step = 0

    steps = math.ceil(train_images / config.training.batch_size)
    per_epoch = steps * seconds_of(take_step) + held_out_images / size * seconds_of(trainer.evaluate)
    return config.training.epochs * (per_epoch + SECONDS_TO_SAVE)
