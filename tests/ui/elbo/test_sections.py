"""What the sections below the equation say, without a screen."""

import pytest
import torch

from tests.ui.conftest import version_of
from ui.cache import runs
from ui.elbo import cache, sections
from ui.elbo.selected_image import subject_of
from vae.evidence.monte_carlo import GradientComparison, GradientSummary
from vae.model.reconstruction import SAMPLES, reconstruction_draws


@pytest.mark.parametrize("epsilon", [0, 1])
def test_samples_are_held_against_others_where_there_is_no_plane(mnist_present, looking_at, epsilon):
    looking_at(probe=3, epsilon=epsilon)
    version = version_of("mnist-8d")
    shown = subject_of(version, runs.load_run(version), None)
    q = cache.gaussian_key(shown.q)
    numbers = cache.numbers_by_sampling(version, shown.key, q)
    draws = reconstruction_draws(shown.run.model, shown.x, shown.q, 20_000, sections._generator(shown)).double()
    error = draws.std().item() / SAMPLES**0.5
    assert numbers.reconstruction_error == pytest.approx(error, rel=0.15) and not numbers.is_check
    assert 1e-4 < abs(draws[:SAMPLES].mean().item() - numbers.reconstruction) < 6 * error
    assert numbers.kl_to_posterior_error > numbers.reconstruction_error > numbers.log_evidence_error > 0


def compared(plain: float, based: tuple[float, ...]) -> GradientComparison:
    """Estimators whose variances have these ratios to the pathwise one."""
    summaries = [
        GradientSummary(torch.zeros(len(based)), torch.zeros(len(based)), variance)
        for variance in (torch.ones(len(based)), torch.full((len(based),), plain), torch.tensor(based))
    ]
    return GradientComparison(*summaries)


@pytest.mark.parametrize(
    ("based", "told", "better"),
    [
        ((0.37, 0.71), "<b>0.37</b> times as many samples for z1 and <b>0.71</b> times as many samples for z2", "z1 and z2"),
        ((0.37, 20), "<b>0.37</b> times as many samples for z1 and <b>20</b> times as many samples for z2", "z1"),
        ((3.4, 120), "<b>3.4</b> times as many samples for z1 and <b>120</b> times as many samples for z2", None),
        ((9.96, 4611.6), "<b>10</b> times as many samples for z1 and <b>4,612</b> times as many samples for z2", None),
        ((0.998, 1.002), "<b>1</b> times as many samples for z1 and <b>1</b> times as many samples for z2", None),
        ((0.0042,), "<b>0.0042</b> times as many samples for z1", "z1"),
    ],
)
def test_the_better_estimator_is_named_with_how_much_it_saves(based, told, better):
    sentence = sections.comparison(compared(19_302.0, based), ("z1", "z2")[: len(based)])
    assert sentence.startswith("The score function needs <b>19,302</b> times as many samples for z1")
    assert f"as a baseline, it needs {told}: " in sentence
    assert ("it does better" in sentence) == (better is not None) and ("in which direction" in sentence) == (better is None)
    assert better is None or f": for {better} it does better" in sentence


@pytest.mark.parametrize(("plain", "share"), [(20_000.0, "more than 99 %"), (10.0, "80 %"), (1.9, "none")])
def test_how_much_of_the_variance_is_a_constant_is_told(plain, share):
    assert f"but {share} of its variance is a constant's" in sections.comparison(compared(plain, (2.0,)), ("z1",))
