"""Both sides of the central equation, and what they cost.

    python -m benchmarks.evidence                 mnist and mnist-conv, 1,000 held-out images
    python -m benchmarks.evidence --images 50     sooner
    python -m benchmarks.evidence --without-costs on a machine with other work to do

For every image: log p(x) by quadrature over the plane; KL(q to p(z given x)) at places of its own, with a posterior
normalised on q's own lattice; and the right side by Gauss-Hermite quadrature, which decodes for itself: see
`vae.evidence.elbo_identity`. For the encoder's q, and for one that was moved by hand.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import tqdm

from vae.bounded_cache import BoundedCache
from vae.data import datasets
from vae.data.datasets import pixels
from vae.evidence.elbo_identity import elbo_identity
from vae.evidence.importance_sampling import importance_log_evidence
from vae.evidence.plane_quadrature import KEPT_FOR_A_DATA_SET, TOLERANCE, PlaneQuadrature
from vae.model.autoencoder import Posterior
from vae.runs.folder import load_run, runs_folder

IMPORTANCE_IMAGES, IMPORTANCE_SAMPLES = 200, 5000
PAGE_IMAGES, DECODED_IMAGES = 20, 50


def moved(q: Posterior, generator: torch.Generator) -> Posterior:
    """q as a hand might move it: its mean by a third of a unit, its standard deviations by a factor of about 1.6."""
    far, wide = (torch.randn(q.mean.shape, generator=generator) for _ in range(2))
    return Posterior(q.mean + far / 3, q.log_variance + wide)


def differences(quadrature: PlaneQuadrature, images: torch.Tensor, evidence: torch.Tensor, by_hand: bool) -> torch.Tensor:
    """Left side - right side of each image, in nats."""
    generator, found = torch.Generator().manual_seed(0), []
    with torch.no_grad():
        encoded = quadrature.model.encode(images)
    for index in tqdm.trange(len(images), disable=None, leave=False):
        q = Posterior(encoded.mean[index : index + 1], encoded.log_variance[index : index + 1])
        terms = elbo_identity(quadrature, images[index : index + 1], moved(q, generator) if by_hand else q)
        found.append(evidence[index].item() - terms.kl_to_posterior - terms.elbo)
    return torch.tensor(found)


def print_differences(quadrature: PlaneQuadrature, images: torch.Tensor, evidence: torch.Tensor) -> None:
    """The largest and the mean difference of both sides."""
    for by_hand in (False, True):
        size = differences(quadrature, images, evidence, by_hand).abs()
        whose = "q moved by hand" if by_hand else "the encoder's q"
        within = int((size <= 0.01).sum())
        print(
            f"  both sides, {whose}: largest difference {size.max():.4f}, mean {size.mean():.5f} nats; "
            f"{within:,} of {len(size):,} within 0.01",
            flush=True,
        )


def print_importance(quadrature: PlaneQuadrature, images: torch.Tensor, evidence: torch.Tensor) -> None:
    """How often importance sampling agrees with quadrature."""
    estimate = importance_log_evidence(quadrature.model, images, IMPORTANCE_SAMPLES, torch.Generator().manual_seed(0))
    difference = estimate.log_evidence - evidence
    away = (difference / estimate.standard_error).abs()
    spread = away.square().mean().sqrt()
    print(
        f"  importance sampling, K = {IMPORTANCE_SAMPLES:,}: {int((away <= 3).sum())} of {len(images)} within three standard "
        f"errors (median {estimate.standard_error.median():.3f} nats); the farthest is {away.max():.1f} away, their root mean "
        f"square is {spread:.2f} (1, where standard errors are right), the mean difference {difference.mean():+.4f} nats",
        flush=True,
    )
    for index in (away > 3).nonzero()[:, 0].tolist():
        print(
            f"    image {index}: {estimate.log_evidence[index]:.3f} by sampling, standard error "
            f"{estimate.standard_error[index]:.3f}, {evidence[index]:.3f} by quadrature",
            flush=True,
        )


def print_tiles(quadrature: PlaneQuadrature, images: torch.Tensor, evidence: torch.Tensor) -> None:
    """What the evidence owes to polynomials between decoded places."""
    everywhere = PlaneQuadrature(quadrature.model, tiles=False).log_evidence(images).log_evidence
    difference = evidence - everywhere
    print(
        f"  tiles of decoded places instead of decoding everywhere: {len(images)} images, largest difference "
        f"{difference.abs().max():.4f}, mean {difference.mean():+.5f} nats",
        flush=True,
    )


def print_costs(quadrature: PlaneQuadrature, images: torch.Tensor) -> None:
    """Seconds for all held-out images, milliseconds for one."""
    one = []
    for image in images[: PAGE_IMAGES + 1].split(1):
        began = time.perf_counter()
        quadrature.log_evidence(image)
        one.append(1000 * (time.perf_counter() - began))
    began = time.perf_counter()
    found = PlaneQuadrature(quadrature.model, kept=BoundedCache(KEPT_FOR_A_DATA_SET)).log_evidence(images)
    seconds = time.perf_counter() - began
    print(
        f"  all {len(images):,} held-out images: {seconds:.1f} s on {torch.get_num_threads()} threads; the last halving "
        f"changed "
        f"{int((found.change >= TOLERANCE).sum()):,} by {TOLERANCE} nats or more, the most by {found.change.max():.4f}; one "
        f"image, warm: {statistics.median(one[1:]):.0f} ms (slowest {max(one[1:]):.0f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=["mnist", "mnist-lattice", "mnist-conv"])
    parser.add_argument("--images", type=int, default=1000, help="for the difference of both sides (default: 1000)")
    parser.add_argument("--without-costs", action="store_true", help="leave out the times, which take the machine to oneself")
    options = parser.parse_args()
    for name in options.runs:
        run = load_run(runs_folder() / name)
        held_out = pixels(datasets.held_out_of(run.config).images)
        print(name, flush=True)
        quadrature = PlaneQuadrature(run.model, kept=BoundedCache(KEPT_FOR_A_DATA_SET))
        if not options.without_costs:
            print_costs(quadrature, held_out)
        some = held_out[: options.images]
        evidence = quadrature.log_evidence(some).log_evidence
        print_tiles(quadrature, some[:DECODED_IMAGES], evidence[:DECODED_IMAGES])
        print_importance(quadrature, some[:IMPORTANCE_IMAGES], evidence[:IMPORTANCE_IMAGES])
        print_differences(quadrature, some, evidence)


if __name__ == "__main__":
    main()
