"""How far samples are from codes, and a Gaussian mixture to compare with."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DIRECTIONS = 200
COMPONENTS = 20
"""Gaussians of the mixture."""


def sliced_wasserstein(first: Tensor, second: Tensor) -> float:
    """The sliced Wasserstein-1 distance between two samples (N, D) of equal size, in the units of their axes.

    The mean over 200 directions of the distance between the sorted projections (Bonneel et al. 2015). On a plane the
    directions are evenly spread, in more dimensions they are drawn, always the same.
    """
    if first.shape != second.shape:
        raise ValueError(f"the samples have the shapes {tuple(first.shape)} and {tuple(second.shape)}; they have to agree")
    directions = _directions(first.shape[1]).to(first)
    apart = (first @ directions).sort(0).values - (second @ directions).sort(0).values
    return apart.abs().mean().item()


def _directions(latent: int) -> Tensor:
    if latent == 2:
        angles = torch.arange(DIRECTIONS) * math.pi / DIRECTIONS
        return torch.stack([angles.cos(), angles.sin()])
    drawn = torch.randn(latent, DIRECTIONS, generator=torch.Generator().manual_seed(0))
    return drawn / drawn.norm(dim=0)


def mixture_sample(codes: Tensor, count: int, seed: int = 0) -> Tensor:
    """`count` draws (count, D) from a mixture of 20 full Gaussians fitted to codes (M, D) by expectation maximisation."""
    from sklearn.mixture import GaussianMixture  # takes a second to load, and a run's page does without

    mixture = GaussianMixture(min(COMPONENTS, len(codes)), random_state=seed).fit(codes.double().numpy())
    drawn = mixture.sample(count)[0]
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return torch.from_numpy(drawn).to(codes.dtype)[order]
