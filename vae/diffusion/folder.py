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

from vae.diffusion.code_dataset import CodeSets, Standard
from vae.diffusion.denoiser import Denoiser
from vae.diffusion.evaluation import Figures
from vae.diffusion.prior_files import Description, read_codes, read_description
from vae.diffusion.trainer import PriorReport
from vae.errors import RunError
from vae.runs import atomic_files
from vae.runs.folder import PRIOR, PRIOR_IN_TRAINING, RunFolder
from vae.runs.metrics_log import MetricsFollower
from vae.runs.status import Status
from vae.runs.watched_folder import WatchedFolder

OLD = "diffusion.old"


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

    def read(self) -> Prior:
        """The prior, ready to be sampled from. Raises `RunError` on anything missing, damaged or of another run."""
        description = read_description(self.path / "prior.json")
        _check_run(self.path, description)
        denoiser = Denoiser(description.shape)
        shapes = {name: tuple(value.shape) for name, value in denoiser.state_dict().items()}
        tensors, _ = atomic_files.read_tensors(self.path / "model.safetensors", shapes)
        if not atomic_files.all_finite(tensors):
            raise RunError(f"{self.path / 'model.safetensors'} holds numbers that are not finite; train the prior again.")
        denoiser.load_state_dict(tensors)
        return Prior(
            description, denoiser.eval().requires_grad_(False), read_codes(self.path / "codes.safetensors", description)
        )

    # What was measured

    @property
    def metrics_path(self) -> Path:
        """Where the reports are."""
        return self.path / "metrics.jsonl"

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
            return (self.path / "control.json").exists() and atomic_files.read_json(self.path / "control.json").get(
                "stop"
            ) is True
        return False


def _check_run(path: Path, description: Description) -> None:
    """Raise `RunError` where the prior at `path` is not one for the run that it lies in."""
    config, class_names = RunFolder(path.parent).read_config()
    latent, classes = config.model.latent, len(class_names)
    if (description.latent, description.classes) != (latent, classes):
        raise RunError(
            f"{path} is a prior for {description.latent} latent dimensions and {description.classes} classes, and its run has "
            f"{latent} and {classes}; it was made for another run, so train it again."
        )
