"""What the visitor looks at: which run and which point. Kept across pages, and in the address, so that a link reopens it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st

RUN, PIN = "chosen_run", "pinned_point"
FARTHEST = 100.0
"""No code of a trained model is this far out; addresses beyond it are a slip."""


@dataclass(frozen=True)
class Pin:
    """The point on the plane that is decoded; `probe` is the held-out image whose code it is, if it is one's."""

    z: tuple[float, float] = (0.0, 0.0)
    probe: int | None = None


def chosen_run() -> str | None:
    """The run's name, from this session or else from the address."""
    if RUN not in st.session_state:
        st.session_state[RUN] = st.query_params.get("run")
    return st.session_state[RUN]


def choose_run(name: str) -> None:
    """Look at another run. The pinned point stays where it is, but is no longer anybody's code."""
    before = st.session_state.get(RUN)
    st.session_state[RUN] = name
    if before not in (None, name):
        st.session_state[PIN] = Pin(pinned().z)


def pinned() -> Pin:
    """The pinned point, from this session or else from the address (the origin when the address makes no sense)."""
    if PIN not in st.session_state:
        st.session_state[PIN], st.session_state["address_error"] = _read_address()
    return st.session_state[PIN]


def pin(z: tuple[float, float], probe: int | None = None) -> None:
    """Pin a point."""
    st.session_state["address_error"] = None
    st.session_state[PIN] = Pin((float(z[0]), float(z[1])), probe)


def address_error() -> str | None:
    """One sentence when the address's point could not be read."""
    return st.session_state.get("address_error")


def address() -> dict[str, str]:
    """The query that reopens this view."""
    pin = pinned()
    query = {"z": f"{pin.z[0]:.4f},{pin.z[1]:.4f}"}
    if st.session_state.get(RUN):
        query = {"run": st.session_state[RUN]} | query
    return query | ({"image": str(pin.probe)} if pin.probe is not None else {})


def write_address() -> None:
    """Bring the address up to date."""
    query = address()
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def _read_address() -> tuple[Pin, str | None]:
    text, probe = st.query_params.get("z"), st.query_params.get("image")
    try:
        z = tuple(float(part) for part in text.split(",")) if text else (0.0, 0.0)
        image = int(probe) if probe is not None else None
        if len(z) != 2 or not all(math.isfinite(value) and abs(value) <= FARTHEST for value in z) or (image or 0) < 0:
            raise ValueError(text)
    except ValueError:
        asked = f"z={text}" + (f"&image={probe}" if probe is not None else "")
        return Pin(), f"The address asks for {asked[:60]}, which is no point; it should read like z=0.5,-1.2."
    return Pin(z, image), None
