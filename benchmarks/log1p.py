"""Microseconds of softplus on as many numbers as a batch has pixels, tuned and as torch comes.

    python -m benchmarks.log1p

Each is measured in fresh processes, since what makes the difference is whether a page of torch's library is in memory. They
take turns; the medians are printed. On a processor without AVX-512 both take the same.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch.nn import functional

from benchmarks.processes import new_process
from vae.startup import tune_log1p

CALLS = 300


def microseconds(tuned: bool, images: int) -> float:
    """Of one call, in the median, in this process."""
    if tuned:
        tune_log1p()
    logits = 5 * torch.randn(images, 784, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        functional.softplus(logits)
        times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times)


def in_a_new_process(tuned: bool, images: int) -> float:
    with new_process() as process:
        return process.submit(microseconds, tuned, images).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=128, help="of 784 pixels (default: 128)")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    turns = [[in_a_new_process(tuned, options.images) for tuned in (True, False)] for _ in range(options.turns)]
    ours, plain = (statistics.median(times) for times in zip(*turns, strict=True))
    print(
        f"softplus of {options.images} x 784 numbers: tuned {ours:.0f} us, as torch comes {plain:.0f} us, "
        f"{plain / ours:.1f} times as long"
    )


if __name__ == "__main__":
    main()
