"""The held-out terms of a run, as a figure to quote."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from vae.bounded_cache import BoundedCache
from vae.data import datasets
from vae.data.datasets import pixels
from vae.evidence.importance_sampling import importance_log_evidence
from vae.evidence.plane_quadrature import KEPT_FOR_A_DATA_SET, TOLERANCE, PlaneQuadrature
from vae.model.elbo import Terms, kl_to_prior, reconstruction_samples
from vae.runs.folder import Run

BATCH, DRAWS = 250, 16
"""Images at a time, and draws of z for each of them at a time: more would need more memory."""

BINARISATIONS = 2
"""Sets of pixels over which figures of dynamically binarised images are averaged: enough to tell the error that they leave."""


def held_out_sets(run: Run, binarise: str | None = None) -> list[Tensor]:
    """The held-out images to evaluate, uint8 (N, C, H, W) each, as the run sees them or as `binarise` says.

    `static` is one set of black and white pixels, each white with its grey value as the probability; `dynamic` draws several
    such sets, of which the first is that one. The same call gives the same pixels. Raises `DataError` without the data set.
    """
    if binarise is None:
        return [datasets.held_out_of(run.config).images]
    split = datasets.load_held_out(run.config.dataset, run.config.held_out)
    return [split.binarised_once(seed).images for seed in range(BINARISATIONS if binarise == "dynamic" else 1)]


@dataclass(frozen=True)
class Evaluation:
    """Means over all held-out images, in nats per image.

    `sampling_error` is the standard error that the draws of z leave in the mean; the images themselves are taken as given,
    but for `pixel_error`, which several draws of their pixels leave in the ELBO. `elbos` are those of the images, (N,).
    """

    images: int
    reconstruction: float
    kl: float
    sampling_error: float
    elbos: Tensor
    pixel_error: float | None = None

    @property
    def elbo(self) -> float:
        return self.reconstruction - self.kl

    @classmethod
    def over(cls, sets: list[Evaluation]) -> Evaluation:
        """The mean over several draws of the same images' pixels."""
        reconstruction, kl = (fmean(getattr(one, term) for one in sets) for term in ("reconstruction", "kl"))
        sampling_error = math.sqrt(sum(one.sampling_error**2 for one in sets)) / len(sets)
        elbos = torch.stack([one.elbos for one in sets])
        return cls(sets[0].images, reconstruction, kl, sampling_error, elbos.mean(0), _pixel_error(elbos))


@torch.no_grad()
def evaluate_run(
    run: Run, images: Tensor, samples: int = 16, seed: int = 0, progress: Callable[[Iterable[Any]], Iterable[Any]] = iter
) -> Evaluation:
    """The mean terms of uint8 images (N, C, H, W), with `samples` draws of z per image."""
    device = run.model.device
    generator = torch.Generator(device=device).manual_seed(seed)
    counts = [min(DRAWS, samples - first) for first in range(0, samples, DRAWS)]
    reconstruction, kl, variance = [], [], 0.0
    for part in progress(images.split(BATCH)):
        x = pixels(part.to(device))
        posterior = run.model.encode(x)
        drawn = [reconstruction_samples(run.model, posterior, x, count, generator).cpu() for count in counts]
        draws = torch.cat(drawn).double()
        reconstruction.append(draws.mean(0))
        kl.append(kl_to_prior(posterior).cpu().double())
        if samples > 1:
            variance += (draws.var(0) / samples).sum().item()
    terms = Terms(torch.cat(reconstruction), torch.cat(kl))
    error = variance**0.5 / len(images) if samples > 1 else float("nan")
    return Evaluation(len(images), terms.reconstruction.mean().item(), terms.kl.mean().item(), error, terms.elbo)


@dataclass(frozen=True)
class EvidenceEvaluation:
    """The mean of log p(x) over all held-out images, in nats per image, and how it was found.

    By quadrature, `largest_change` is what the last halving of the spacing changed at most, in any image, and `unsettled`
    counts the images that it changed by more than was asked for; by importance sampling, `standard_error` is that of the
    mean. What does not apply is None. `log_evidences` are those of the images, (N,).
    """

    images: int
    log_evidence: float
    log_evidences: Tensor
    largest_change: float | None = None
    unsettled: int | None = None
    standard_error: float | None = None
    pixel_error: float | None = None

    @classmethod
    def over(cls, sets: list[EvidenceEvaluation]) -> EvidenceEvaluation:
        """The mean over several draws of the same images' pixels."""
        each = torch.stack([one.log_evidences for one in sets])
        found = (sets[0].images, each.mean().item(), each.mean(0))
        alike: list[Any] = sets  # what is None of one is None of all
        if sets[0].standard_error is not None:
            error = math.sqrt(sum(one.standard_error**2 for one in alike)) / len(sets)
            return cls(*found, standard_error=error, pixel_error=_pixel_error(each))
        change, unsettled = max(one.largest_change for one in alike), sum(one.unsettled for one in alike)
        return cls(*found, change, unsettled, pixel_error=_pixel_error(each))


def _pixel_error(each: Tensor) -> float | None:
    """The standard error that the draws of pixels leave in the mean of (draws, N) values; one draw does not tell."""
    draws, images = each.shape
    return (each.var(0).sum() / draws).sqrt().item() / images if draws > 1 else None


def evaluate_evidence(
    run: Run, images: Tensor, samples: int = 1000, seed: int = 0, progress: Callable[[Iterable[Any]], Iterable[Any]] = iter
) -> EvidenceEvaluation:
    """The evidence of uint8 images (N, C, H, W): by quadrature where the latent space is a plane, else by importance sampling.

    `samples` are the draws for each image of the latter.
    """
    if run.config.model.latent == 2:
        quadrature = PlaneQuadrature(run.model, kept=BoundedCache(KEPT_FOR_A_DATA_SET))
        found = quadrature.log_evidence(pixels(images), progress=progress)
        unsettled = int((found.change >= TOLERANCE).sum())
        log_evidences = found.log_evidence.cpu().double()
        return EvidenceEvaluation(len(images), log_evidences.mean().item(), log_evidences, found.change.max().item(), unsettled)
    generator = torch.Generator(device=run.model.device).manual_seed(seed)
    parts = [importance_log_evidence(run.model, pixels(part), samples, generator) for part in progress(images.split(BATCH))]
    error = torch.cat([part.standard_error for part in parts]).square().sum().sqrt().item() / len(images)
    log_evidences = torch.cat([part.log_evidence for part in parts]).cpu().double()
    return EvidenceEvaluation(len(images), log_evidences.mean().item(), log_evidences, standard_error=error)
