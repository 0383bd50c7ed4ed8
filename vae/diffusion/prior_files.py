"""The files that a diffusion prior is made of: its description, its codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vae.diffusion.code_dataset import CodeSets, LabelledCodes, Standard
from vae.diffusion.config import PriorConfig
from vae.diffusion.denoiser import DenoiserConfig
from vae.errors import ConfigError, RunError
from vae.model.autoencoder import Posterior
from vae.runs import atomic_files

FORMAT = 1


@dataclass(frozen=True)
class Description:
    """What prior.json says. `run_step` is the step of the run's weights whose codes these are, `first_variance` that of
    p(z given z_1), standardised; see `vae.diffusion.variational_bound.first_step_variance`.
    """

    config: PriorConfig
    latent: int
    classes: int
    standard: Standard
    run_step: int
    from_snapshot: bool
    first_variance: float

    @property
    def shape(self) -> DenoiserConfig:
        """Of the denoiser."""
        config = self.config
        return DenoiserConfig(self.latent, self.classes, config.width, config.layers, config.features)


def write_description(path: Path, description: Description) -> None:
    """Replace prior.json, which is at `path`."""
    standard = description.standard
    fields = {
        "format": FORMAT,
        "config": description.config.to_dict(),
        "latent": description.latent,
        "classes": description.classes,
        "centre": standard.centre.tolist(),
        "scale": standard.scale,
        "run_step": description.run_step,
        "from_frame": description.from_snapshot,
        "first_variance": description.first_variance,
    }
    atomic_files.write_json(path, fields)


def read_description(path: Path) -> Description:
    """What prior.json says. Raises `RunError`."""
    fields = atomic_files.read_json(path)
    if isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
        raise RunError(
            f"{path} was written in format {fields['format']}, and this version reads {FORMAT}; update the explorer."
        )
    try:
        latent, classes, centre = fields["latent"], fields["classes"], torch.tensor(fields["centre"], dtype=torch.float32)
        scale, variance = float(fields["scale"]), float(fields["first_variance"])
        fits = isinstance(latent, int) and isinstance(classes, int) and 1 <= latent <= 256 and 1 <= classes <= 256
        if not (fits and centre.shape == (latent,) and centre.isfinite().all() and 0 < scale < 1e9 and 0 < variance < 1e9):
            raise ConfigError("numbers are out of range")
        config = PriorConfig.from_dict(fields["config"])
        return Description(
            config, latent, classes, Standard(centre, scale), int(fields["run_step"]), bool(fields["from_frame"]), variance
        )
    except (ConfigError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{path} does not describe a diffusion prior ({error}); train it again.") from error


def write_codes(path: Path, sets: CodeSets) -> None:
    """Replace the codes, which are at `path`."""
    tensors = {}
    for name, codes in (("train", sets.train), ("held_out", sets.held_out)):
        tensors[f"{name}_mean"] = codes.posterior.mean
        tensors[f"{name}_log_variance"] = codes.posterior.log_variance
        tensors[f"{name}_labels"] = codes.labels.to(torch.uint8)
    atomic_files.write_tensors(path, tensors, {})


def read_codes(path: Path, description: Description) -> CodeSets:
    """The codes at `path`. Raises `RunError` where they are none of the prior that is described."""
    tensors, _ = atomic_files.read_tensors(path)
    try:
        train, held_out = (_codes(tensors, name, description) for name in ("train", "held_out"))
    except (KeyError, ValueError) as error:
        raise RunError(f"{path} holds no codes of this prior; train the prior again.") from error
    return CodeSets(train, held_out, description.from_snapshot)


def _codes(tensors: dict[str, Tensor], name: str, description: Description) -> LabelledCodes:
    mean, log_variance, labels = (tensors[f"{name}_{what}"] for what in ("mean", "log_variance", "labels"))
    fits = labels.ndim == 1 and labels.dtype == torch.uint8 and mean.shape == log_variance.shape
    fits = fits and mean.shape == (len(labels), description.latent) and {mean.dtype, log_variance.dtype} == {torch.float32}
    fits = fits and len(labels) > 0 and int(labels.max()) < description.classes
    if not fits or not atomic_files.all_finite({"m": mean, "v": log_variance}):
        raise ValueError(name)
    return LabelledCodes(Posterior(mean, log_variance), labels.long())
