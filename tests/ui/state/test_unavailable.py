"""What an address asks for in vain is told; what fits is passed over in silence."""

import re

import pytest

from tests.conftest import small_config
from ui.state.unavailable import about_image, sentence
from ui.state.url_state import in_words, read_address
from ui.state.view import View

FITTING = [
    (2, {}), (2, {"z": "0.5,-1.2"}), (2, {"q": "0,0,1,1"}), (2, {"axes": "pca"}), (2, {"class": "9", "epoch": "2"}),
    (1, {"z": "3"}),
    (8, {"z": ",".join("12345678"), "axes": "7,8"}), (2, {"z": "1,2,3", "image": "5"}), (3, {"a": "1,2,3", "b": "0,0,0"}),
]  # fmt: skip
IN_VAIN = [
    (2, {"z": "0,5,-1,2"}, r"z of 4 numbers, and in .* 2 dimensions it has 2; .* a point .* like z=0\.5,-0\.25\.$"),
    (2, {"z": "0,5"}, None),  # two numbers, and so a point
    (3, {"z": "0,5"}, r"z of 2 numbers, and in .* 3 dimensions it has 3"),
    (1, {"z": "0,5"}, r"z of 2 numbers, and in .* 1 dimension it has 1; .* like z=0\.5\.$"),
    (8, {"z": "1"}, r"z of 1 number, and .* it has 8; .* like z=0\.5,-0\.25, \.\.\.$"),
    (2, {"a": "1,2,3"}, "a of 3 numbers"),
    (2, {"b": "1"}, "b of 1 number, and"),
    (2, {"q": "0,5,1,2,1,05,1,03"}, r"q of 8 numbers, and in .* it has 4; .* like q=0\.5,-0\.25,0\.1,0\.1\.$"),
    (2, {"axes": "1,3"}, "axes=1,3, .* 2 dimensions is shown as it is"),
    (8, {"axes": "1,9"}, r"axes=1,9, .* has no such pair; choose one under \*\*Plane"),
    (2, {"class": "10"}, "class=10, .* numbers 0 to 9"),
    (2, {"epoch": "3"}, "epoch=3, .* 2 epochs; this is its end"),
]


@pytest.mark.parametrize(("latent", "query"), FITTING)
def test_what_fits(latent, query):
    view, problem = read_address(query)
    assert problem is None and sentence(view, small_config(latent=latent), 10) is None


@pytest.mark.parametrize(("latent", "query", "words"), IN_VAIN)
def test_what_does_not(latent, query, words):
    view, problem = read_address(query)
    told = sentence(view, small_config(latent=latent), 10)
    assert problem is None and (told is None if words is None else re.search(words, told)), told


def test_an_image_beyond_the_last():
    assert "image=364, and this run's 364 held-out images have the numbers 0 to 363" in about_image(364, 364)


@pytest.mark.parametrize("text", ["0,5;-1,2", "0.5;-1.2", "0,5 -1,2"])
def test_decimal_commas_that_make_no_point_are_told_how_to_write_one(text):
    view, problem = read_address({"z": text})
    assert view == View() and "z=0.5,-1.2, decimals with a point and a comma between numbers" in problem


@pytest.mark.parametrize("names", [("a,b", "c"), ("100%", "a%2Cb"), ("%25,", ",")])
def test_names_with_a_comma_come_back_from_an_address(names):
    assert read_address(in_words(View(runs=names))) == (View(runs=names), None)
    assert in_words(View(runs=("mnist", "my run"))) == {"runs": "mnist,my run"}
