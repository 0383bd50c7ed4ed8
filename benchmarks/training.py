"""Seconds per epoch and images per second of our training loop beside a textbook one.

    python -m benchmarks.training

The textbook loop has a DataLoader over torchvision's MNIST, torch's Adam and the same model and batch size. Both take
turns on the same machine, a hundred steps at a time; the median is scaled to an epoch of 60,000 images.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from vae import data
from vae.config import ARCHITECTURES, ModelConfig, RunConfig, TrainingConfig
from vae.device import choose_device
from vae.model import build_model
from vae.training import Trainer

BATCH = 128
IMAGES = 60_000


def ours(config: ModelConfig, dataset: data.Dataset, device: torch.device) -> Callable[[int], None]:
    """A function that takes so many steps of our loop, reports included."""
    trainer = Trainer(RunConfig("mnist", config, TrainingConfig(epochs=100_000, batch_size=BATCH)), dataset, device)

    def take(steps: int) -> None:
        last = trainer.step + steps
        for _ in trainer.reports(lambda: trainer.step >= last):
            pass

    return take


def textbook(config: ModelConfig, device: torch.device) -> Callable[[int], None]:
    """A function that takes so many steps of the loop that tutorials show."""
    mnist = datasets.MNIST(data.data_folder(), train=True, transform=transforms.ToTensor())
    loader = DataLoader(mnist, BATCH, shuffle=True)
    model = build_model(config).to(device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def batches() -> Iterator[torch.Tensor]:
        while True:
            for images, _ in loader:
                yield images

    endless = batches()

    def take(steps: int) -> None:
        for _ in range(steps):
            images = next(endless).to(device)
            posterior = model.encode(images)
            z = posterior.mean + torch.exp(posterior.log_variance / 2) * torch.randn_like(posterior.mean)
            logits = model.decode_parameters(z)
            cross_entropy = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
            kl = 0.5 * (posterior.log_variance.exp() + posterior.mean**2 - 1 - posterior.log_variance).sum()
            loss = (cross_entropy + kl) / len(images)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()

    return take


def seconds_per_step(take: Callable[[int], None], steps: int) -> float:
    began = time.perf_counter()
    take(steps)
    return (time.perf_counter() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=ARCHITECTURES, default=["mlp", "conv"])
    parser.add_argument("--steps", type=int, default=100, help="steps a turn (default: 100)")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = data.load("mnist", download=True)
    print(f"On {device}, {torch.get_num_threads()} threads, batches of {BATCH}, {options.turns} turns of {options.steps} steps")
    print(f"{'model':<6}{'ours':>12}{'':>14}{'textbook':>12}{'':>14}{'ratio':>8}")
    for architecture in options.models:
        config = ModelConfig(architecture)
        loops = (ours(config, dataset, device), textbook(config, device))
        for loop in loops:
            loop(5)  # warm up
        turns = [[seconds_per_step(loop, options.steps) for loop in loops] for _ in range(options.turns)]
        figures = [statistics.median(times) * IMAGES / BATCH for times in zip(*turns, strict=True)]
        row = "".join(f"{seconds:>8.2f} s/epoch{IMAGES / seconds:>8,.0f} img/s" for seconds in figures)
        print(f"{architecture:<6}{row}{figures[1] / figures[0]:>7.2f}x", flush=True)


if __name__ == "__main__":
    main()
