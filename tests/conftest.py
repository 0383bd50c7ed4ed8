"""What the tests share: small runs, the real MNIST where it is, a server of our own, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import vae
from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.data import datasets
from vae.diffusion.config import PriorConfig

ROOT = Path(__file__).resolve().parents[1]
REQUIRE_ALL = "VAE_TESTS_REQUIRE_ALL"

QUICK = PriorConfig(steps=30, batch_size=64, width=16, layers=1, features=8)
"""A prior of a second, which knows little."""


def pytest_configure() -> None:
    """As many threads as the pages have, from the first test on: sums of more threads are rounded otherwise."""
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Random numbers that are the same in whatever order and process the tests run: what fails once fails again."""
    torch.manual_seed(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Of the processes that share the tests one takes all those in a browser: these need one server and one Chromium."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if nodeid.startswith("tests/browser/") else nodeid.split("::")[0]

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test is of one tier: page and browser by the folder, slow where it is marked so, and else unit."""
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker("browser")
        elif item.nodeid.startswith("tests/pages/"):
            item.add_marker("page")
        elif item.get_closest_marker("slow") is None:
            item.add_marker("unit")


def skip_or_fail(reason: str) -> None:
    """Skip a test for want of something; fail where everything is required to be there."""
    (pytest.fail if os.environ.get(REQUIRE_ALL) else pytest.skip)(reason)


def small_config(**changes: object) -> RunConfig:
    """A run on digits of a second or two, in fp32 on every processor: what is compared closely must not be rounded to bf16."""
    model = {"architecture": "mlp", "encoder_widths": (32,), "decoder_widths": (32,)}
    model |= {key: changes.pop(key) for key in list(changes) if key in ModelConfig.__dataclass_fields__}
    if model["architecture"] == "conv":
        model |= {"encoder_widths": None, "decoder_widths": None}
    dataset, held_out = changes.pop("dataset", "digits"), changes.pop("held_out", "test")
    return RunConfig(
        dataset,
        ModelConfig(**model),
        TrainingConfig(**({"epochs": 2, "learning_rate": 3e-3, "precision": "fp32"} | changes)),
        held_out,
    )


@pytest.fixture(scope="session")
def digits() -> datasets.Dataset:
    return datasets.load("digits")


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = vae.RunFolder.create(tmp_path_factory.mktemp("trained") / "small", small_config())
    vae.train_run(folder)
    return folder.path


@pytest.fixture
def small_run(_trained: Path, tmp_path: Path) -> vae.RunFolder:
    """A finished run of its own for each test."""
    return vae.RunFolder(shutil.copytree(_trained, tmp_path / "small"))


@pytest.fixture
def mnist_present() -> None:
    if not datasets.is_present("mnist"):
        skip_or_fail(f"MNIST is not in {datasets.data_folder()}; fetch it with: python -m vae download mnist")


def command(*words: object, **variables: str) -> subprocess.CompletedProcess:
    """What `python -m vae ...` printed and returned."""
    return subprocess.run(
        [sys.executable, "-m", "vae", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"} | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


def wait_until(true: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait for something that has to happen; the bound only ends a test that would hang."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen")
        time.sleep(0.05)
