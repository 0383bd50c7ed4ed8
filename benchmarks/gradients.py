"""Why reparameterise: both estimators of the reconstruction term's gradient by q's mean, beside its value by quadrature.

    python -m benchmarks.gradients
    python -m benchmarks.gradients --run mnist-conv --images 3 --samples 2000

For each image and each of the plane's two dimensions: the estimators' means with their standard errors, how many standard
errors they are from the quadrature, the variances of a single draw, and the ratio of the variances. The run is a name in
the runs' folder, or a folder.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor

from vae.data import held_out_of, pixels
from vae.estimators import (
    GradientSummary,
    compare_gradients,
    pathwise_gradients,
    quadrature_gradient,
    score_function_gradients,
)
from vae.model import VAE
from vae.run import load_run, runs_folder

COLUMNS = ("image", "dim", "quadrature", "pathwise", "z", "score function", "z", "pathwise var", "score var", "ratio")
WIDTHS = (7, 5, 12, 20, 7, 22, 7, 14, 14, 12)


def show(*cells: str) -> None:
    print("".join(cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True)), flush=True)


def with_error(summary: GradientSummary, dimension: int) -> str:
    return f"{summary.mean[dimension]:.3f} +- {summary.standard_error[dimension]:.3f}"


@torch.no_grad()
def compare(model: VAE, x: Tensor, number: int, samples: int) -> tuple[Tensor, Tensor]:
    """Print one image's lines; its z-scores (2, D) and ratios of variances (D,)."""
    posterior, generator = model.encode(x), torch.Generator().manual_seed(number)
    exact = quadrature_gradient(model, x, posterior)
    both = compare_gradients(
        *(draw(model, x, posterior, samples, generator) for draw in (pathwise_gradients, score_function_gradients))
    )
    scores = torch.stack([(s.mean - exact.gradient) / s.standard_error for s in (both.pathwise, both.score_function)])
    for dimension, ratio in enumerate(both.variance_ratio.tolist()):
        show(
            str(number),
            str(dimension + 1),
            f"{exact.gradient[dimension]:.3f}",
            with_error(both.pathwise, dimension),
            f"{scores[0, dimension]:+.2f}",
            with_error(both.score_function, dimension),
            f"{scores[1, dimension]:+.2f}",
            f"{both.pathwise.variance[dimension]:.4g}",
            f"{both.score_function.variance[dimension]:.4g}",
            f"{ratio:,.0f}",
        )
    return scores, both.variance_ratio


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
    print(
        f"largest |z| {scores.abs().max():.2f}, median ratio of the variances {ratios.median():,.0f}, "
        f"{(time.perf_counter() - began) / len(images):.1f} s an image"
    )


if __name__ == "__main__":
    main()
