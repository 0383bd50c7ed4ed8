"""Explore, where z comes from the prior."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import small_config
from tests.pages.conftest import address, open_page, pictures, pixels, shown, told
from tests.pages.test_explore import decode, numbers, pinned, train


def tiles(app: AppTest) -> list[np.ndarray]:
    labels = [button.label for button in app.button if re.match(r"drawn_\d", button.key or "")]
    return [pixels(re.search(r"\((data:[^)]+)\)", label)[1]) for label in labels]


def test_one_z_is_pinned_and_decoded(runs):
    app = open_page(original="prior")
    app.button(key="one_z").click().run()
    assert not app.exception and any(pinned(app))
    mean, draw = pictures(app, "pair")
    assert np.abs(mean - decode(runs, pinned(app))).max() <= 1 and set(np.unique(draw)) == {0, 255}
    assert not tiles(app) and told(app)["draws"] == []


def test_sixteen_z_are_shown_marked_reopened_and_pinned(runs):
    app = open_page(original="prior")
    app.button(key="sixteen_z").click().run()
    means, marks = tiles(app), told(app)["draws"]
    assert not app.exception and address(app)["draws"] == "1" and len(means) == len(marks) == 16
    for mean, z in zip(means, marks, strict=True):
        assert np.abs(mean - decode(runs, z)).max() <= 1
    again = open_page(original="prior", draws="1")
    assert all((one == other).all() for one, other in zip(means, tiles(again), strict=True))
    button = app.button(key="drawn_5")
    assert numbers(button.label.split("]")[0]) == pytest.approx(marks[4], abs=0.0051)
    button.click().run()
    assert pinned(app) == pytest.approx(marks[4], abs=1e-6) and np.abs(pictures(app, "pair")[0] - means[4]).max() <= 1
    app.button(key="sixteen_z").click().run()
    assert told(app)["draws"] != marks and address(app)["draws"] == "2"


def test_new_pixels_leave_z_and_means(runs):
    app = open_page(original="prior", draws="1", z="0.5,0.25", x="drawn")
    first, (mean, draw) = tiles(app), pictures(app, "pair")
    assert all(set(np.unique(image)) <= {0, 255} for image in first)
    app.button(key="new_x").click().run()
    assert pinned(app) == [0.5, 0.25] and (pictures(app, "pair")[0] == mean).all() and (pictures(app, "pair")[1] != draw).any()
    assert any((one != other).any() for one, other in zip(first, tiles(app), strict=True))
    app.segmented_control(key="drawn_pixels").set_value(False).run()
    assert not app.exception and "x" not in address(app) and len(np.unique(tiles(app)[0])) > 2


@pytest.mark.parametrize("latent", [1, 8])
def test_other_latent_sizes_and_the_gaussian_likelihood(runs: Path, latent):
    train(runs, "other", small_config(latent=latent, epochs=1, likelihood="gaussian", scale=0.25))
    app = open_page(run="other", original="prior", draws="1", x="drawn")
    assert not app.exception and len(tiles(app)) == len(told(app)["draws"]) == 16 and "sigma = 0.25" in shown(app)
    app.button(key="drawn_16").click().run()
    assert len(pinned(app)) == latent and told(app)["place"] == pytest.approx(told(app)["draws"][15], abs=1e-4)
    app.segmented_control(key="source").set_value("test").run()
    assert told(app)["draws"] == [] and not tiles(app)
