"""What is computed, where it takes longer than half a second."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st


@contextlib.contextmanager
def waiting(words: str, key: str) -> Iterator[None]:
    """Say in a corner of the screen what is computed meanwhile; Streamlit waits half a second with it, and nothing moves."""
    place = st.container(key=f"waiting_{key}")
    with contextlib.ExitStack() as stack:
        with place:
            stack.enter_context(st.spinner(words))
        yield
