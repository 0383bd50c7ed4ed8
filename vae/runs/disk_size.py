"""How much room a run takes, before it is trained."""

from __future__ import annotations

from math import prod

from vae.config import RunConfig
from vae.data.datasets import ONE_IN_VALIDATION, SIZES
from vae.data.inputs import IMAGE_SHAPE
from vae.model.autoencoder import parameters_of
from vae.runs.snapshots import GRID_SIZE, PROBES

FLOAT = 4
STATES = 4
"""Copies of the weights on the disk: those that are loaded, and the trainer's with its two moments."""


def bytes_on_disk(config: RunConfig) -> int:
    """About how many bytes a run's folder has when it is trained to its end: a snapshot for each epoch and one before it."""
    return (config.training.epochs + 1) * snapshot_bytes(config) + STATES * FLOAT * parameters_of(config.model)


def snapshot_bytes(config: RunConfig) -> int:
    """About how many bytes one snapshot has: each image's posterior, reconstruction term and label, and the grid."""
    train, test = SIZES[config.dataset]
    images = min(train // ONE_IN_VALIDATION if config.held_out == "validation" else test, PROBES)
    latent = config.model.latent
    grid = GRID_SIZE**2 * prod(IMAGE_SHAPE) if latent == 2 else 0
    return images * (FLOAT * (2 * latent + 1) + 1) + grid
