"""E_q[log p(x given z)] against closed forms, brute force and samples."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from tests.conftest import small_config
from vae.data.datasets import pixels
from vae.model.autoencoder import Posterior, build_model
from vae.model.reconstruction import SAMPLES, TOLERANCE, gauss_hermite, reconstruction_term
from vae.runs.folder import load_run


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("order", [8, 32, 512])
def test_the_rule_has_the_moments_of_a_standard_normal(size, order):
    epsilon, weights = gauss_hermite(order, size)
    assert epsilon.shape == (len(weights), size) and (weights > 0).all()
    moments = [(weights @ epsilon**power).tolist() for power in range(7)]
    for power, moment in enumerate((1, 0, 1, 0, 3, 0, 15)):
        assert moments[power] == pytest.approx([moment] * size, abs=1e-5)
    if size == 2:
        assert (weights @ (epsilon[:, 0] * epsilon[:, 1])).item() == pytest.approx(0, abs=1e-9)


def test_fine_rules_leave_negligible_nodes_out():
    assert len(gauss_hermite(8, 2)[0]) == 64 and len(gauss_hermite(512, 2)[0]) < 8_000


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(("mean", "log_variance"), [(0.0, 0.0), (0.5, -6.0), (-2.0, 2.2)])
def test_it_is_the_sum_over_a_fine_grid(size, mean, log_variance, digits):
    model = build_model(small_config(latent=size).model, seed=3).double()
    q = Posterior(torch.full((1, size), mean).double(), torch.full((1, size), log_variance).double())
    x = pixels(digits.held_out.images[:1]).double()
    steps = torch.linspace(-7, 7, 281, dtype=torch.double)
    epsilon = torch.cartesian_prod(*[steps] * size).view(-1, size)
    with torch.no_grad():
        values = model.likelihood.log_prob(model.decode_parameters(q.sample(epsilon)), x)
    expected = (Normal(0.0, 1.0).log_prob(epsilon).sum(1).softmax(0) @ values).item()
    found = reconstruction_term(model, x, q)
    assert found.samples == 0 and found.value == pytest.approx(expected, abs=max(2e-3, found.error))


def test_what_the_last_refinement_changed_is_told(small_run, digits):
    model, x = load_run(small_run.path).model, pixels(digits.held_out.images[:1])
    with torch.no_grad():
        q = model.encode(x)
    assert reconstruction_term(model, x, q).error < TOLERANCE
    with torch.no_grad():  # so steep that nodes as far apart as those of a wide q say little of what is between them
        for weight in model.decoder.parameters():
            weight.mul_(6)
    assert reconstruction_term(model, x, Posterior(q.mean, q.log_variance * 0 + 2)).error > TOLERANCE


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_many_dimensions_are_sampled_and_the_error_is_the_standard_error(likelihood, digits):
    model, x = build_model(small_config(latent=5, likelihood=likelihood).model, seed=3), pixels(digits.held_out.images[:1])
    q = Posterior(torch.full((1, 5), 0.5), torch.full((1, 5), -1.0))
    found = reconstruction_term(model, x, q)
    assert found.samples == SAMPLES and found == reconstruction_term(model, x, q)
    z = Normal(q.mean[0], q.standard_deviation[0]).sample((20_000,))
    with torch.no_grad():
        draws = model.likelihood.log_prob(model.decode_parameters(z), x)
    assert found.error == pytest.approx(draws.std().item() / math.sqrt(SAMPLES), rel=0.2)
    assert abs(found.value - draws.mean().item()) < 5 * found.error


def test_a_decoder_without_finite_numbers_gives_none(digits):
    model = build_model(small_config().model, seed=3)
    nn.init.constant_(next(model.decoder.parameters()), math.nan)
    found = reconstruction_term(model, pixels(digits.held_out.images[:1]), Posterior(torch.zeros(1, 2), torch.zeros(1, 2)))
    assert not math.isfinite(found.value)
