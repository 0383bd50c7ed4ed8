"""Seconds per epoch and images per second of our training loop beside a textbook one.

    python -m benchmarks.training

The textbook loop has a DataLoader over torchvision's MNIST, torch's Adam and the same model and batch size. Both take
turns on the same machine, a hundred steps at a time; the median is scaled to an epoch of 60,000 images. With --epochs 3
both then train for so many epochs, and their held-out ELBOs are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.textbook import BATCH, TextbookLoop
from vae import data
from vae.config import ARCHITECTURES, PRECISIONS, ModelConfig, RunConfig, TrainingConfig
from vae.device import choose_device
from vae.latent import encode_images
from vae.model import VAE
from vae.training import Trainer

IMAGES = 60_000


def our_trainer(config: ModelConfig, dataset: data.Dataset, device: torch.device, options: argparse.Namespace) -> Trainer:
    """Our loop with the textbook's settings."""
    training = TrainingConfig(epochs=100_000, batch_size=BATCH, precision=options.precision)
    return Trainer(RunConfig("mnist", config, training), dataset, device)


def ours(trainer: Trainer) -> Callable[[int], None]:
    """A function that takes so many steps of our loop, reports included."""

    def take(steps: int) -> None:
        last = trainer.step + steps
        for _ in trainer.reports(lambda: trainer.step >= last):
            pass

    return take


def seconds_per_step(take: Callable[[int], None], steps: int) -> float:
    began = time.perf_counter()
    take(steps)
    return (time.perf_counter() - began) / steps


def held_out_elbo(model: VAE, dataset: data.Dataset) -> float:
    """Mean over the held-out images, in nats."""
    model.eval()
    return encode_images(model, dataset.held_out.images).terms.elbo.double().mean().item()


def print_elbos(config: ModelConfig, dataset: data.Dataset, device: torch.device, options: argparse.Namespace) -> None:
    """Train both from the start for as many epochs."""
    trainer, textbook = our_trainer(config, dataset, device, options), TextbookLoop(config, device)
    ours(trainer)(options.epochs * trainer.steps_per_epoch)
    textbook.take(options.epochs * textbook.steps_per_epoch)
    elbos = [held_out_elbo(model, dataset) for model in (trainer.model, textbook.model)]
    print(
        f"       held-out ELBO after {options.epochs} epochs: ours {elbos[0]:.2f}, textbook {elbos[1]:.2f}, "
        f"difference {elbos[0] - elbos[1]:+.2f} nats",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=ARCHITECTURES, default=["mlp", "conv"])
    parser.add_argument("--steps", type=int, default=100, help="steps a turn (default: 100)")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="ours; the textbook's is fp32")
    parser.add_argument("--epochs", type=int, default=0, help="compare held-out ELBOs after so many epochs (default: not)")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = data.load("mnist", download=True)
    print(f"On {device}, {torch.get_num_threads()} threads, batches of {BATCH}, {options.turns} turns of {options.steps} steps")
    print(f"{'model':<6}{'ours':>12}{'':>14}{'textbook':>12}{'':>14}{'ratio':>8}")
    for architecture in options.models:
        config = ModelConfig(architecture)
        loops = (ours(our_trainer(config, dataset, device, options)), TextbookLoop(config, device).take)
        for loop in loops:
            loop(5)  # warm up
        turns = [[seconds_per_step(loop, options.steps) for loop in loops] for _ in range(options.turns)]
        figures = [statistics.median(times) * IMAGES / BATCH for times in zip(*turns, strict=True)]
        row = "".join(f"{seconds:>8.2f} s/epoch{IMAGES / seconds:>8,.0f} img/s" for seconds in figures)
        print(f"{architecture:<6}{row}{figures[1] / figures[0]:>7.2f}x", flush=True)
        if options.epochs:
            print_elbos(config, dataset, device, options)


if __name__ == "__main__":
    main()
