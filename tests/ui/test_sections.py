"""What the sections below the equation say, without a screen."""

import pytest

from tests.ui.conftest import version_of
from ui import equation_resources, resources, sections
from ui.subject import subject_of
from vae.estimators import reconstruction_draws


@pytest.mark.parametrize("epsilon", [0, 1])
def test_samples_are_held_against_others_where_there_is_no_plane(mnist_present, session, epsilon):
    session(probe=3, epsilon=epsilon)
    version = version_of("mnist-8d")
    shown = subject_of(version, resources.load_run(version), None)
    q = equation_resources.gaussian_key(shown.q)
    numbers = equation_resources.numbers_by_sampling(version, shown.key, q)
    count = equation_resources.IMPORTANCE_SAMPLES
    draws = reconstruction_draws(shown.run.model, shown.x, shown.q, 4 * count, sections._generator(shown)).double()
    error = draws.std().item() / count**0.5
    assert 1e-4 < abs(draws[:count].mean().item() - numbers.reconstruction) < 6 * error


@pytest.mark.parametrize(
    ("ratios", "told", "better"),
    [
        ((0.37, 0.71), "<b>0.37</b> times as many samples for z1 and <b>0.71</b> times as many samples for z2", "z1 and z2"),
        ((0.37, 20), "<b>0.37</b> times as many samples for z1 and <b>20</b> times as many samples for z2", "z1"),
        ((3.4, 120), "<b>3.4</b> times as many samples for z1 and <b>120</b> times as many samples for z2", None),
        ((9.96, 4611.6), "<b>10</b> times as many samples for z1 and <b>4,612</b> times as many samples for z2", None),
        ((0.998, 1.002), "<b>1</b> times as many samples for z1 and <b>1</b> times as many samples for z2", None),
        ((0.0042,), "<b>0.0042</b> times as many samples for z1", "z1"),
    ],
)
def test_the_better_estimator_is_named_with_how_much_it_saves(ratios, told, better):
    sentence = sections.comparison(ratios, ("z1", "z2")[: len(ratios)])
    assert sentence.startswith(f"The score function needs {told} (the ratio of the variances): ")
    assert ("it does better" in sentence) == (better is not None) and ("in which direction" in sentence) == (better is None)
    assert better is None or f": for {better} it does better" in sentence
