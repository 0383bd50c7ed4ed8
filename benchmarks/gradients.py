"""Why reparameterise: estimators of the reconstruction term's gradient by q's mean, beside its value by quadrature.

    python -m benchmarks.gradients
    python -m benchmarks.gradients --run mnist-conv --images 3 --samples 2000

For each image and each of the plane's two dimensions and each estimator: its mean with its standard error, how many standard
errors it is from the quadrature, the variance of a single draw, and how many times the variance of the draw through
z = mean + sigma * epsilon that is. The score function stands there twice: as it comes, where the variance is nearly all that of
the mean of log p(x given z) times epsilon / sigma, and with that mean subtracted (a baseline). The run is a name in the runs'
folder, or a folder.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor

from vae.data.datasets import held_out_of, pixels
from vae.evidence.monte_carlo import GradientSummary, compare_gradients, quadrature_gradient
from vae.model.autoencoder import VAE
from vae.runs.folder import load_run, runs_folder

COLUMNS = ("image", "dim", "quadrature", "estimator", "mean", "z", "variance", "ratio")
WIDTHS = (7, 5, 12, 17, 24, 7, 14, 12)
ESTIMATORS = ("pathwise", "score function", "with a baseline")


def show(*cells: str) -> None:
    print("".join(cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True)), flush=True)


def with_error(summary: GradientSummary, dimension: int) -> str:
    return f"{summary.mean[dimension]:.3f} +- {summary.standard_error[dimension]:.3f}"


@torch.no_grad()
def compare(model: VAE, x: Tensor, number: int, samples: int) -> tuple[Tensor, Tensor]:
    """Print one image's lines; each estimator's z-scores (3, D) and ratios of variances (3, D)."""
    posterior, generator = model.encode(x), torch.Generator().manual_seed(number)
    exact = quadrature_gradient(model, x, posterior)
    found, _ = compare_gradients(model, x, posterior, samples, generator)
    summaries = (found.pathwise, found.score_function, found.with_baseline)
    scores = torch.stack([(summary.mean - exact.gradient) / summary.standard_error for summary in summaries])
    ratios = torch.stack([torch.ones_like(found.variance_ratio), found.variance_ratio, found.ratio_with_baseline])
    for dimension in range(len(exact.gradient)):
        for row, (name, summary) in enumerate(zip(ESTIMATORS, summaries, strict=True)):
            show(
                str(number),
                str(dimension + 1),
                f"{exact.gradient[dimension]:.3f}",
                name,
                with_error(summary, dimension),
                f"{scores[row, dimension]:+.2f}",
                f"{summary.variance[dimension]:.4g}",
                f"{ratios[row, dimension]:,.1f}",
            )
    return scores, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = load_run(runs_folder() / options.run)
    images = pixels(held_out_of(run.config).images[: options.images])
    print(f"{options.run}, {options.samples:,} draws for each estimator, held-out images by number, nats per unit of q's mean")
    show(*COLUMNS)
    began = time.perf_counter()
    results = [compare(run.model, x[None], number, options.samples) for number, x in enumerate(images)]
    scores, ratios = (torch.stack(parts) for parts in zip(*results, strict=True))
    print(f"largest |z| {scores.abs().max():.2f}; {(time.perf_counter() - began) / len(images):.1f} s an image")
    for row, name in enumerate(ESTIMATORS[1:], start=1):
        found = ratios[:, row]
        print(f"ratio of the variances, {name}: {found.min():,.1f} to {found.max():,.1f}, median {found.median():,.1f}")


if __name__ == "__main__":
    main()
