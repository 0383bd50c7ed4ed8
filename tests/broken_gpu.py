"""A GPU that torch sees and that cannot be computed on."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from vae import device

NO_KERNEL = (
    "CUDA error: no kernel image is available for execution on the device\n"
    "CUDA kernel errors might be asynchronously reported at some other API call."
)
OLD_DRIVER = (
    "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver. "
    "(Triggered internally at /pytorch/c10/cuda/CUDAFunctions.cpp:119.)"
)

SITE = """
import torch
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: 1
real = torch.ones
def ones(*size, **options):
    if torch.device(options.get("device") or "cpu").type == "cuda":
        raise RuntimeError({error!r})
    return real(*size, **options)
torch.ones = ones
"""


def break_gpu(monkeypatch: pytest.MonkeyPatch, error: BaseException, count: int = 1) -> None:
    """Let torch see `count` GPUs that raise this `error` at their first use."""
    real = torch.ones

    def ones(*size: int, **options: object) -> torch.Tensor:
        if torch.device(options.get("device") or "cpu").type == "cuda":
            raise error
        return real(*size, **options)

    forget_devices(monkeypatch)
    monkeypatch.setattr(torch, "ones", ones)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def give_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let torch see `count` GPUs that compute, as far as `vae.device` finds out."""
    forget_devices(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(device, "_computes", {"cuda", *(f"cuda:{index}" for index in range(count))})


def old_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch say, once, that its driver is too old, and see no GPU."""
    words = [OLD_DRIVER]

    def is_available() -> bool:
        if words:
            warnings.warn(words.pop(), stacklevel=1)
        return False

    forget_devices(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", is_available)


def forget_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.setattr(device, "_computes", set())
    monkeypatch.setattr(device, "_complaints", {})
    monkeypatch.setattr(device, "_told", set())


def broken_python(folder: Path) -> dict[str, str]:
    """The environment in which every Python that is started sees a GPU that cannot be used."""
    (folder / "sitecustomize.py").write_text(SITE.format(error=NO_KERNEL))
    return {"PYTHONPATH": str(folder)}
