"""Frames: what the plane looked like after one epoch, as a safetensors file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vae.data.inputs import IMAGE_SHAPE
from vae.errors import RunError
from vae.latent.grid import make_grid
from vae.model.autoencoder import VAE, Posterior
from vae.model.elbo import Terms, kl_to_prior
from vae.model.inference import Codes, decode_points
from vae.runs import atomic_files

PROBES = 10_000
"""How many held-out images a snapshot holds at most."""

GRID_SIZE = 20
MOST_STEPS = 2**53
DIGITS = re.compile("[0-9]{4,9}")  # str.isdigit has more of them


@dataclass(frozen=True)
class Snapshot:
    """What the plane looked like after one epoch.

    Probe i is held-out image i. `grid` is the manifold, decoded images (rows * columns, 1, H, W) as uint8 on the linear
    grid of `vae.latent.grid.make_grid`, or None where the latent space is not a plane.
    """

    epoch: int
    step: int
    codes: Codes
    labels: Tensor
    grid: Tensor | None


def make(model: VAE, codes: Codes, labels: Tensor, epoch: int, step: int) -> Snapshot:
    """What the plane looks like by the first of a model's held-out `codes` and their `labels`, and its manifold."""
    grid = decode_points(model, make_grid(GRID_SIZE).points()) if model.config.latent == 2 else None
    return Snapshot(epoch, step, codes.first(PROBES), labels[:PROBES], grid)


def name_of(epoch: int) -> str:
    """What the file of an epoch's snapshot is called."""
    return f"{epoch:04d}.safetensors"


def paths_in(folder: Path) -> list[Path]:
    """The files in a folder that are called as snapshots are, by epoch."""
    numbered = [path for path in folder.glob("*.safetensors") if DIGITS.fullmatch(path.stem)]
    return sorted((path for path in numbered if path.name == name_of(int(path.stem))), key=lambda path: int(path.stem))


def write(path: Path, snapshot: Snapshot) -> None:
    """Replace `path` by a snapshot."""
    tensors = {
        "mean": snapshot.codes.posterior.mean,
        "log_variance": snapshot.codes.posterior.log_variance,
        "reconstruction": snapshot.codes.terms.reconstruction,
        "labels": snapshot.labels.to(torch.uint8),
    }
    if snapshot.grid is not None:
        tensors["grid"] = snapshot.grid
    atomic_files.write_tensors(path, tensors, {"epoch": snapshot.epoch, "step": snapshot.step})


def read(path: Path) -> Snapshot:
    """The snapshot in a file. Raises `RunError` when it is damaged."""
    tensors, numbers = atomic_files.read_tensors(path)
    try:
        mean, log_variance = tensors["mean"], tensors["log_variance"]
        reconstruction, labels, grid = tensors["reconstruction"], tensors["labels"], tensors.get("grid")
        epoch, step = int(numbers["epoch"]), int(numbers["step"])
    except KeyError as error:
        raise RunError(f"{path} lacks {error}, so it is no frame; delete it or copy the run again.") from error
    fits = 0 <= epoch <= MOST_STEPS and 0 <= step <= MOST_STEPS and labels.dtype == torch.uint8
    fits = fits and mean.ndim == 2 and mean.shape == log_variance.shape
    fits = fits and labels.shape == reconstruction.shape == mean.shape[:1]
    fits = fits and {mean.dtype, log_variance.dtype, reconstruction.dtype} == {torch.float32}
    fits = fits and (grid is None or (grid.shape[1:] == IMAGE_SHAPE and grid.dtype == torch.uint8))
    if not fits or not atomic_files.all_finite({"m": mean, "v": log_variance, "r": reconstruction}):
        raise RunError(f"{path} holds no frame of this run; delete it or copy the run again.")
    posterior = Posterior(mean, log_variance)
    return Snapshot(epoch, step, Codes(posterior, Terms(reconstruction, kl_to_prior(posterior))), labels.long(), grid)
