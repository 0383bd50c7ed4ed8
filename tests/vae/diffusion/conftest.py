"""Gaussian codes to learn, and a run with a prior."""

from __future__ import annotations

import math

import pytest
import torch

from tests.conftest import QUICK
from vae.diffusion.code_dataset import CodeSets, LabelledCodes
from vae.diffusion.job import train_prior
from vae.model.autoencoder import Posterior
from vae.runs.folder import RunFolder


def gaussian_codes(count: int = 4000, seed: int = 0) -> CodeSets:
    """Posteriors of width 0.05 whose mixture is N((2, -1), diag(4, 1)), of class 0 left of their centre and 1 right of it."""
    generator = torch.Generator().manual_seed(seed)

    def draw() -> LabelledCodes:
        spread = torch.tensor([4 - 0.05**2, 1 - 0.05**2]).sqrt()
        mean = torch.tensor([2.0, -1.0]) + spread * torch.randn(count, 2, generator=generator)
        return LabelledCodes(Posterior(mean, torch.full((count, 2), 2 * math.log(0.05))), (mean[:, 0] > 2).long())

    return CodeSets(draw(), draw(), False)


@pytest.fixture
def diffused_run(small_run: RunFolder) -> RunFolder:
    """A finished run on digits with a prior that was trained for a second."""
    train_prior(small_run, QUICK, device="cpu")
    return small_run
