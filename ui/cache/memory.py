"""The server's memory, which visitors share: how it stays small, and what is done when they have left.

Three things made a server grow that 50 visitors had used, from 0.9 GB to several: every visitor's thread had its own heap of
the C library's, which keeps what is freed (1.8 of 2.5 GB held nothing); tensors of 50 questions at a time were there at once;
and what sessions leave behind was put out of the garbage collector's sight for good. The decoded plane is bounded by
`vae.evidence.plane_quadrature.KEPT`.
"""

from __future__ import annotations

import ctypes
import gc
import platform
import threading

import streamlit as st

LARGE_QUESTIONS = threading.BoundedSemaphore(2)
"""To be held while hundreds of megabytes are computed with, and nothing that is cached is asked for: others may wait there."""

SECONDS_AFTER_LEAVING = 130.0
"""Streamlit keeps a session for two minutes, in case that its visitor comes back."""

_soon = threading.Lock()


def settle() -> None:
    """Free all that nobody refers to any more, and take what is left out of the garbage collector's sight until the next time.

    Streamlit collects garbage after every click; with half a million objects of the libraries to look through, that
    held the answer back by a quarter of a second.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _settle_soon(_: object) -> None:
    """Once for all that leave meanwhile."""
    if _soon.acquire(blocking=False):
        timer = threading.Timer(SECONDS_AFTER_LEAVING, _settle_for_all)
        timer.daemon = True
        timer.start()


def _settle_for_all() -> None:
    _soon.release()
    settle()


@st.cache_resource(scope="session", on_release=_settle_soon, show_spinner=False)
def notice_visitor() -> str:
    """To be called by every page: when its session ends, what it leaves is freed."""
    return "here"


@st.cache_resource(show_spinner=False)
def settle_memory(page: str, dataset: str) -> None:
    """Take all that is loaded by now out of the garbage collector's sight, once for a page and a data set."""
    settle()
