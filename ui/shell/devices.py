"""Where a training is to compute: what a form offers, and what is said of a device that is here and does not compute."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.device import choose_device, refusals, usable_devices

AUTO = "auto"
SECONDS_KNOWN = 60
"""How long it is remembered what computes: a GPU's memory may be full and empty again."""

NAMES = {"cuda": "GPU", "mps": "GPU", "cpu": "processor"}


@st.cache_data(ttl=SECONDS_KNOWN, show_spinner=False)
def known() -> tuple[list[str], list[str]]:
    """The devices that compute here, and a sentence for each that does not."""
    return usable_devices(), refusals()


def choose(column: DeltaGenerator, key: str) -> str:
    """The field for it, by the names of the command line; `auto` is the first that computes."""
    devices = known()[0]
    offered = (AUTO, *devices)
    if st.session_state.get(key) not in (None, *offered):  # it has stopped computing since it was chosen
        del st.session_state[key]
    return column.selectbox("Device", offered, key=key, help=f"Where it computes; auto takes {devices[0]} here")


def name_of(device: str) -> str:
    """In words."""
    return NAMES[choose_device(device).type]


def say_refusals() -> None:
    """What a GPU's owner would wonder about."""
    for sentence in known()[1]:
        st.warning(f"{sentence} Trainings take the next best.")
