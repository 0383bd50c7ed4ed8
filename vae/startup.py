"""What changes the whole process: processor threads, memory, the garbage collector, priority.

The command line and the app ask for it when they start. Nothing that is imported does, nor `vae.train_run`: a notebook stays as
it is unless it asks too.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
from functools import cache

import torch

NICENESS = 5
"""Of a training that a page started: clicks on the page come first."""

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Names of settings, from glibc's malloc.h."""

HEAPS, LARGE, AT_HAND = 2, 32 * 2**20, 64 * 2**20
"""Of a server, chosen with 50 visitors by `benchmarks.visitors`: how many heaps there are, where glibc gives each thread one,
which keeps what is freed (1.8 of 2.5 GB held nothing); from how many bytes on a tensor has memory of its own, which goes back
to the system with it; how many free ones stay at a heap's end. Most tensors of a question are smaller: the system need not
blank new memory for them."""


def prepare_training(precision: str, device: torch.device) -> None:
    """Let this process train fast on a device, in this `precision`. To be called before anything is computed.

    A GPU multiplies single precision in TF32, of 10 bits, unless it was `fp32`. A processor takes numbers below 1e-38 for
    zero, in this thread and those that it starts: Adam's means decay to such numbers wherever gradients have become zero,
    which they do at a quarter of the weights of an mlp within three epochs, and they cost it more than all the rest of a step.
    Memory that is freed stays with this process, for the next tensor. The garbage collector passes over all that is loaded by
    now, half a million objects, which took it a twentieth of a training.
    """
    if device.type == "cpu":
        torch.set_flush_denormal(True)
        _keep_freed_memory()
        tune_log1p()
        gc.freeze()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
        torch.backends.cudnn.allow_tf32 = precision != "fp32"


@cache
def prepare_server() -> None:
    """Let this process answer many visitors: half of the processor is for a training beside it, and memory goes back."""
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    tune_log1p()
    _set_malloc({ARENA_MAX: HEAPS, MMAP_THRESHOLD: LARGE, TRIM_THRESHOLD: AT_HAND})


def give_way() -> None:
    """Let other processes come first, as one that a page started does."""
    with contextlib.suppress(AttributeError, OSError):  # Windows was asked for that at the start
        os.nice(NICENESS)


def tune_log1p() -> None:
    """Let log1p, and softplus with it, compute as fast as it can: on a processor with AVX-512 ten times as fast, or more.

    torch's log1p loads the answer for -0, from a page of the library that may hold nothing else in use, only where it meets
    -0. For the processor a load that is masked out all the same touches that page: while it is not in memory every one is a
    page fault that is begun and called off, and never brings it in. So this asks for the answer, in numbers enough to take the
    vectorised road.
    """
    torch.full((64,), -0.0).log1p()


def _keep_freed_memory() -> None:
    """Let the C library keep what is freed. It would hand large tensors back to the system, which has to blank them anew.

    That took a conv model a fifth of every step.
    """
    _set_malloc({MMAP_THRESHOLD: 2**30, TRIM_THRESHOLD: 2**31 - 1})


def _set_malloc(settings: dict[int, int]) -> None:
    """By glibc's mallopt. Of other C libraries nothing is asked."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in settings.items():
            mallopt(name, value)
