"""Where a training computes, and in what precision."""

from __future__ import annotations

import contextlib
import copy
import os
import warnings
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

from vae.errors import ConfigError

Module = TypeVar("Module", bound=nn.Module)

MOST_WORDS = 200
"""Letters of what a driver says that are passed on."""

_computes: set[str] = set()
_complaints: dict[str, str] = {}
_told: set[str] = set()
"""Of this process: the devices that were tried and compute, what torch said of kinds that it found no use for, and what was
passed on."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes CUDA, then Apple's MPS, then the CPU: the first that computes.

    `auto` warns once of a GPU that torch sees and that does not. Raises `ConfigError` where the device called for is not
    there or does not compute.
    """
    counts = _counts()
    if name == "auto":
        for refusal in set(refusals()) - _told:
            _told.add(refusal)
            warnings.warn(f"{refusal} Computing on the next best device.", stacklevel=2)
        return torch.device(next(kind for kind in counts if not why_not(kind)))
    seen = name in _names(counts)
    reason = why_not(name) if seen else _complaints.get(name.partition(":")[0])
    if reason:
        raise ConfigError(f"{_refusal(name, reason)[:-1]}; choose --device auto or --device cpu, or mend that first.")
    if not seen:
        choice = ", ".join(kind if count == 1 else f"{kind}:0 to {kind}:{count - 1}" for kind, count in counts.items())
        raise ConfigError(f"The device {name!r} is not available here; choose auto or one of {choice}.")
    return torch.device(name)


def usable_devices() -> list[str]:
    """The names of all devices that compute here, the fastest kind first."""
    each = [[kind] if count == 1 else [f"{kind}:{index}" for index in range(count)] for kind, count in _counts().items()]
    return [name for names in each for name in names if not why_not(name)]


def refusals() -> list[str]:
    """One sentence for each kind of device that torch sees here and that does not compute."""
    tried = {kind: why_not(kind) for kind in _counts()}
    return [_refusal(kind, reason) for kind, reason in (_complaints | tried).items() if reason]


def why_not(name: str) -> str:
    """Why a device that torch sees does not compute: a small product is tried, until one was right. Empty where it does.

    A driver that is too old, a chip that this torch was not built for and a full memory are all met by the first product.
    """
    if name not in _computes:
        try:
            ones = torch.ones(8, 8, device=_own_device(name))
            if (ones @ ones).sum().item() != 512:
                return "it multiplies wrongly"
        except Exception as error:  # drivers raise nearly anything
            return _first_words(error)
        _computes.add(name)
    return ""


def _own_device(name: str) -> torch.device:
    """The device to try for a name; of several GPUs and processes each tries the one that it is to have."""
    kind, _, index = name.partition(":")
    if kind == "cuda" and not index and "LOCAL_RANK" in os.environ:
        return torch.device(kind, int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    return torch.device(name)


def _counts() -> dict[str, int]:
    """How many devices torch sees of each kind that there is, the fastest kind first."""
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if complaints and not cuda:
        _complaints["cuda"] = _first_words(complaints[0].message)  # torch says it once in a process
    counts = {"cuda": cuda, "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    return {kind: count for kind, count in counts.items() if count}


def _names(counts: dict[str, int]) -> list[str]:
    """What they may be called: `cuda` for the first of its kind, or `cuda:0`, `cuda:1` for the second, ..."""
    return [name for kind, count in counts.items() for name in (kind, *(f"{kind}:{index}" for index in range(count)))]


def _first_words(error: object) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return "its memory is full"
    first = str(error).partition("\n")[0].partition(" (Triggered internally")[0]
    return first.rstrip(" .")[:MOST_WORDS] or type(error).__name__


def _refusal(name: str, reason: str) -> str:
    return f"The device {name} is here but cannot be computed on: {reason}."


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


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether a training asked for in this `precision` multiplies matrices in bf16 on a device.

    `auto` does on processors that have instructions for it, where it saves a third of the time or more; without them it
    would only be slower. GPUs multiply single precision in TF32 then, which is fast enough for models of this size.
    """
    return precision == "bf16" or (precision == "auto" and device.type == "cpu" and _processor_multiplies_in_bf16())


def _processor_multiplies_in_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # torch 2.9 and later
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def has_double(kind: str) -> bool:
    """Whether a kind of device computes in double precision, which Apple's do not."""
    return kind != "mps"


def in_double(values: Tensor) -> Tensor:
    """The values in double precision: where they are, or on the CPU where their device has none."""
    return (values if has_double(values.device.type) else values.cpu()).double()


def moved(values: Tensor, like: Tensor) -> Tensor:
    """The values in the precision of a tensor `like`, where that is; converted on the side that has double precision."""
    if has_double(values.device.type):
        return values.to(like.dtype).to(like.device)
    return values.to(like.device).to(like.dtype)


def where_double_is(module: Module) -> Module:
    """The module on a device with double precision: as it is, or a copy on the CPU."""
    return module if has_double(next(module.parameters()).device.type) else copy.deepcopy(module).cpu()


def ask_no_other_device(optimiser: torch.optim.Optimizer, device: torch.device) -> None:
    """Let an optimiser with weights elsewhere leave a GPU alone that torch sees, for it may be one that does not compute.

    torch asks it at every step whether this is being recorded, wherever the weights are.
    """
    if device.type != "cuda":
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):  # by torch's version
            setattr(optimiser, name, lambda: None)
