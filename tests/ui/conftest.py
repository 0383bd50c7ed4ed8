"""Scenes without a screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st

import vae
from tests.conftest import ROOT
from ui.cache import runs
from ui.cache.runs import RunVersion
from ui.explore.scene import Scene
from ui.state import session
from ui.state.view import View


def version_of(name: str) -> RunVersion:
    """A shipped run as it is now."""
    return RunVersion.now(vae.RunFolder(ROOT / "checkpoints" / name))


@pytest.fixture(scope="session")
def digits_run() -> RunVersion:
    return version_of("digits")


@pytest.fixture(scope="session")
def wide_run() -> RunVersion:
    """One with eight latent dimensions."""
    return version_of("mnist-8d")


def scene_of(version: RunVersion, **changes: object) -> Scene:
    """A view of a run that fits it."""
    run, frame, view = runs.load_run(version), runs.snapshot_of(version), View(**changes)
    if not view.z:
        view = View(**(changes | {"z": (0.0,) * run.config.model.latent}))
    return Scene(version, run, frame, view, runs.plane(version, view.axes), runs.extent(version, view.axes))


@pytest.fixture
def looking_at(monkeypatch) -> Callable[..., None]:
    """A session of its own that looks at a view."""

    def begin(**changes: object) -> None:
        monkeypatch.setattr(st, "session_state", {session.VIEW: View(**changes), session.RUN: "any", session.PROBLEM: None})

    begin()
    return begin
