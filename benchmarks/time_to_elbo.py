"""Seconds of training until a held-out ELBO is reached: the Train page's default recipe beside the textbook loop.

    python -m benchmarks.time_to_elbo --elbo -152                      against the textbook mlp
    python -m benchmarks.time_to_elbo --elbo -152 --against mlp conv   and against the textbook conv

One after the other on the same device, both by the clock, ours in a process of its own, set up as that of a real training.
Held-out images are looked at after every epoch; that is not counted. A textbook loop that takes more than --most times as long
as ours is ended there, and the ratio is at least that.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.processes import new_process
from benchmarks.textbook import TextbookLoop
from benchmarks.training import held_out_elbo, take_epoch
from vae.config import ARCHITECTURES, ModelConfig
from vae.data import datasets
from vae.device import choose_device
from vae.startup import prepare_training
from vae.training.recipes import recipe
from vae.training.trainer import Trainer


def our_seconds(device: torch.device, target: float) -> float | None:
    """Of our recipe until the target, or None where it does not get there."""
    config = recipe("fast", "mnist", "mlp")
    prepare_training(config.training.precision, device)
    print(f"ours: {config.model}\n      {config.training}", flush=True)
    reports, seconds = Trainer(config, datasets.load("mnist"), device).reports(), 0.0
    for _ in range(config.training.epochs):
        more, held_out = take_epoch(reports)
        seconds += more
        print(f"  epoch {held_out.epoch:>3}: {held_out.elbo:8.2f} nats after {seconds:7.1f} s", flush=True)
        if held_out.elbo >= target:
            return seconds
    return None


def textbook_seconds(
    architecture: str, dataset: datasets.Dataset, device: torch.device, target: float, most: float
) -> tuple[float, bool]:
    """Of the textbook loop until the target, or until `most` seconds, and whether it got there."""
    loop, seconds, epoch = TextbookLoop(ModelConfig(architecture), device), 0.0, 0
    print(f"textbook {architecture}: DataLoader, Adam at 1e-3, batches of 128, fp32", flush=True)
    while True:
        for steps in parts_of(loop.steps_per_epoch):
            began = time.perf_counter()
            loop.take(steps)
            seconds += time.perf_counter() - began
            if seconds >= most:
                return seconds, False
        epoch += 1
        elbo = held_out_elbo(loop.model, dataset)
        print(f"  epoch {epoch:>3}: {elbo:8.2f} nats after {seconds:7.1f} s", flush=True)
        if elbo >= target:
            return seconds, True


def parts_of(steps: int, size: int = 50) -> list[int]:
    """Steps to take between two looks at the clock."""
    return [min(size, steps - first) for first in range(0, steps, size)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elbo", type=float, default=-152.0, help="nats per held-out image (default: -152)")
    parser.add_argument("--against", nargs="+", choices=ARCHITECTURES, default=["mlp"])
    parser.add_argument("--most", type=float, default=100.0, help="times our seconds (default: 100)")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device, dataset = choose_device(options.device), datasets.load("mnist", download=True)
    print(f"On {device}, {torch.get_num_threads()} threads, until a held-out ELBO of {options.elbo:g} nats")
    with new_process() as process:
        ours = process.submit(our_seconds, device, options.elbo).result()
    if ours is None:
        raise SystemExit(f"Our recipe ended below {options.elbo:g} nats.")
    for architecture in options.against:
        seconds, reached = textbook_seconds(architecture, dataset, device, options.elbo, options.most * ours)
        more = "" if reached else "more than "
        print(f"ours {ours:.1f} s, textbook {architecture} {more}{seconds:.1f} s: {more}{seconds / ours:.1f} times", flush=True)


if __name__ == "__main__":
    main()
