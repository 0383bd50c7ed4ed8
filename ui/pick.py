"""A click on a plane: a component without a face of its own that listens to the native charts.

Its click reruns only the fragment it stands in, so the charts, which are outside of that fragment, are not sent again.
Plotly pictures give Streamlit no selection, and one mechanism for both charts means that a click has one meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from ui import state

KEY = "pick"


@dataclass(frozen=True)
class Cells:
    """Where a manifold's cells are along an axis of its chart, and the z that each is decoded at; the same both ways."""

    positions: list[float]
    values: list[float]


@cache
def _component() -> Callable:
    return st.components.v2.component("pick", js=Path(__file__).with_name("pick.js").read_text())


def listen(plots: dict[str, Cells | None], on_pick: Callable[[tuple[float, float], int | None], None]) -> None:
    """Call `on_pick(z, probe)` when one of the charts is clicked, and draw the mark of the pinned point on all of them.

    `plots` maps a chart's key to its cells; None for a chart with z on its axes. The probe is the index of the held-out
    image whose code was clicked.
    """
    described = [
        {"key": key, "cells": None if cells is None else {"positions": cells.positions, "values": cells.values}}
        for key, cells in plots.items()
    ]

    def picked() -> None:
        answer = _checked(st.session_state[KEY].get("pick"))
        if answer is not None:
            on_pick(*answer)

    _component()(key=KEY, data={"plots": described, "z": list(state.pinned().z)}, height=1, on_pick_change=picked)


def _checked(answer: object) -> tuple[tuple[float, float], int | None] | None:
    """What the browser sent, when it is a point: anybody can send anything over a websocket."""
    try:
        z1, z2 = (float(value) for value in answer["z"])
        probe = answer.get("probe")
        fits = all(math.isfinite(value) and abs(value) <= state.FARTHEST for value in (z1, z2))
        return ((z1, z2), None if probe is None else int(probe)) if fits else None
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
