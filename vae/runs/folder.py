"""The run folder: read, write, follow, lock.

A run is one training, as a folder; the folder is the interface between who trains and who watches. Its files are
described in checkpoints/README.md.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.config import FORMAT, RunConfig
from vae.data import datasets
from vae.errors import ConfigError, RunError, telling_of_memory
from vae.model.autoencoder import VAE, build_model, parameters_of
from vae.paths import folder_of
from vae.runs import atomic_files, metrics_log, snapshots
from vae.runs.control_file import ControlledFolder
from vae.runs.metrics_log import MetricsFollower
from vae.runs.snapshots import Snapshot
from vae.runs.status import Status
from vae.training.report import Report

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PRIOR, PRIOR_IN_TRAINING = "diffusion", "diffusion.new"
"""Folders within a run's: its diffusion prior, and the next one while it is trained."""

BYTES_BESIDE_WEIGHTS = 300_000_000
"""Of a trainer's state at most: the images of the largest lattice have 206 million."""


@dataclass(frozen=True)
class Run:
    """A run with its model, ready to encode and decode. `step` says which weights these are."""

    folder: RunFolder
    config: RunConfig
    class_names: tuple[str, ...]
    model: VAE
    step: int


@telling_of_memory()
def load_run(path: str | Path, device: torch.device | str = "cpu") -> Run:
    """The run in a folder with its latest weights. Raises `RunError` on anything missing, foreign, damaged or newer."""
    folder = RunFolder(path)
    config, class_names = folder.read_config()
    model, step = folder.read_model(config)
    return Run(folder, config, class_names, model.to(device), step)


def runs_folder() -> Path:
    """Where the runs are: the folder that VAE_RUNS names, or `checkpoints` beside the package."""
    return folder_of("VAE_RUNS")


def list_runs(root: str | Path | None = None) -> list[RunFolder]:
    """Every folder under `root` (the runs' folder) that looks like a run, damaged ones too, by name."""
    try:
        paths = sorted(Path(root or runs_folder()).iterdir())
    except OSError:
        return []
    return [RunFolder(path) for path in paths if not path.name.startswith(".") and _looks_like_a_run(path)]


def _looks_like_a_run(path: Path) -> bool:
    try:
        return any((path / name).exists() for name in ("run.json", "model.safetensors"))
    except OSError:  # nobody else may look into it, as into lost+found
        return False


