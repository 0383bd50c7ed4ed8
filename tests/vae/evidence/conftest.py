"""What the tests of the evidence share."""

from __future__ import annotations

import torch

import vae
from vae.runs.folder import load_run


def narrow(run: vae.RunFolder) -> vae.VAE:
    """The run's model on a plane ten times as small, so that an image's posterior is narrower than the coarsest lattice."""
    model = load_run(run.path).model
    with torch.no_grad():
        next(model.decoder.parameters()).mul_(10)
    return model
