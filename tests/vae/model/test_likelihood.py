import itertools
import math

import torch
from torch import distributions

from vae.config import ModelConfig
from vae.model.likelihood import Bernoulli, Gaussian, likelihood_of


def test_bernoulli_agrees_with_torch_distributions_on_binary_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 1, 4, 4, generator=generator)
    images = (torch.rand(6, 1, 4, 4, generator=generator) > 0.5).float()
    expected = distributions.Bernoulli(logits=logits).log_prob(images).flatten(1).sum(1)
    torch.testing.assert_close(Bernoulli().log_prob(logits, images), expected)


def test_bernoulli_on_grey_pixels_is_the_expectation_over_binarised_ones():
    grey = torch.tensor([0.2, 0.5, 0.9]).view(1, 1, 1, 3)
    logits = torch.tensor([1.0, -2.0, 0.3]).view(1, 1, 1, 3)
    expected = 0.0
    for bits in itertools.product([0.0, 1.0], repeat=3):
        image = torch.tensor(bits).view(1, 1, 1, 3)
        probability = (image * grey + (1 - image) * (1 - grey)).prod()
        expected += probability * Bernoulli().log_prob(logits, image)
    torch.testing.assert_close(Bernoulli().log_prob(logits, grey), expected)


def test_bernoulli_stays_finite_at_extreme_logits():
    logits = torch.tensor([-1e4, 1e4]).view(1, 1, 1, 2)
    assert Bernoulli().log_prob(logits, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)).item() == 0
    assert Bernoulli().log_prob(logits, torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)).item() == -2e4


def test_gaussian_agrees_with_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    parameters, images = torch.randn(5, 1, 4, 4, generator=generator), torch.rand(5, 1, 4, 4, generator=generator)
    likelihood = Gaussian(0.3)
    expected = distributions.Normal(likelihood.mean(parameters), 0.3).log_prob(images).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(parameters, images), expected)


def test_gaussian_is_a_density_that_is_highest_at_its_mean():
    parameters = torch.zeros(1, 1, 2, 2)
    best = Gaussian(0.1).log_prob(parameters, torch.full((1, 1, 2, 2), 0.5)).item()
    assert math.isclose(best, -4 * math.log(0.1 * math.sqrt(2 * math.pi)), rel_tol=1e-6)


def test_a_model_gets_the_likelihood_it_asks_for():
    assert likelihood_of(ModelConfig(likelihood="bernoulli")) == Bernoulli()
    assert likelihood_of(ModelConfig(likelihood="gaussian", scale=0.5)) == Gaussian(0.5)
