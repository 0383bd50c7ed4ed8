"""The codes that a diffusion prior is trained on: all posteriors of a run's training images, and the held-out ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data import datasets
from vae.errors import DataError, DiffusionError
from vae.model.autoencoder import VAE, Posterior
from vae.model.inference import batch_for
from vae.runs.folder import Run

FEWEST = 50
EVERY = 6
"""Of a frame's codes, each sixth is held out."""


@dataclass(frozen=True)
class LabelledCodes:
    """Posteriors of N images with their labels (N,)."""

    posterior: Posterior
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: Tensor) -> LabelledCodes:
        """Those at `index`, a mask or integers."""
        return LabelledCodes(Posterior(self.posterior.mean[index], self.posterior.log_variance[index]), self.labels[index])

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """z (count, D) of `count` different images, or of all where they are fewer: a draw from each posterior, on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        chosen = self.select(torch.randperm(len(self), generator=generator)[:count]).posterior.on_cpu
        return chosen.sample(torch.randn(chosen.mean.shape, generator=generator))


@dataclass(frozen=True)
class Standard:
    """What makes codes standard: u = (z - centre) / scale, with one `scale` for all dimensions, so that shapes stay.

    The scale is the root of the mean variance of a dimension, posteriors' own variances included.
    """

    centre: Tensor
    scale: float

    @classmethod
    def of(cls, posterior: Posterior) -> Standard:
        """From posteriors (N, D)."""
        centre = posterior.mean.mean(0)
        variance = (posterior.mean - centre).square().mean() + posterior.log_variance.exp().mean()
        return cls(centre, variance.sqrt().item())

    def to_standard(self, z: Tensor) -> Tensor:
        """u of z (..., D)."""
        return (z - self.centre.to(z)) / self.scale

    def to_latent(self, u: Tensor) -> Tensor:
        """z of u (..., D)."""
        return self.centre.to(u) + self.scale * u

    def posterior(self, posterior: Posterior) -> Posterior:
        """The same posteriors of u."""
        return Posterior(self.to_standard(posterior.mean), posterior.log_variance - 2 * math.log(self.scale))


@dataclass(frozen=True)
class CodeSets:
    """Codes to train on and held-out ones. `from_snapshot` where both are the run's held-out images, for want of the others."""

    train: LabelledCodes
    held_out: LabelledCodes
    from_snapshot: bool


def codes_of(run: Run) -> CodeSets:
    """The codes of a run's images; where its data set cannot be read on this machine, those that its latest snapshot keeps.

    Raises `DiffusionError` where there are too few.
    """
    try:
        dataset = datasets.load(run.config.dataset, run.config.held_out)
        if run.config.training.binarise is not None:
            dataset = datasets.as_trained_on(dataset, "static")
    except DataError as error:
        sets = _codes_of_snapshot(run, error)
    else:
        sets = CodeSets(_encode(run.model, dataset.train), _encode(run.model, dataset.held_out), False)
    if min(len(sets.train), len(sets.held_out)) < FEWEST // EVERY:
        raise DiffusionError(f"{run.folder.path} has {len(sets.train)} codes to learn from; at least {FEWEST} are needed.")
    return sets


def _codes_of_snapshot(run: Run, problem: DataError) -> CodeSets:
    snapshot = run.folder.snapshot_of_step(run.step)
    if snapshot is None:
        raise DiffusionError(f"{run.folder.path} has no frame with the codes of its weights, and of its images: {problem}")
    codes = LabelledCodes(snapshot.codes.posterior, snapshot.labels)
    kept = torch.arange(len(codes)) % EVERY == EVERY - 1
    return CodeSets(codes.select(~kept), codes.select(kept), True)


@torch.no_grad()
def _encode(model: VAE, split: datasets.Split) -> LabelledCodes:
    device = model.device
    parts = [model.encode(datasets.pixels(part.to(device))) for part in split.images.split(batch_for(device))]
    means, log_variances = (torch.cat([getattr(part, name) for part in parts]).cpu() for name in ("mean", "log_variance"))
    return LabelledCodes(Posterior(means, log_variances), split.labels)
