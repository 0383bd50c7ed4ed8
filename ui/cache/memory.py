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
from functools import cache

import streamlit as st

from ui.cache import memory

MALLOPT_TRIM_THRESHOLD, MALLOPT_MMAP_THRESHOLD, MALLOPT_ARENA_MAX = -1, -3, -8
"""From glibc's malloc.h."""

HEAPS, LARGE, AT_HAND = 2, 32 * 2**20, 64 * 2**20
"""How many heaps there are; from how many bytes on a tensor has memory of its own, which goes back to the system with it; how
many free ones stay at a heap's end. Most tensors of a question are smaller: the system need not blank new memory for them."""

LARGE_QUESTIONS = threading.BoundedSemaphore(2)
"""To be held while hundreds of megabytes are computed with, and nothing that is cached is asked for: others may wait there."""

SECONDS_AFTER_LEAVING = 130.0
"""Streamlit keeps a session for two minutes, in case that its visitor comes back."""

_soon = threading.Lock()


@cache
def bound_heaps() -> None:
    """Let the C library hand back what is freed. Of libraries that are not glibc nothing is asked."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MALLOPT_ARENA_MAX, HEAPS)
        mallopt(MALLOPT_MMAP_THRESHOLD, LARGE)
        mallopt(MALLOPT_TRIM_THRESHOLD, AT_HAND)


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
    memory.settle()
