"""Scenes without a screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st

import vae
from tests.conftest import ROOT
from ui import resources, state
from ui.resources import RunVersion
from ui.scene import Scene
from ui.view import View


def version_of(name: str) -> RunVersion:
    """A shipped run as it is now."""
    return RunVersion.now(vae.RunFolder(ROOT / "checkpoints" / name))


def scene_of(version: RunVersion, **changes: object) -> Scene:
    """A view of a run that fits it."""
    run, frame, view = resources.load_run(version), resources.frame_of(version), View(**changes)
    if not view.z:
        view = View(**(changes | {"z": (0.0,) * run.config.model.latent}))
    return Scene(version, run, frame, view, resources.plane(version, view.axes), resources.extent(version, view.axes))


@pytest.fixture
def session(monkeypatch) -> Callable[..., None]:
    """A session of its own that looks at a view."""

    def begin(**changes: object) -> None:
        monkeypatch.setattr(st, "session_state", {state.VIEW: View(**changes), state.RUN: "any", state.PROBLEM: None})

    begin()
    return begin
