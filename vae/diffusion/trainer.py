"""Training a denoiser: the loop. It yields reports and knows no screen and no disk layout.

    loss = E |F(x; s, class) - target|^2 / D,   x = u + s epsilon,   target: what F has to be for D(x; s) to be u

which is |u - D|^2 weighed by (s^2 + 1) / s^2, so that every noise level counts about the same (Karras et al. 2022, equation 8).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.device import ask_no_other_device
from vae.diffusion.code_dataset import CodeSets, LabelledCodes, Standard
from vae.diffusion.config import PriorConfig
from vae.diffusion.denoiser import Denoiser, DenoiserConfig
from vae.diffusion.noise_schedule import GREATEST, LEAST
from vae.errors import TrainingError

STEPS_TO_WARM_UP = 50
REPORTS = 100
LONGEST_GRADIENT = 0.3
"""Longer ones are shortened to it: this learning rate is near the greatest that goes well."""

HELD_OUT_CODES = 4096


@dataclass(frozen=True)
class PriorReport:
    """The loss without unit over the training codes since the last report, and over held-out codes by the averaged weights.

    A denoiser that knows nothing has a loss of 1. `seconds` is how long the steps so far took.
    """

    step: int
    train: float
    held_out: float
    learning_rate: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As a line of metrics.jsonl."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> PriorReport:
        """What `to_dict` gave. Raises `TypeError` on anything else."""
        return cls(**fields)


class PriorTrainer:
    """Trains a denoiser on codes. `denoiser` has the averaged weights, on the device.

    Every draw is made from the configuration's seed.
    """

    def __init__(self, config: PriorConfig, codes: CodeSets, classes: int, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step, self.seconds = config, torch.device(device), 0, 0.0
        self.generator = torch.Generator(device=self.device).manual_seed(config.seed)
        self.standard = Standard.of(codes.train.posterior)
        self.train, self.held_out = (_Standardised(part, self.standard, self.device) for part in (codes.train, codes.held_out))
        shape = DenoiserConfig(codes.train.posterior.mean.shape[1], classes, config.width, config.layers, config.features)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.raw = Denoiser(shape)
        self.raw.waves.copy_(_waves(shape, config))
        self.raw.to(self.device)
        self.denoiser = copy.deepcopy(self.raw).eval()
        fused = self.device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(self.raw.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), fused=fused)
        ask_no_other_device(self.optimiser, self.device)

    def reports(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[PriorReport]:
        """Train to the end, or until `should_stop()`, and report a hundred times on the way.

        Raises `TrainingError` when the loss is no finite number.
        """
        every = max(1, self.config.steps // REPORTS)
        began, taken_before, losses = time.perf_counter(), self.seconds, []
        while self.step < self.config.steps and not should_stop():
            losses.append(self._take_step())
            if self.step % every == 0 or self.step == self.config.steps:
                self.seconds = taken_before + time.perf_counter() - began
                yield self._report(torch.stack(losses).mean().item())
                losses = []

    def learning_rate_at(self, step: int) -> float:
        """Of step 0 <= `step` < steps."""
        rise = min(1.0, (step + 1) / STEPS_TO_WARM_UP)
        return self.config.learning_rate * rise * (1 + math.cos(math.pi * step / self.config.steps)) / 2

    def _take_step(self) -> Tensor:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate_at(self.step)
        loss = self._loss(self.raw, self.train, self.config.batch_size, self.generator, self.config.dropped)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.raw.parameters(), LONGEST_GRADIENT)
        self.optimiser.step()
        self.step += 1
        share = max(1 / self.step, 1 / (self.config.average * self.step + 1))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.denoiser.parameters()), list(self.raw.parameters()), share)
        return loss.detach()

    def _loss(self, denoiser: Denoiser, codes: _Standardised, count: int, generator: torch.Generator, dropped: float) -> Tensor:
        u, labels = codes.draw(count, generator)
        left_out = torch.rand(count, generator=generator, device=self.device) < dropped
        labels = torch.where(left_out, denoiser.config.classes, labels)
        level = self._levels(count, generator)
        x = u + level * torch.randn(u.shape, generator=generator, device=self.device)
        return (denoiser.network(x, level, labels) - denoiser.target(u, x, level)).square().mean()

    def _levels(self, count: int, generator: torch.Generator) -> Tensor:
        """Log-normal noise levels (count, 1), one from each of `count` equal shares of their distribution."""
        offset = torch.rand(1, generator=generator, device=self.device)
        shares = (torch.arange(count, device=self.device) + offset) / count
        normal = torch.special.ndtri(shares.clamp(1e-5, 1 - 1e-5))
        return (self.config.level_mean + self.config.level_spread * normal).exp().clamp(LEAST, GREATEST)[:, None]

    @torch.no_grad()
    def _report(self, train: float) -> PriorReport:
        generator = torch.Generator(device=self.device).manual_seed(self.config.seed)  # the same draws for every report
        held_out = self._loss(self.denoiser, self.held_out, HELD_OUT_CODES, generator, self.config.dropped).item()
        if not math.isfinite(train + held_out):
            raise TrainingError(
                f"The denoiser's loss is no finite number after step {self.step:,}; lower the learning rate "
                f"(it is {self.config.learning_rate:g})."
            )
        return PriorReport(self.step, train, held_out, self.learning_rate_at(self.step - 1), self.seconds)


class _Standardised:
    """Codes where they are trained on."""

    def __init__(self, codes: LabelledCodes, standard: Standard, device: torch.device) -> None:
        posterior = standard.posterior(codes.posterior)
        self.mean, self.deviation = posterior.mean.to(device), posterior.standard_deviation.to(device)
        self.labels = codes.labels.to(device)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """u (count, D) from as many posteriors, chosen with repetition, and their labels."""
        index = torch.randint(len(self.labels), (count,), generator=generator, device=self.mean.device)
        epsilon = torch.randn(count, self.mean.shape[1], generator=generator, device=self.mean.device)
        return self.mean[index] + self.deviation[index] * epsilon, self.labels[index]


def _waves(shape: DenoiserConfig, config: PriorConfig) -> Tensor:
    """Wave vectors (D, features): directions as they come, lengths from 1 to `fastest` in equal ratios."""
    generator = torch.Generator().manual_seed(config.seed)
    directions = torch.randn(shape.latent, shape.features, generator=generator)
    lengths = torch.logspace(0, math.log10(config.fastest), shape.features)
    return directions / directions.norm(dim=0) * lengths
