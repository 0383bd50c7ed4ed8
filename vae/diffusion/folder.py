"""A run's diffusion prior as a folder within the run's folder: read, write, replace.

    diffusion/prior.json           how the denoiser is shaped and was trained, on which codes, of which weights of the run
    diffusion/status.json          where its training stands, as a run's
    diffusion/metrics.jsonl        the losses, one line per report
    diffusion/model.safetensors    the denoiser, its weights averaged
    diffusion/codes.safetensors    the posteriors that it was trained on, and the held-out ones, with their labels
    diffusion/figures.json         how near its samples are to held-out codes, once it is trained

While a prior is trained it lies in `diffusion.new`. When its status.json says that it is finished it is the run's prior, and
takes the place of the earlier one: by two renames, so whatever was ended between them is finished by who comes next.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vae.diffusion.code_dataset import CodeSets, LabelledCodes, Standard
from vae.diffusion.config import PriorConfig
from vae.diffusion.denoiser import Denoiser, DenoiserConfig
from vae.diffusion.evaluation import Figures
from vae.diffusion.trainer import PriorReport
from vae.errors import ConfigError, RunError
from vae.model.autoencoder import Posterior
from vae.runs import atomic_files, metrics_log
from vae.runs.folder import PRIOR, PRIOR_IN_TRAINING, RunFolder
from vae.runs.metrics_log import MetricsFollower
from vae.runs.status import Status
from vae.runs.watched_folder import WatchedFolder

FORMAT = 1
OLD = "diffusion.old"


@dataclass(frozen=True)
class Description:
    """What prior.json says. `run_step` is the step of the run's weights whose codes these are, `first_variance` that of
    p(z given z_1), standardised; see `bound.first_step_variance`.
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


@dataclass(frozen=True)
class Prior:
    """A diffusion prior that is ready to be sampled from."""

    description: Description
    denoiser: Denoiser
    codes: CodeSets

    @property
    def standard(self) -> Standard:
        """Between z and the standardised codes that the denoiser knows."""
        return self.description.standard


