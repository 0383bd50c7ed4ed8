"""Where a training computes, and in what precision."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import platform
from collections.abc import Iterator

import torch

from vae.errors import ConfigError

MALLOPT_TRIM_THRESHOLD, MALLOPT_MMAP_THRESHOLD = -1, -3
"""From glibc's malloc.h."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes CUDA, then Apple's MPS, then the CPU. Raises `ConfigError`."""
    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    there = {kind: count for kind, count in counts.items() if count}
    if name == "auto":
        name = next(iter(there))
    if name not in there and name not in {f"{kind}:{index}" for kind, count in there.items() for index in range(count)}:
        choice = ", ".join(kind if count == 1 else f"{kind}:0 to {kind}:{count - 1}" for kind, count in there.items())
        raise ConfigError(f"The device {name!r} is not available here; choose auto or one of {choice}.")
    return torch.device(name)


def tune_process(precision: str, device: torch.device) -> None:
    """Let this process compute fast, for a training asked for in this `precision`. To be called before anything is computed.

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


@contextlib.contextmanager
def in_single_precision(device: torch.device) -> Iterator[None]:
    """Multiply matrices in fp32, whatever is saved elsewhere by bf16 or TF32."""
    before = torch.get_float32_matmul_precision()
    try:
        if before != "highest":
            torch.set_float32_matmul_precision("highest")
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if before != "highest":
            torch.set_float32_matmul_precision(before)


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

    That took a conv model a fifth of every step. Of C libraries that are not glibc nothing is asked.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MALLOPT_MMAP_THRESHOLD, 2**30)
        mallopt(MALLOPT_TRIM_THRESHOLD, 2**31 - 1)


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether a training asked for in this `precision` multiplies matrices in bf16 on a device.

    `auto` does on processors that have instructions for it, where it saves a third of the time or more; without them it
    would only be slower. GPUs multiply single precision in TF32 then, which is fast enough for models of this size.
    """
    return precision == "bf16" or (precision == "auto" and device.type == "cpu" and _processor_multiplies_in_bf16())


def _processor_multiplies_in_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # torch 2.9 and later
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
