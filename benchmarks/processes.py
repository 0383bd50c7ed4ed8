"""Processes of their own for what is measured: nothing that came before in this one counts."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def new_process(begin: Callable[..., None] | None = None, *arguments: object) -> ProcessPoolExecutor:
    """One new process to submit calls to, which imports everything anew and begins with `begin(*arguments)`."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=begin, initargs=arguments)
