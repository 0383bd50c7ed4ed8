"""Closed forms that results are held against."""

from __future__ import annotations

import torch
from torch import Tensor

from vae.diffusion.denoiser import Denoise


def gaussian_denoiser(mean: Tensor, covariance: Tensor) -> Denoise:
    """D of codes from N(mean (D,), covariance (D, D)).

    D(x; s) = mean + covariance (covariance + s^2 I)^-1 (x - mean)
    """
    variances, axes = (part.to(mean) for part in torch.linalg.eigh(covariance.cpu()))

    def denoise(x: Tensor, level: Tensor) -> Tensor:
        along = (x - mean) @ axes
        return mean + along * (variances / (variances + level.square())) @ axes.T

    return denoise
