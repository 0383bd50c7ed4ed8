"""Runs side by side: the settings in which they differ, and each run's figures."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vae.config import RunConfig
from vae.latent.plane import Plane
from vae.runs.snapshots import Snapshot

NEIGHBOURS = 5
ACTIVE = 0.01
"""A unit is active when the variance of its posterior mean over the images exceeds this (Burda, Grosse and Salakhutdinov
2016, arXiv 1509.00519, section 5.2)."""

ABSENT = "none"
WORDS = {
    "dataset": "data set",
    "held_out": "held-out split",
    "architecture": "model",
    "latent": "latent dimensions",
    "scale": "scale of the likelihood",
    "encoder_widths": "encoder widths",
    "decoder_widths": "decoder widths",
    "fourier_features": "Fourier features",
    "encoder_lattice": "lattice where the encoder looks",
    "start_from": "weights to begin with",
    "binarise": "binarisation of the pixels",
    "clip_norm": "greatest gradient norm",
    "schedule": "learning rate's schedule",
    "beta_schedule": "beta's schedule",
    "beta_rise": "share in which beta rises",
    "beta_cycles": "beta's cycles",
}
"""What settings are called where the field's own name would not do."""

NO_MATTER = ("report_every",)
"""Settings that leave the trained model as it is."""


@dataclass(frozen=True)
class Setting:
    """One setting of several runs: what it is called, and each run's value in words, in the order of the runs."""

    field: str
    name: str
    values: tuple[str, ...]


def differing_settings(configs: Sequence[RunConfig]) -> list[Setting]:
    """The settings in which runs differ: data set, then model, then training, as `RunConfig` lists them."""
    rows = [_values(config) for config in configs]
    fields = dict.fromkeys(field for row in rows for field in row)
    return [
        Setting(field, WORDS.get(field, field.replace("_", " ")), tuple(row.get(field, ABSENT) for row in rows))
        for field in fields
        if field not in NO_MATTER and len({row.get(field) for row in rows}) > 1
    ]


def _values(config: RunConfig) -> dict[str, str]:
    """Every setting in words; what has no effect for want of a Gaussian, or of a schedule of beta, counts as none."""
    plain = {name: value for name, value in vars(config).items() if not dataclasses.is_dataclass(value)}
    settings = plain | vars(config.model) | vars(config.training)
    if config.model.likelihood != "gaussian":
        settings["scale"] = None
    if config.training.beta_schedule == "constant":
        settings["beta_rise"] = None
    if config.training.beta_schedule != "cyclical":
        settings["beta_cycles"] = None
    return {field: in_words(value) for field, value in settings.items()}


def in_words(value: object) -> str:
    """A setting's value as a reader expects it: 60,000; 0.003; 256, 256; none."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(in_words, value))
    if isinstance(value, float) and not value.is_integer():
        return f"{value:g}"
    return f"{int(value):,}" if isinstance(value, (int, float)) else str(value)


def same_nats(configs: Sequence[RunConfig]) -> bool:
    """Whether the terms of all runs are log-probabilities, or of all log densities, whatever the scale of these."""
    return len({config.model.likelihood for config in configs}) < 2


def same_images(configs: Sequence[RunConfig]) -> bool:
    """Whether the runs are measured on the same held-out images, all of them grey or all black and white."""
    return len({(config.dataset, config.held_out, config.training.binarise is None) for config in configs}) < 2


@dataclass(frozen=True)
class Figures:
    """What can be quoted of a run. The terms are means over `images` held-out images, in nats per image.

    The KL term is exact, the reconstruction term is estimated with one sample of z per image. `active_units` of the
    `latent` dimensions say something of the image. `neighbour_accuracy` is the share of images, from 0 to 1, whose class is
    that of most of the five nearest other codes on the plane; NaN where there is no other code. `seconds` were spent on
    the optimiser's steps, on whatever machine trained the run.
    """

    images: int
    reconstruction: float
    kl: float
    active_units: int
    latent: int
    neighbour_accuracy: float
    parameters: int
    seconds: float

    @property
    def elbo(self) -> float:
        """reconstruction - KL, in nats per image."""
        return self.reconstruction - self.kl


def figures_of(snapshot: Snapshot, plane: Plane, parameters: int, seconds: float) -> Figures:
    """The figures of a run from the snapshot of its weights; the nearest codes are sought on `plane`."""
    means, terms = snapshot.codes.posterior.mean, snapshot.codes.terms
    return Figures(
        images=len(snapshot.labels),
        reconstruction=terms.reconstruction.double().mean().item(),
        kl=terms.kl.double().mean().item(),
        active_units=int(active_units(means).sum()),
        latent=means.shape[1],
        neighbour_accuracy=neighbour_accuracy(plane.project(means), snapshot.labels),
        parameters=parameters,
        seconds=seconds,
    )


def active_units(means: Tensor) -> Tensor:
    """Which latent dimensions are active, (D,), by the variance over the images of the posterior means (N, D).

        A_d = Var_x(E_q(z given x)[z_d]) > 0.01

    Burda, Grosse and Salakhutdinov 2016, arXiv 1509.00519, section 5.2.
    """
    return means.double().var(0, correction=0) > ACTIVE


def neighbour_accuracy(places: Tensor, labels: Tensor, count: int = NEIGHBOURS) -> float:
    """The share of codes at `places` (N, 2) whose class most of their `count` nearest other codes have, from 0 to 1.

    Each code is left out of its own neighbours. Among classes that are equally frequent the nearest code decides. NaN
    for fewer than two codes.
    """
    from sklearn.neighbors import NearestNeighbors  # takes a second to import, which nobody else has to wait for

    count = min(count, len(labels) - 1)
    if count < 1:
        return math.nan
    search = NearestNeighbors(n_neighbors=count).fit(places.double().numpy())
    near = labels.numpy()[search.kneighbors(return_distance=False)]  # (N, count), the nearest first
    agreeing = (near[:, :, None] == near[:, None, :]).sum(2)
    predicted = np.take_along_axis(near, agreeing.argmax(1)[:, None], 1)[:, 0]
    return float((predicted == labels.numpy()).mean())


def explained_by_class(values: Tensor, labels: Tensor) -> float:
    """The share of the variance of values (N,) that lies between the means of their classes (N,), from 0 to 1 (eta squared)."""
    values = values.double()
    classes, index, counts = labels.unique(return_inverse=True, return_counts=True)
    means = torch.zeros(len(classes), dtype=torch.double).index_add_(0, index, values) / counts
    total = (values - values.mean()).square().sum()
    return (1 - (values - means[index]).square().sum() / total).item() if total > 0 else 0.0
