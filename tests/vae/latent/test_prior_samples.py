"""z from the prior, the mean at z, and draws of pixels."""

import numpy as np
import pytest
import torch

from tests.conftest import small_config
from vae.latent.prior_samples import draw_from_prior, generate
from vae.model.autoencoder import build_model
from vae.model.inference import decode_points

MANY = 4000


def model_of(**changes: object):
    return build_model(small_config(**changes).model)


@pytest.mark.parametrize("latent", [1, 2, 20])
def test_points_are_standard_normal_and_known_by_their_seed(latent):
    z = draw_from_prior(latent, MANY, seed=3)
    assert z.shape == (MANY, latent) and torch.equal(z, draw_from_prior(latent, MANY, seed=3))
    assert z.mean(0).abs().max() < 4 / MANY**0.5 and (z.std(0) - 1).abs().max() < 4 / (2 * MANY) ** 0.5
    assert not torch.equal(z, draw_from_prior(latent, MANY, seed=4))


def test_a_bernoulli_draw_is_black_and_white_with_the_means_frequency():
    model, z = model_of(), torch.tensor([[0.5, -1.0]])
    generated = generate(model, z.expand(MANY, 2), seed=0)
    assert set(generated.draws.unique().tolist()) == {0, 255}
    assert torch.equal(generated.means[:1], decode_points(model, z))
    frequency, mean = generated.draws.double().mean(0) / 255, generated.means[0].double() / 255
    spread = (mean * (1 - mean) / MANY).sqrt()
    assert ((frequency - mean).abs() <= 5 * spread + 1 / 255).all()


def test_a_gaussian_draw_adds_noise_of_its_scale():
    model, z = model_of(likelihood="gaussian", scale=0.05), torch.tensor([[0.5, -1.0]])
    generated = generate(model, z.expand(MANY, 2), seed=0)
    noise = (generated.draws.double() - generated.means.double()) / 255
    inside = ((generated.means > 60) & (generated.means < 195)).expand_as(noise)
    assert inside.any() and noise[inside].std().item() == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_draws_are_known_by_their_seed(likelihood):
    model, z = model_of(likelihood=likelihood), draw_from_prior(2, 16, seed=1)
    first, again, other = (generate(model, z, seed).draws.numpy() for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    assert len(np.unique(first.reshape(16, -1), axis=0)) == 16


def test_weights_that_give_no_numbers_give_pictures():
    model = model_of()
    with torch.no_grad():
        next(model.decoder.parameters()).fill_(torch.nan)
    assert generate(model, torch.zeros(1, 2), seed=0).draws.shape == (1, 1, 28, 28)
