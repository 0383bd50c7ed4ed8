"""What is cached for the page Train."""

from __future__ import annotations

import streamlit as st

from vae.config import RunConfig
from vae.jobs.duration_estimates import Estimate, Estimates


@st.cache_resource(show_spinner=False)
def _estimates() -> Estimates:
    return Estimates()


def estimate(config: RunConfig, device: str) -> Estimate | None:
    """About how long a training takes; None while nobody knows yet. It is measured in a process of its own."""
    return _estimates().ask(config, device)
