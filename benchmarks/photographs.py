"""Photographs of digits: made up, brought into the data set's convention, encoded, and named by their nearest codes.

    python -m benchmarks.photographs
    python -m benchmarks.photographs --run mnist --pictures 60 --seed 7

A third of the pictures are clean, the others disturbed in one or two of the ways in `benchmarks.paper`; the digits are held-out
images. Each is encoded, and takes the class that most of the 15 nearest training codes have. Beside it: the held-out images
themselves through the same encoder, which is as good as it gets, and the plain method of thresholding halfway between paper
and ink and taking all that is left. The method was tuned on seed 1; the default is another.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.paper import KINDS, PEN_KINDS, picture_of
from vae.data.datasets import load, pixels
from vae.data.picture_files import PictureError, read_picture
from vae.data.preprocessing import find_image, to_convention
from vae.model.autoencoder import VAE
from vae.runs.folder import load_run, runs_folder

NEIGHBOURS = 15
CODES = 20_000
BATCH = 500


@dataclass(frozen=True)
class Photograph:
    """A held-out image's number, how the picture of it was disturbed, and the file."""

    number: int
    kinds: tuple[str, ...]
    content: bytes


def photographs(images: Tensor, count: int, seed: int) -> list[Photograph]:
    """Pictures of images drawn at random: every third clean, the others disturbed in each way by turns, half in one more."""
    random, made = np.random.default_rng(seed), []
    for turn in range(count):
        number = int(random.integers(len(images)))
        kinds = () if turn % 3 == 0 else _disturbances(turn - turn // 3 - 1, random)
        made.append(Photograph(number, kinds, picture_of(images[number, 0].numpy(), kinds, random)))
    return made


def _disturbances(turn: int, random: np.random.Generator) -> tuple[str, ...]:
    first, second = KINDS[turn % len(KINDS)], KINDS[random.integers(len(KINDS))]
    alone = random.random() < 0.5 or first == second or {first, second} <= set(PEN_KINDS)
    return (first,) if alone else (first, second)


def by_threshold(picture: np.ndarray) -> Tensor:
    """The plain method: grey, halfway between paper and ink, and the box around all of it. Raises `PictureError`."""
    grey = picture.mean(2)
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    distance = np.abs(grey - np.median(rim))
    return to_convention(np.where(distance > distance.max() / 2, 255, 0).astype(np.uint8), "mnist")


def converted(pictures: list[Photograph], method: Callable[[np.ndarray], Tensor]) -> Tensor:
    """The images (N, 1, 28, 28), uint8, that a method makes of the pictures; black where it refuses."""
    images = torch.zeros(len(pictures), 1, 28, 28, dtype=torch.uint8)
    for place, picture in enumerate(pictures):
        try:
            images[place] = method(read_picture(picture.content))[0]
        except PictureError:
            continue
    return images


@torch.no_grad()
def codes(model: VAE, images: Tensor) -> Tensor:
    """Posterior means (N, D) of uint8 images."""
    return torch.cat([model.encode(pixels(part)).mean for part in images.split(BATCH)])


def classes(found: Tensor, known: Tensor, labels: Tensor) -> Tensor:
    """For each code (N, D) the class that most of its nearest known codes (M, D) have."""
    nearest = torch.cdist(found, known).topk(NEIGHBOURS, largest=False).indices
    return labels[nearest].mode(1).values


def report(pictures: list[Photograph], right: dict[str, Tensor]) -> None:
    """One line for clean and for disturbed pictures, and one for each way of disturbing."""
    clean = torch.tensor([not picture.kinds for picture in pictures])
    print(f"{'':<16}{'pictures':>9}" + "".join(f"{name:>12}" for name in right) + f"{'now / before':>14}")
    _line("clean", clean, right)
    _line("disturbed", ~clean, right)
    for kind in KINDS:
        _line(f"  {kind}", torch.tensor([kind in picture.kinds for picture in pictures]), right)


def _line(name: str, which: Tensor, right: dict[str, Tensor]) -> None:
    if not which.any():
        return
    shares = {method: 100 * answers[which].float().mean().item() for method, answers in right.items()}
    ratio = f"{shares['now'] / shares['threshold']:.1f}" if shares["threshold"] else "-"
    print(f"{name:<16}{int(which.sum()):>9}" + "".join(f"{share:>10.1f} %" for share in shares.values()) + f"{ratio:>14}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="mnist", help="a run of MNIST")
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    run = load_run(runs_folder() / options.run)
    dataset = load("mnist", run.config.held_out)
    pictures = photographs(dataset.held_out.images, options.pictures, options.seed)
    originals = torch.tensor([picture.number for picture in pictures])
    known, labels = codes(run.model, dataset.train.images[:CODES]), dataset.train.labels[:CODES]
    began = time.perf_counter()
    now = converted(pictures, lambda picture: find_image(picture, "mnist").image)
    seconds = time.perf_counter() - began
    images = {
        "original": dataset.held_out.images[originals],
        "threshold": converted(pictures, by_threshold),
        "now": now,
    }
    truth = dataset.held_out.labels[originals]
    print(f"{options.run}, {options.pictures} pictures, seed {options.seed}: nearest codes name the digit rightly")
    report(pictures, {name: classes(codes(run.model, made), known, labels) == truth for name, made in images.items()})
    print(f"{1e3 * seconds / len(pictures):.0f} ms a picture")


if __name__ == "__main__":
    main()
