"""The denoiser of the diffused codes themselves, in closed form.

It is what a denoiser would be that had learned its training codes by heart. Two dimensions allow it: it is a sum over all
codes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vae.diffusion.denoiser import Denoise

VALUES_AT_A_TIME = 8_000_000


def mixture_denoiser(means: Tensor, variances: Tensor) -> Denoise:
    """D of codes from a mixture of N(means[i], diag(variances[i])), (M, D) each, in equal shares.

    D(x; s) = sum over i of w_i (m_i + v_i / (v_i + s^2) (x - m_i)),   w_i ~ N(x; m_i, v_i + s^2)
    """

    def denoise(x: Tensor, level: Tensor) -> Tensor:
        levels = level.expand(len(x), 1)
        size = max(1, VALUES_AT_A_TIME // len(means))
        parts = zip(x.split(size), levels.split(size), strict=True)
        return torch.cat([_expected(part, s, means, variances) for part, s in parts]) if len(x) else x

    return denoise


def _expected(x: Tensor, level: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """E[u given x], (N, D). One dimension at a time, so that nothing of (N, M, D) is made."""
    log_weights: Any = 0.0  # a tensor from the first axis on
    parts = []
    for axis in range(x.shape[1]):
        mean, variance = means[:, axis], variances[:, axis]
        total = variance + level.square()  # (N, M)
        away = x[:, axis, None] - mean
        log_weights = log_weights - (away.square() / total + total.log()) / 2
        parts.append(mean + away * (variance / total))
    weights = log_weights.softmax(1)
    return torch.stack([(weights * part).sum(1) for part in parts], 1)
