"""What each latent dimension carries."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae.config import ModelConfig
from vae.latent.dimensions import rank_dimensions, traverse
from vae.model.autoencoder import Posterior, build_model
from vae.model.inference import decode_points


def test_dimensions_are_ranked_by_torchs_kl_and_those_whose_means_stand_still_are_inactive():
    mean = torch.randn(500, 4) * torch.tensor([1.0, 0.05, 2.0, 0.0])
    deviation = torch.tensor([0.3, 1.0, 0.1, 0.5]).expand(500, 4)
    ranked = rank_dimensions(Posterior(mean, 2 * deviation.log()))
    exact = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).mean(0)
    assert [each.index for each in ranked] == exact.argsort(descending=True).tolist() == [2, 0, 3, 1]
    assert [each.kl for each in ranked] == pytest.approx(exact[[2, 0, 3, 1]].tolist(), rel=1e-5)
    assert [each.is_active for each in ranked] == [True, True, False, False]


def test_a_traversal_changes_one_number_of_z():
    model, z = build_model(ModelConfig("mlp", latent=5)).eval(), torch.randn(5)
    values = torch.linspace(-3, 3, 7)
    images = traverse(model, z, [3, 0], values)
    assert images.shape == (2, 7, 1, 28, 28) and images.dtype == torch.uint8
    moved = z.clone()
    moved[3] = values[5]
    assert torch.equal(images[0, 5], decode_points(model, moved[None])[0])
