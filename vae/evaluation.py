"""The held-out terms of a run, as a figure to quote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from vae import data
from vae.data import pixels
from vae.elbo import kl_to_prior, reconstruction_samples
from vae.evidence import TILES_FOR_A_DATA_SET, TOLERANCE, PlaneQuadrature
from vae.importance import importance_log_evidence
from vae.run import Run

BATCH, DRAWS = 250, 16
"""Images at a time, and draws of z for each of them at a time: more would need more memory."""


@dataclass(frozen=True)
class Evaluation:
    """Means over all held-out images, in nats per image.

    `sampling_error` is the standard error that the draws of z leave in the mean; the images themselves are taken as given.
    """

    images: int
    reconstruction: float
    kl: float
    sampling_error: float

    @property
    def elbo(self) -> float:
        return self.reconstruction - self.kl


@torch.no_grad()
def evaluate_run(run: Run, samples: int = 16, seed: int = 0, progress: Callable[[Iterable], Iterable] = iter) -> Evaluation:
    """The mean terms of a run's held-out images, with `samples` draws of z per image. Raises `DataError` without them."""
    device = run.model.device
    split = data.load_held_out(run.config.dataset, run.config.held_out)
    generator = torch.Generator(device=device).manual_seed(seed)
    parts = [min(DRAWS, samples - first) for first in range(0, samples, DRAWS)]
    reconstruction = kl = variance = 0.0
    for images in progress(split.images.split(BATCH)):
        x = pixels(images.to(device))
        posterior = run.model.encode(x)
        draws = torch.cat([reconstruction_samples(run.model, posterior, x, part, generator).cpu() for part in parts]).double()
        reconstruction += draws.mean(0).sum().item()
        kl += kl_to_prior(posterior).cpu().double().sum().item()
        if samples > 1:
            variance += (draws.var(0) / samples).sum().item()
    count = len(split)
    error = variance**0.5 / count if samples > 1 else float("nan")
    return Evaluation(count, reconstruction / count, kl / count, error)


@dataclass(frozen=True)
class EvidenceEvaluation:
    """The mean of log p(x) over all held-out images, in nats per image, and how it was found.

    By quadrature, `largest_change` is what the last halving of the spacing changed at most, in any image, and `unsettled`
    counts the images that it changed by more than was asked for; by importance sampling, `standard_error` is that of the
    mean. What does not apply is None.
    """

    images: int
    log_evidence: float
    largest_change: float | None = None
    unsettled: int | None = None
    standard_error: float | None = None


def evaluate_evidence(
    run: Run, samples: int = 1000, seed: int = 0, progress: Callable[[Iterable], Iterable] = iter
) -> EvidenceEvaluation:
    """The held-out evidence: by quadrature where the latent space is a plane, else by importance sampling.

    `samples` are the draws for each image of the latter. Raises `DataError` without the data set.
    """
    images = data.load_held_out(run.config.dataset, run.config.held_out).images
    if run.config.model.latent == 2:
        quadrature = PlaneQuadrature(run.model, tiles=TILES_FOR_A_DATA_SET)
        found = quadrature.log_evidence(pixels(images), progress=progress)
        unsettled = int((found.change >= TOLERANCE).sum())
        return EvidenceEvaluation(len(images), found.log_evidence.mean().item(), found.change.max().item(), unsettled)
    generator = torch.Generator(device=run.model.device).manual_seed(seed)
    parts = [importance_log_evidence(run.model, pixels(part), samples, generator) for part in progress(images.split(BATCH))]
    error = torch.cat([part.standard_error for part in parts]).square().sum().sqrt().item() / len(images)
    log_evidence = torch.cat([part.log_evidence for part in parts]).mean().item()
    return EvidenceEvaluation(len(images), log_evidence, standard_error=error)
