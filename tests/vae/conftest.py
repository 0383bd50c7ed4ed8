"""What the library's tests share: machines other than this one."""

import errno
import os
from pathlib import Path

import pytest

from vae.config import ModelConfig, RunConfig, TrainingConfig

CONFIGS = [
    RunConfig(),
    RunConfig("digits", ModelConfig("mlp", latent=8, likelihood="gaussian", scale=0.3), TrainingConfig(beta=0.0)),
    RunConfig(
        "kmnist",
        ModelConfig("mlp", encoder_widths=(3, 4, 5), decoder_widths=(6,), activation="silu", fourier_features=3),
        TrainingConfig(7, 33, 2e-3, 0.01, 100.0, "one-cycle", 4.0, 11, 5),
        "validation",
    ),
    RunConfig(training=TrainingConfig(start_from="checkpoints/earlier", binarise="dynamic")),
    RunConfig(model=ModelConfig("mlp", encoder_lattice=48)),
]
"""Runs that use every kind of setting."""


@pytest.fixture
def one_disk_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two places, on two disks: nothing is moved from one to the other. Neither is there yet."""
    places = tmp_path / "here" / "folder", tmp_path / "there" / "folder"
    for place in places:
        place.parent.mkdir()

    def disk(path: object) -> str:
        return Path(os.path.realpath(Path(path).parent)).relative_to(tmp_path).parts[0]

    def keep_on_one(move):
        def moved(source, target, **more):
            if disk(source) != disk(target):
                raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
            return move(source, target, **more)

        return moved

    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, keep_on_one(getattr(os, name)))
    return places
