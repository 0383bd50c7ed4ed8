"""The held-out terms of a run, as a figure to quote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from vae import data
from vae.data import pixels
from vae.elbo import kl_to_prior, reconstruction_samples
from vae.run import Run

BATCH = 250


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
    reconstruction = kl = variance = 0.0
    for images in progress(split.images.split(BATCH)):
        x = pixels(images.to(device))
        posterior = run.model.encode(x)
        draws = reconstruction_samples(run.model, posterior, x, samples, generator).cpu().double()
        reconstruction += draws.mean(0).sum().item()
        kl += kl_to_prior(posterior).cpu().double().sum().item()
        if samples > 1:
            variance += (draws.var(0) / samples).sum().item()
    count = len(split)
    error = variance**0.5 / count if samples > 1 else float("nan")
    return Evaluation(count, reconstruction / count, kl / count, error)
