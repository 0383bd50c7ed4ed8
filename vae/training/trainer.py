"""The training loop: yields reports, knows no screen and no disk layout.

for report in Trainer(RunConfig(dataset="digits"), datasets.load("digits")).reports():
    print(report.split, report.elbo)
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from vae.config import RunConfig
from vae.data.datasets import Dataset, Split, as_trained_on
from vae.errors import ConfigError, TrainingError
from vae.model.autoencoder import VAE, build_model
from vae.model.inference import Codes, encode_images
from vae.model.lattice_encoder import refresh_is_due, refreshes_before
from vae.training.control import BY_HAND, ControlRequest
from vae.training.cuda_graph import stepper_for
from vae.training.distributed import SOLO, Ranks
from vae.training.progress import ADVICE, Progress
from vae.training.report import Report

Value = TypeVar("Value")

TOLD = "told."
"""Begins the names of the numbers in a trainer's state that say what the reports tell of what was set by hand."""


class Trainer(Progress):
    """Trains one VAE on one device, step by step, and can be saved and restored between any two steps.

    The same configuration and seed on the same machine's CPU give the same reports. `model` is what is being trained;
    `codes` are the held-out images' posteriors and terms as of the last finished epoch. With several `ranks` each process
    has a trainer of its own, all take the same steps on shares of the same batches, and the first one alone evaluates.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        device: torch.device | str = "cpu",
        ranks: Ranks = SOLO,
        seconds_between_reads: float | None = None,
    ) -> None:
        self.device = torch.device(device)
        dataset = as_trained_on(dataset, config.training.binarise)
        self.train_split: Split = dataset.train.to(self.device)
        self.held_out: Split = dataset.held_out.to(self.device)
        super().__init__(config, len(self.train_split), self.device, ranks, seconds_between_reads)
        self.model: VAE = build_model(config.model, config.training.seed).to(self.device)
        if config.model.architecture == "conv":
            self.model.to(memory_format=torch.channels_last)  # about 1.5 times as fast on a CPU
        self.stepper = stepper_for(self.model, self.train_split.images, config.training, ranks)
        self.noise = torch.Generator(device=self.device).manual_seed(config.training.seed)
        self.codes: Codes | None = None

    def reports(self, should_leave: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Train to the end, or until `should_leave()` is true between two steps, and yield reports on the way.

        Ask again to go on from there. Raises `TrainingError` at the first step whose loss is not finite, and when the
        weights are not finite at the end of an epoch.
        """
        while not self.finished:
            self.model.train()
            order = self._on_device(order_of_epoch(self.images, self.config.training.seed, self.epoch))
            first = self.step % self.steps_per_epoch
            self._read_at = (first, self.seconds)
            for place in range(first, self.steps_per_epoch):
                if should_leave():
                    yield from self._read(place)
                    return
                began = time.perf_counter()
                self._take_step(place, order)
                self.seconds += time.perf_counter() - began
                if self._read_is_due(place + 1):
                    yield from self._read(place + 1)
            self._reported = 0
            self._terms.start_epoch()
            self.check_weights()
            yield self._train_report("epoch", 0, self.steps_per_epoch, self.step, self.seconds)
            if self.ranks.is_rank_zero:
                yield self.evaluate()

    def steer(self, control: ControlRequest) -> Report | None:
        """Take another beta or learning rate from the next step on, or another length.

        Returns the report on the steps since the last one, so that no report mixes what was before and after.
        """
        report = self.report_so_far() if control.words(self.control) else None
        self.control = control
        if control.epochs is not None:
            self.lengthen(control.epochs)
        return report

    def lengthen(self, epochs: int) -> None:
        """Train for `epochs` in all, where that is longer; schedules are stretched over the new length."""
        if epochs > self.config.training.epochs:
            self.config = self.config.with_epochs(epochs)

    def evaluate(self) -> Report:
        """Encode the held-out images, keep their `codes` and report their terms. Not counted in `seconds`."""
        self.model.eval()
        with self._looking_at_the_decoder_as_it_is():
            self.codes = encode_images(self.model, self.held_out.images, self.config.training.seed)
        terms = self.codes.terms
        means = (terms.reconstruction.cpu().double().mean().item(), terms.kl.cpu().double().mean().item())
        if not all(map(math.isfinite, means)):
            raise TrainingError(f"The held-out terms are not finite after step {self.step:,}; {ADVICE}")
        return self._report("held_out", "epoch", self.step, self.seconds, *means)

    @contextlib.contextmanager
    def _looking_at_the_decoder_as_it_is(self) -> Iterator[None]:
        """For a lattice encoder; the steps to come find what they would have found, unless there are none."""
        lookup = self.model.lookup
        if lookup is None:
            yield
            return
        with contextlib.nullcontext() if self.finished else lookup.left_as_it_is():
            lookup.set_beta(self._settings_at(max(self.step - 1, 0))[0])
            self.model.refresh_lookup()
            yield

    def check_weights(self) -> None:
        """Raise `TrainingError` unless every weight is finite."""
        largest = torch.nn.utils.get_total_norm(self.model.parameters(), math.inf)  # one number to wait for
        if not largest.isfinite():
            raise TrainingError(f"The weights are no longer finite after step {self.step:,}; {ADVICE}")

    def _on_device(self, order: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return order.pin_memory().to(self.device, non_blocking=True)
        return order.to(self.device)

    def _take_step(self, place: int, order: Tensor) -> None:
        size = self.config.training.batch_size
        index = order[place * size : (place + 1) * size]
        if refresh_is_due(self.step):
            self.model.refresh_lookup(shift=refreshes_before(self.step))
        epsilon = torch.randn(len(index), self.stepper.numbers, generator=self.noise, device=self.device)
        terms = self.stepper.take(index, epsilon, *self._settings_at(self.step))
        self._terms.write(place, terms)
        self.step += 1

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Whatever resuming exactly needs: named tensors, and named numbers."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        self._terms.fetch(self.step % self.steps_per_epoch)
        for index, state in self.stepper.state().items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
        if self.model.lookup is not None:
            tensors |= {f"lookup.{name}": value for name, value in self.model.lookup.state().items()}
        tensors |= {"noise": self.noise.get_state(), "terms": self._terms.rows}
        by_hand = self.control.by_hand() | {TOLD + name: value for name, value in self._told.by_hand().items()}
        place = {"step": self.step, "reported": self._reported, "seconds": self.seconds, "epochs": self._told_epochs}
        return tensors, by_hand | place

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave, as if never stopped.

        Raises `TrainingError` when the state is of another model or another data set.
        """
        try:
            self.model.load_state_dict(_under("model.", tensors))
            if self.model.lookup is not None:
                self.model.lookup.restore(_under("lookup.", tensors))
            optimiser = self.stepper.state()
            for name, value in _under("optimiser.", tensors).items():
                index, part = name.split(".")
                optimiser.setdefault(int(index), {})[part] = value
            self.stepper.load_state(optimiser)
            self.step, self.seconds = int(numbers["step"]), float(numbers["seconds"])
            self._restore_noise(tensors["noise"].cpu())
            place = self.step % self.steps_per_epoch
            self._terms.restore(tensors["terms"], place)
            self._reported = int(numbers.get("reported", place - place % self.report_every))
            self._told_epochs = int(numbers.get("epochs", self.config.training.epochs))
            self.control, self._told = (_control(_under(prefix, numbers)) for prefix in ("", TOLD))
        except (KeyError, ValueError, RuntimeError, TypeError, ConfigError) as error:
            raise TrainingError("The trainer's state does not fit this model and data set; start a new run.") from error

    def _restore_noise(self, state: Tensor) -> None:
        """Go on with the noise of `state`, or anew from seed and step where it is of another kind of device."""
        if state.shape == self.noise.get_state().shape:
            self.noise.set_state(state)
        else:
            self.noise.manual_seed(self.config.training.seed * 1_000_003 + self.step)


def order_of_epoch(images: int, seed: int, epoch: int) -> Tensor:
    """So many training images in an order that depends on seed and epoch alone, so that resuming needs no memory of it."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


def _control(numbers: dict[str, float]) -> ControlRequest:
    """From what is set by hand, by name."""
    by_hand: dict[str, Any] = {name: numbers.get(name) for name in BY_HAND}
    return ControlRequest(**by_hand)


def _under(prefix: str, values: dict[str, Value]) -> dict[str, Value]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
