"""Decoding a 30 x 30 grid in one batch beside 900 single calls, and encoding 10,000 images in batches beside single ones.

    python -m benchmarks.latent

Single encodings are timed on 1,000 images and scaled to 10,000.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from vae.data.datasets import pixels
from vae.latent.grid import make_grid
from vae.model.inference import decode_points, encode_images
from vae.runs.folder import load_run, runs_folder

SIDE, IMAGES, SINGLE_IMAGES, TURNS = 30, 10_000, 1_000, 3


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(name: str, what: str, ours: Callable[[], object], single: Callable[[], object], scale: float = 1.0) -> None:
    """One line: our median, the baseline's and their ratio, taking turns."""
    ours(), single()
    turns = [(seconds(ours), scale * seconds(single)) for _ in range(TURNS)]
    batched, one_by_one = (statistics.median(times) for times in zip(*turns, strict=True))
    print(f"{name:<12}{what:<22}{batched * 1e3:>10.1f} ms{one_by_one * 1e3:>12.1f} ms{one_by_one / batched:>9.1f}x", flush=True)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=["mnist", "mnist-conv"])
    options = parser.parse_args()
    images = torch.randint(0, 256, (IMAGES, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    print(f"{'run':<12}{'work':<22}{'in batches':>13}{'one by one':>15}{'ratio':>10}")
    for name in options.runs:
        model = load_run(runs_folder() / name).model
        points = make_grid(SIDE).points()
        report(
            name,
            f"decode {SIDE} x {SIDE}",
            lambda: decode_points(model, points),
            lambda: [model.decode(z[None]) for z in points],
        )
        report(
            name,
            f"encode {IMAGES:,}",
            lambda: [model.encode(pixels(part)) for part in images.split(1000)],
            lambda: [model.encode(pixels(image[None])) for image in images[:SINGLE_IMAGES]],
            scale=IMAGES / SINGLE_IMAGES,
        )
        with_terms = seconds(lambda: encode_images(model, images))
        print(f"{name:<12}{'  and their terms':<22}{with_terms * 1e3:>10.1f} ms")


if __name__ == "__main__":
    main()