class PriorFolder(WatchedFolder):
    """A handle on a prior's files."""

    KILLED = "The training was ended from outside before it was finished; train again."

    @classmethod
    def of(cls, run: RunFolder) -> PriorFolder:
        """The prior of a run; one that is ready is it, though it has not come to its place yet."""
        new = cls.in_training(run)
        return new if new.is_ready(run) else cls(run.path / PRIOR)

    @classmethod
    def in_training(cls, run: RunFolder) -> PriorFolder:
        """Where the run's next prior is trained."""
        return cls(run.path / PRIOR_IN_TRAINING)

    @property
    def exists(self) -> bool:
        """Whether there is a prior, or one on its way."""
        return (self.path / "status.json").exists()

    @property
    def has_denoiser(self) -> bool:
        """Whether there are weights to sample with."""
        return (self.path / "model.safetensors").exists()

    def queue(self, run: RunFolder) -> None:
        """An empty folder with a queued status, in place of what an ended training left. Raises `RunError` beside another."""
        if self.is_active():
            raise RunError(f"A diffusion prior of {run.path} is being trained already; watch it, or stop that one first.")
        run.read_config()  # a folder that is no run is left alone
        if self.is_ready(run):
            self.replace(run)
        try:
            self.path.mkdir(exist_ok=True)
            self.write_status(Status("queued", asked=time.time()))  # first: nobody takes what is left of it for a prior
            for path in self.path.iterdir():
                if path.name not in ("trainer.lock", "status.json"):
                    path.unlink()
        except OSError as error:
            raise atomic_files.cannot_write(self.path, error) from error

    def is_active(self) -> bool:
        """Whether it is being trained or is about to be, as far as can be known."""
        try:
            return self.exists and self.read_status().active
        except RunError:  # damaged, which keeps nobody from training anew
            return False

    def is_ready(self, run: RunFolder) -> bool:
        """Whether this new prior is to take its place: it is finished, or it was stopped where the run has no other."""
        try:
            state = self.read_status(as_written=True).state if self.has_denoiser else ""
        except RunError:
            return False
        return state == "finished" or (state == "stopped" and not PriorFolder(run.path / PRIOR).has_denoiser)

    def replace(self, run: RunFolder) -> PriorFolder:
        """Put this prior, which is ready, in the place of the run's earlier one."""
        final, old = PriorFolder(run.path / PRIOR), run.path / OLD
        try:
            if final.path.exists():
                shutil.rmtree(old, ignore_errors=True)
                final.path.rename(old)
            self.path.rename(final.path)
        except OSError as error:
            raise atomic_files.cannot_write(final.path, error) from error
        shutil.rmtree(old, ignore_errors=True)
        return final

    # What it is

    def write_description(self, description: Description) -> None:
        """Replace prior.json."""
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
        atomic_files.write_json(self.path / "prior.json", fields)

    def read_description(self) -> Description:
        """What prior.json says. Raises `RunError`."""
        path = self.path / "prior.json"
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

    # The denoiser and the codes

    def write_denoiser(self, denoiser: Denoiser) -> None:
        """Replace the weights."""
        atomic_files.write_tensors(self.path / "model.safetensors", denoiser.state_dict(), {})

    def read(self) -> Prior:
        """The prior, ready to be sampled from. Raises `RunError` on anything missing, damaged or of another run."""
        description = self.read_description()
        self._check_run(description)
        denoiser = Denoiser(description.shape)
        shapes = {name: tuple(value.shape) for name, value in denoiser.state_dict().items()}
        tensors, _ = atomic_files.read_tensors(self.path / "model.safetensors", shapes)
        if not atomic_files.all_finite(tensors):
            raise RunError(f"{self.path / 'model.safetensors'} holds numbers that are not finite; train the prior again.")
        denoiser.load_state_dict(tensors)
        return Prior(description, denoiser.eval().requires_grad_(False), self._read_codes(description))

    def _check_run(self, description: Description) -> None:
        config, class_names = RunFolder(self.path.parent).read_config()
        latent, classes = config.model.latent, len(class_names)
        if (description.latent, description.classes) != (latent, classes):
            raise RunError(
                f"{self.path} is a prior for {description.latent} latent dimensions and {description.classes} classes, and its "
                f"run has {latent} and {classes}; it was made for another run, so train it again."
            )

    def write_codes(self, sets: CodeSets) -> None:
        """Replace the codes."""
        tensors = {}
        for name, codes in (("train", sets.train), ("held_out", sets.held_out)):
            tensors[f"{name}_mean"] = codes.posterior.mean
            tensors[f"{name}_log_variance"] = codes.posterior.log_variance
            tensors[f"{name}_labels"] = codes.labels.to(torch.uint8)
        atomic_files.write_tensors(self.path / "codes.safetensors", tensors, {})

    def _read_codes(self, description: Description) -> CodeSets:
        path = self.path / "codes.safetensors"
        tensors, _ = atomic_files.read_tensors(path)
        try:
            parts = [self._codes(tensors, name, description) for name in ("train", "held_out")]
        except (KeyError, ValueError) as error:
            raise RunError(f"{path} holds no codes of this prior; train the prior again.") from error
        return CodeSets(*parts, description.from_snapshot)

    def _codes(self, tensors: dict[str, Tensor], name: str, description: Description) -> LabelledCodes:
        mean, log_variance, labels = (tensors[f"{name}_{what}"] for what in ("mean", "log_variance", "labels"))
        fits = labels.ndim == 1 and labels.dtype == torch.uint8 and mean.shape == log_variance.shape
        fits = fits and mean.shape == (len(labels), description.latent) and {mean.dtype, log_variance.dtype} == {torch.float32}
        fits = fits and len(labels) > 0 and int(labels.max()) < description.classes
        if not fits or not atomic_files.all_finite({"m": mean, "v": log_variance}):
            raise ValueError(name)
        return LabelledCodes(Posterior(mean, log_variance), labels.long())

    # What was measured

    @property
    def metrics_path(self) -> Path:
        """Where the reports are."""
        return self.path / "metrics.jsonl"

    def append_metrics(self, report: PriorReport) -> None:
        """Add one report."""
        metrics_log.append(self.metrics_path, report)

    def read_metrics(self) -> list[PriorReport]:
        """All reports so far."""
        return MetricsFollower(self.metrics_path, PriorReport).poll()

    def write_figures(self, figures: Figures) -> None:
        """Replace figures.json."""
        atomic_files.write_json(self.path / "figures.json", figures.to_dict())

    def read_figures(self) -> Figures | None:
        """How good the prior is; None while it is being trained. Raises `RunError`."""
        path = self.path / "figures.json"
        if not path.exists():
            return None
        try:
            return Figures.from_dict(atomic_files.read_json(path))
        except (TypeError, ValueError, KeyError) as error:
            raise RunError(f"{path} does not hold a prior's figures; train the prior again.") from error

    # What a watcher asks for

    def ask_to_stop(self) -> None:
        """Ask the training to stop after its present step."""
        atomic_files.write_json(self.path / "control.json", {"stop": True})

    def stop_is_asked(self) -> bool:
        """Whether somebody asked."""
        with contextlib.suppress(RunError):
            return (self.path / "control.json").exists() and atomic_files.read_json(self.path / "control.json").get("stop") is True
        return False
