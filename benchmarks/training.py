"""Seconds per epoch and images per second of our training loop beside a textbook one, and the held-out ELBOs they reach.

    python -m benchmarks.training                      with batches of 128 and of 256
    python -m benchmarks.training --models mlp --batch-sizes 64

The textbook loop has a DataLoader over torchvision's MNIST, torch's Adam and the same model and batch size, in fp32. Each loop
runs in a process of its own, set up as that of a real training, and they take turns, an epoch at a time; the median is
printed. Later epochs count as much as the first: what a step costs may change as weights do. Both begin with the same weights
and meet the same images in the same order with the same noise, so what is left between their ELBOs is arithmetic, which a
conv model's first epochs amplify: there rounding alone moves them by nats either way.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator

import torch

from benchmarks.processes import new_process
from benchmarks.textbook import BATCH, SEED, TextbookLoop
from vae.config import ARCHITECTURES, PRECISIONS, ModelConfig, RunConfig, TrainingConfig
from vae.data import datasets
from vae.device import choose_device
from vae.model.autoencoder import VAE
from vae.model.inference import encode_images
from vae.startup import prepare_training
from vae.training.recipes import recipe
from vae.training.report import Report
from vae.training.trainer import Trainer

IMAGES = 60_000
LONG = 100_000
"""Epochs asked of our loop, which is left when it has taken enough."""


def held_out_elbo(model: VAE, dataset: datasets.Dataset) -> float:
    """Mean over the held-out images, in nats."""
    model.eval()
    return encode_images(model, dataset.held_out.images).terms.elbo.double().mean().item()


def take_epoch(reports: Iterator[Report]) -> tuple[float, Report]:
    """Let our loop take one epoch: its seconds by the clock, and the report on the held-out images, which is not counted."""
    began = time.perf_counter()
    next(report for report in reports if report.scope == "epoch")
    seconds = time.perf_counter() - began
    return seconds, next(reports)


class Ours:
    """Our loop with the textbook's settings, reports included."""

    def __init__(self, config: ModelConfig, batch_size: int, device: str, precision: str) -> None:
        device = choose_device(device)
        prepare_training(precision, device)
        training = TrainingConfig(epochs=LONG, batch_size=batch_size, precision=precision, seed=SEED)
        self._reports = Trainer(RunConfig("mnist", config, training), datasets.load("mnist"), device).reports()

    def epoch(self) -> tuple[float, float]:
        """Take one: its seconds, and the held-out ELBO after it in nats, which is not counted."""
        seconds, held_out = take_epoch(self._reports)
        return seconds, held_out.elbo


class Textbook:
    """The textbook loop."""

    def __init__(self, config: ModelConfig, batch_size: int, device: str) -> None:
        self._loop, self._dataset = TextbookLoop(config, choose_device(device), batch_size), datasets.load("mnist")

    def epoch(self) -> tuple[float, float]:
        """As `Ours.epoch`."""
        began = time.perf_counter()
        self._loop.take(self._loop.steps_per_epoch)
        seconds = time.perf_counter() - began
        return seconds, held_out_elbo(self._loop.model, self._dataset)


_loop: Ours | Textbook | None = None
"""That of this process."""


def _begin(kind: type, *arguments: object) -> None:
    global _loop
    _loop = kind(*arguments)


def _epoch() -> tuple[float, float]:
    return _loop.epoch()


def compare(config: ModelConfig, batch_size: int, options: argparse.Namespace) -> None:
    """Let both loops take turns, and print what they took and reached."""
    with (
        new_process(_begin, Ours, config, batch_size, options.device, options.precision) as ours,
        new_process(_begin, Textbook, config, batch_size, options.device) as textbook,
    ):
        turns = [[loop.submit(_epoch).result() for loop in (ours, textbook)] for _ in range(options.epochs)]
    seconds, elbos = ([[loop[kind] for loop in turn] for turn in turns] for kind in (0, 1))
    figures = [statistics.median(times) for times in zip(*seconds, strict=True)]
    row = "".join(f"{figure:>8.2f} s/epoch{IMAGES / figure:>8,.0f} img/s" for figure in figures)
    print(f"{config.architecture:<6}{batch_size:>6}{row}{figures[1] / figures[0]:>7.2f}x")
    for title, columns in (("seconds of each epoch", seconds), ("held-out ELBO after it", elbos)):
        for name, column in zip(("ours", "textbook"), zip(*columns, strict=True), strict=True):
            print(f"      {title}, {name + ':':<9} " + " ".join(f"{figure:.2f}" for figure in column))
    differences = [ours - textbook for ours, textbook in elbos]
    print(
        f"      held-out ELBO, ours less the textbook's: {differences[-1]:+.2f} nats after {options.epochs} epochs; "
        f"{statistics.mean(differences):+.2f} in the mean of all, {max(differences, key=abs):+.2f} at most",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=ARCHITECTURES, default=["mlp", "conv"])
    sizes = [BATCH, recipe("fast", "mnist", "mlp").training.batch_size]
    parser.add_argument(
        "--batch-sizes", nargs="+", type=int, default=sizes, help=f"(default: {sizes}, tutorials' and our recipe's)"
    )
    parser.add_argument("--epochs", type=int, default=5, help="that each loop takes (default: 5)")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="ours; the textbook's is fp32")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    datasets.load("mnist", download=True)
    device = choose_device(options.device)
    print(f"On {device}, {torch.get_num_threads()} threads, {options.epochs} epochs each")
    print(f"{'model':<6}{'batch':>6}{'ours':>12}{'':>14}{'textbook':>12}{'':>14}{'ratio':>8}")
    for architecture, batch_size in itertools.product(options.models, options.batch_sizes):
        compare(ModelConfig(architecture), batch_size, options)


if __name__ == "__main__":
    main()
