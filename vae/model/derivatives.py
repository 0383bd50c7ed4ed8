"""Derivatives of what a decoder computes, by automatic differentiation."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_forward_mode = threading.Lock()
"""PyTorch counts the levels of forward-mode differentiation for the whole process: two threads at once raise errors."""


def along(function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor) -> Tensor:
    """Derivatives of a `function` (N, D) to (N, ...) at z along each of the `directions` (K, D), as (K, N, ...)."""

    def derivative(direction: Tensor) -> Tensor:
        return torch.func.jvp(function, (z,), (direction.expand_as(z),))[1]

    with _forward_mode, torch.inference_mode(False), warnings.catch_warnings():  # torch 2.6 cannot do it in inference mode
        z = z.clone()  # maybe made in that mode
        warnings.filterwarnings("ignore", message=".torch.jit.script", category=FutureWarning)  # torch's own, by its jvp
        return torch.vmap(derivative)(directions.to(z))
