"""Distances with a closed form, and figures that come back whole or not at all."""

import math

import pytest
import torch

from vae.diffusion.distances import mixture_sample, sliced_wasserstein
from vae.diffusion.evaluation import Figures, Sources

SOURCES = Sources(0.1, 0.2, 0.3, 0.4)
FIGURES = Figures(100, SOURCES, SOURCES, 50, -3.0, -2.5, 0.1)


def test_a_shift_costs_its_mean_over_all_directions():
    """|a . direction| on average: |a| 2 / pi on a plane, |a| / 2 in three dimensions."""
    z = torch.randn(500, 2)
    assert sliced_wasserstein(z, z + torch.tensor([3.0, 4.0])) == pytest.approx(5 * 2 / math.pi, rel=1e-3)
    wide = torch.randn(500, 3)
    assert sliced_wasserstein(wide, wide + torch.tensor([0.0, 2.0, 0.0])) == pytest.approx(1.0, rel=0.1)


def test_the_order_of_samples_plays_no_part_and_equal_samples_are_at_no_distance():
    z = torch.randn(300, 2)
    assert sliced_wasserstein(z, z[torch.randperm(300)]) == pytest.approx(0, abs=1e-6)


def test_a_wider_gaussian_is_as_far_as_its_formula():
    """Between N(0, 1) and N(0, 2^2) along a line: E|x| = sqrt(2 / pi)."""
    z = torch.randn(50_000, 2)
    assert sliced_wasserstein(z, 2 * torch.randn(50_000, 2)) == pytest.approx(math.sqrt(2 / math.pi), rel=0.03)


def test_samples_of_unequal_size_are_refused():
    with pytest.raises(ValueError, match="have to agree"):
        sliced_wasserstein(torch.zeros(3, 2), torch.zeros(4, 2))


def test_a_mixture_has_the_clusters_it_was_fitted_to():
    centres = torch.tensor([[-5.0, 0.0], [5.0, 0.0]])
    codes = centres[torch.arange(2000) % 2] + 0.3 * torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    drawn = mixture_sample(codes, 1000)
    assert torch.cdist(drawn, centres).amin(1).max() < 2
    assert 0.4 < (drawn[:, 0] > 0).float().mean() < 0.6
    assert torch.equal(drawn, mixture_sample(codes, 1000))


def test_figures_come_back():
    assert Figures.from_dict(FIGURES.to_dict()) == FIGURES
    without = Figures(100, SOURCES, None, 50, -3.0, -2.5, 0.1)
    assert Figures.from_dict(without.to_dict()) == without
    assert FIGURES.gain == pytest.approx(0.5)


@pytest.mark.parametrize("change", [{"density": "high"}, {"density": math.nan}, {"codes": None}, {"wasserstein": {"train": 1}}])
def test_figures_that_are_none_are_refused(change):
    with pytest.raises((TypeError, ValueError, KeyError)):
        Figures.from_dict(FIGURES.to_dict() | change)
