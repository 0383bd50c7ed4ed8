"""The particles: a component that plays codes dissolving into noise, and noise becoming codes, in the browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ui.components.bundle import component
from ui.components.playback import PLAYBACK

KEY = "particles"


@cache
def _component() -> Callable:
    return component(KEY, __file__, PLAYBACK)


def particles(data: dict) -> None:
    """Show a film of particles. `data` is what `Particles.update` in particle_player.js reads; trajectories.py describes it."""
    _component()(key=KEY, data=data)