def check_name(name: str) -> str:
    """`name` again when it can be a run's folder; raises `ConfigError` otherwise."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"The name {name!r} cannot be a run's folder; use up to 64 letters, digits, '-', '_' and '.'.")
    return name


class RunFolder(ControlledFolder):
    """A handle on one run's files. It holds no state: every call looks at the disk."""

    # What was asked

    @classmethod
    @telling_of_memory()
    def create(cls, path: str | Path, config: RunConfig) -> RunFolder:
        """A new run, queued, with its initial weights. The folder appears whole or not at all.

        Raises `RunError` when there is something at `path` already, it cannot be written, or the run to start from cannot be
        read, and `ConfigError` when that one is of another shape.
        """
        path = Path(path)
        check_name(path.name)
        model = build_model(config.model, config.training.seed)
        if config.training.start_from:
            model.init_from(load_run(config.training.start_from).model)
        try:
            place = Path(os.path.realpath(path))  # a link may lead to another disk, and nothing is moved from one to another
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        except OSError as error:
            raise atomic_files.cannot_write(path, error) from error
        try:
            folder = cls(temporary)
            atomic_files.write_json(temporary / "run.json", _describe_run(config))
            folder.write_model(model, step=0)
            folder.write_status(Status("queued", asked=time.time(), host=socket.gethostname()))
            (temporary / "frames").mkdir()
            temporary.chmod(0o755)
            if place.exists():
                if any(place.iterdir()):
                    raise RunError(f"{path} exists already; choose another name, or go on with it by --resume.")
                place.rmdir()  # Windows moves nothing to where something is
            temporary.rename(place)
        except OSError as error:
            raise atomic_files.cannot_write(path, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls(path)

    def read_config(self) -> tuple[RunConfig, tuple[str, ...]]:
        """What the run was asked to be, and the names of its classes."""
        fields = atomic_files.read_json(self.path / "run.json")
        version: Any = fields.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise RunError(
                f"{self.path} was written in format {version}, and this version reads up to {FORMAT}; update the explorer."
            )
        try:
            names = fields["class_names"]
            if version not in range(1, FORMAT + 1) or not isinstance(names, list) or len(names) > 256:
                raise ConfigError("format or class names are wrong")
            return RunConfig.from_dict(fields["config"], version), tuple(str(name)[:40] for name in names)
        except (ConfigError, KeyError) as error:
            raise RunError(f"{self.path / 'run.json'} does not describe a run ({error}); copy the run again.") from error

    def rewrite_config(self, config: RunConfig) -> None:
        """Change what the run is asked to be: how long it is, say."""
        fields = atomic_files.read_json(self.path / "run.json")
        atomic_files.write_json(self.path / "run.json", fields | {"format": FORMAT, "config": config.to_dict()})

    # What was measured

    @property
    def metrics_path(self) -> Path:
        """Where the reports are."""
        return self.path / "metrics.jsonl"

    def append_metrics(self, report: Report) -> None:
        """Add one report."""
        metrics_log.append(self.metrics_path, report)

    def read_metrics(self) -> list[Report]:
        """All reports so far."""
        return MetricsFollower(self.metrics_path).poll()

    # What the explorer loads

    def write_model(self, model: VAE, step: int) -> None:
        """Replace the weights."""
        atomic_files.write_tensors(self.path / "model.safetensors", model.state_dict(), {"step": step})

    def read_model(self, config: RunConfig) -> tuple[VAE, int]:
        """The latest weights in a model made for `config`, and the step they are of."""
        path = self.path / "model.safetensors"
        model = build_model(config.model)
        shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        tensors, numbers = atomic_files.read_tensors(path, shapes)
        if not atomic_files.all_finite(tensors):
            raise RunError(f"{path} holds numbers that are not finite; copy the run again, or train it anew.")
        model.load_state_dict(tensors)
        return model.eval(), int(numbers.get("step", 0))

    def snapshot_paths(self) -> list[Path]:
        """The snapshots there are, by epoch."""
        return snapshots.paths_in(self.path / "frames")

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write a snapshot, in place of an earlier one of the same epoch."""
        snapshots.write(self.path / "frames" / snapshots.name_of(snapshot.epoch), snapshot)

    def read_snapshot(self, path: Path) -> Snapshot:
        """One of `snapshot_paths`. Raises `RunError` when it is damaged or of another run."""
        config, class_names = self.read_config()
        snapshot = snapshots.read(path)
        known = all(0 <= label < len(class_names) for label in snapshot.labels.unique().tolist())
        if snapshot.codes.posterior.mean.shape[1] != config.model.latent or not known:
            raise RunError(f"{path} does not fit run.json; delete it or copy the run again, all files together.")
        return snapshot

    def snapshot_of_step(self, step: int) -> Snapshot | None:
        """The snapshot made with the weights of `step`, if there is one. Raises `RunError` where a damaged one may be it."""
        damage = None
        for path in reversed(self.snapshot_paths()):
            try:
                snapshot = self.read_snapshot(path)
            except RunError as error:
                damage = damage or error
                continue
            if snapshot.step == step:
                return snapshot
            if snapshot.step < step:
                break
        if damage is not None:
            raise damage
        return None

    # What resuming needs

    def write_trainer(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Replace the trainer's state."""
        atomic_files.write_tensors(self.path / "trainer.safetensors", tensors, numbers)

    def can_go_on(self) -> bool:
        """Whether there is a trainer's state, which `thin` removes."""
        return (self.path / "trainer.safetensors").exists()

    def read_trainer(self) -> tuple[dict[str, Tensor], dict[str, float]] | None:
        """The trainer's state, or None before the first one was written."""
        if not self.can_go_on():
            return None
        largest = BYTES_BESIDE_WEIGHTS + 16 * parameters_of(self.read_config()[0].model)  # each has two means besides, by Adam
        return atomic_files.read_tensors(self.path / "trainer.safetensors", largest=largest)


def _describe_run(config: RunConfig) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "config": config.to_dict(),
        "class_names": list(datasets.CLASS_NAMES[config.dataset]),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
