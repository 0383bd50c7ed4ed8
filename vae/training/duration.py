"""How long a training will take, measured on this machine.

`python -m vae.training.duration` reads a run's settings from its input, as `RunConfig.to_dict` gives them, and prints seconds;
it is for pages (see `vae.jobs.duration_estimates`), and takes no more than `MOST_MEMORY`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable

import torch

from vae.config import RunConfig
from vae.data.datasets import ONE_IN_VALIDATION, SIZES, Dataset, Split
from vae.data.inputs import IMAGE_SHAPE
from vae.device import choose_device
from vae.errors import ExplorerError, describe
from vae.model.inference import encode_images
from vae.model.lattice_encoder import refreshes_before
from vae.startup import prepare_training
from vae.training.trainer import Trainer

SECONDS_TO_SAVE = 0.05
"""What writing weights and a frame takes after each epoch, roughly."""

MOST_IMAGES = 1024
"""At a time; a larger batch is taken for several of so many, as a training's memory is not to be had for an estimate."""

MOST_MEMORY = 3_000_000_000
"""Bytes that a process which estimates may take, where the system can hold it to that: half of what a small laptop has."""

MOST_SECONDS = 60
"""Of all processors that it may compute, where the system can hold it to that; waiting for others does not count."""

NICENESS = 5
"""Of such a process: clicks on the page come first."""

_ONE_AT_A_TIME = threading.Lock()
"""Two measured together would be slow, and a process records CUDA graphs one by one."""


def estimate_seconds(config: RunConfig, device: torch.device | str, probe_seconds: float = 0.4) -> float:
    """About how long a training will take on this machine, measured on random images; getting the data set not counted."""
    train_images, held_out_images = _images_of(config)
    size = min(config.training.batch_size, train_images, MOST_IMAGES)
    with _ONE_AT_A_TIME:
        step, encoding, refresh = _measure(config, device, size, probe_seconds)
    steps = math.ceil(train_images / size)
    per_epoch = steps * step + held_out_images / size * encoding + refresh
    refreshes = refreshes_before(config.training.epochs * steps)
    return config.training.epochs * (per_epoch + SECONDS_TO_SAVE) + refreshes * refresh


def _images_of(config: RunConfig) -> tuple[int, int]:
    """About how many images are trained on and held out."""
    train, held_out = SIZES[config.dataset]
    validation = train // ONE_IN_VALIDATION
    return (train - validation, validation) if config.held_out == "validation" else (train, held_out)


def _measure(config: RunConfig, device: torch.device | str, size: int, probe_seconds: float) -> tuple[float, float, float]:
    """Seconds of one step on `size` images, of encoding as many, and of refreshing what the encoder looks up, if it does."""
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

    encoding = seconds_of(lambda: encode_images(trainer.model, trainer.held_out.images).terms.elbo.cpu())
    return seconds_of(take_step), encoding, seconds_of(trainer.model.refresh_lookup) if trainer.model.lookup else 0.0


def main() -> int:
    """Measure what standard input asks for; 0, or 2 after one sentence on stderr."""
    try:
        asked = json.load(sys.stdin)
        config, device = RunConfig.from_dict(asked["config"]), choose_device(asked["device"])
        with contextlib.suppress(AttributeError, OSError):  # not on every system
            os.nice(NICENESS)
        _limit(device)
        prepare_training(config.training.precision, device)
        print(estimate_seconds(config, device))
    except (ExplorerError, torch.OutOfMemoryError) as error:
        print(describe(error), file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        gigabytes = MOST_MEMORY / 1e9
        print(f"No estimate: trying this model out takes more than {gigabytes:g} GB of memory.", file=sys.stderr)
        return 2
    return 0


def _limit(device: torch.device) -> None:
    """Let the system refuse more memory and time than that, where it can. CUDA claims far more memory than it uses."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        seconds = MOST_SECONDS * (os.cpu_count() or 1)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        if device.type == "cpu":
            resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    raise SystemExit(main())
