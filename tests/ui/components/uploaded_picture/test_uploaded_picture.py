"""What is kept of an uploaded picture, and what a browser may answer about it."""

import numpy as np
import pytest

from ui.components.uploaded_picture.uploaded_picture import WHOLE, Uploaded, checked

PICTURE = np.zeros((200, 300, 3), np.uint8)


def test_a_crop_is_rows_and_columns():
    rows, columns = Uploaded(PICTURE, "mnist", crop=(0.1, 0.25, 0.5, 1.0)).place
    assert (rows, columns) == (slice(50, 200), slice(30, 150))
    assert PICTURE[Uploaded(PICTURE, "mnist").place].shape == PICTURE.shape


def test_the_smallest_crop_has_pixels():
    tiny = Uploaded(np.zeros((4, 4, 3), np.uint8), "mnist", crop=(0.99, 0.99, 1.0, 1.0))
    assert tiny.picture[tiny.place].size


@pytest.mark.parametrize("inverted", [False, True])
def test_an_answer_that_makes_sense_is_taken(inverted):
    assert checked({"inverted": inverted, "crop": [0, 0, 1, 1]}) == (inverted, WHOLE)
    assert checked({"inverted": inverted, "crop": [0.25, 0.0, 0.5, 0.75]}) == (inverted, (0.25, 0.0, 0.5, 0.75))


CROPS = (None, [], [0, 0, 1], [0, 0, 1, "1"], [0, 0, 1, True], [0.5, 0, 0.5, 1], [1, 0, 0, 1], [-1, 0, 1, 1], [0, 0, 1, 1e9])


@pytest.mark.parametrize("crop", [*CROPS, [0, 0, float("nan"), 1], [[0], [0], [1], [1]], {"left": 0}])
def test_an_answer_that_makes_none_is_not(crop):
    assert checked({"inverted": False, "crop": crop}) is None


@pytest.mark.parametrize("answer", [None, 3, "x", [], {}, {"crop": [0, 0, 1, 1]}, {"inverted": 1, "crop": [0, 0, 1, 1]}])
def test_an_answer_of_another_kind_is_not(answer):
    assert checked(answer) is None
