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
