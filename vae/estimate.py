"""How long a training will take, measured on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from vae.config import RunConfig
from vae.data import SIZES, Dataset, Split
from vae.model import IMAGE_SHAPE
from vae.training import Trainer

SECONDS_TO_SAVE = 0.05
"""What writing weights and a frame takes after each epoch, roughly."""


def estimate_seconds(config: RunConfig, device: torch.device | str, probe_seconds: float = 0.4) -> float:
    """About how long a training will take on this machine, measured on random images; getting the data set not counted."""
    train_images, held_out_images = SIZES[config.dataset]
    size = min(config.training.batch_size, train_images)
    noise = Split(torch.randint(0, 256, (size, *IMAGE_SHAPE), dtype=torch.uint8), torch.zeros(size, dtype=torch.long))
    trainer = Trainer(config, Dataset(config.dataset, noise, noise, ()), device)
    index, epsilon = torch.arange(size), torch.zeros(size, trainer.stepper.numbers)
    index, epsilon = index.to(trainer.device), epsilon.to(trainer.device)

    def take_step() -> None:
        trainer.stepper.take(index, epsilon, config.training.beta, config.training.learning_rate).cpu()  # waits for the device

    def seconds_of(work: Callable[[], object]) -> float:
        work()  # the first time is no measure
        began, times = time.perf_counter(), 0
        while time.perf_counter() - began < probe_seconds / 2:
            work()
            times += 1
        return (time.perf_counter() - began) / times

    steps = math.ceil(train_images / size)
    per_epoch = steps * seconds_of(take_step) + held_out_images / size * seconds_of(trainer.evaluate)
    return config.training.epochs * (per_epoch + SECONDS_TO_SAVE)
