"""What the browser sends is checked: anybody can send anything over a websocket."""

import base64

import pytest

from ui.components import answers
from ui.components.lens import lens
from ui.components.lens.lens import Pick
from ui.components.sketchpad import sketchpad


@pytest.mark.parametrize(
    ("answer", "pick"),
    [
        ({"place": [0.5, -1.25]}, Pick((0.5, -1.25), None)),
        ({"place": [0.5, -1.25], "probe": None}, Pick((0.5, -1.25), None)),
        ({"place": [1, 2], "probe": 7}, Pick((1.0, 2.0), 7)),
        ({"place": [-100, 100], "more": "words"}, Pick((-100.0, 100.0), None)),
        ({"place": [1, 2], "click": 1764361200123}, Pick((1.0, 2.0), None, 1764361200123.0)),
    ],
)
def test_a_place_is_a_pick(answer, pick):
    assert lens._checked(answer) == pick


@pytest.mark.parametrize(
    "answer",
    [
        None, "place", 5, [], [0.5, 1], {}, {"place": None}, {"place": [1]}, {"place": [1, 2, 3]}, {"place": ["x", 1]},
        {"place": [float("nan"), 0]}, {"place": [float("inf"), 0]}, {"place": [1000001, 0]}, {"place": [10**400, 0]},
        {"place": {"a": 1}}, {"place": [[1], [2]]}, {"probe": 3}, {"place": [1, 2], "probe": "x"},
        {"place": [1, 2], "click": "x"}, {"place": [1, 2], "click": float("nan")}, {"place": [1, 2], "click": [3]},
        {"place": [1, 2], "probe": [3]}, {"place": [1, 2], "probe": float("inf")}, {"place": [1, 2], "probe": float("nan")},
        {"place": [1, 2], "probe": -1}, {"place": [1, 2], "probe": 0.5}, {"place": [True, 2]}, {"place": ["1", "2"]},
    ],
)  # fmt: skip
def test_anything_else_is_none(answer):
    assert lens._checked(answer) is None


def test_a_drawing_comes_through():
    content = b"\x89PNG whatever follows"
    assert answers.png(answers.PNG + base64.b64encode(content).decode(), sketchpad.LONGEST) == content


@pytest.mark.parametrize(
    "answer",
    [
        None, 5, {}, b"bytes", "", "data:image/png;base64,", "data:image/svg+xml;base64,AAAA", "data:image/png;base64,!!!!",
        "data:image/png;base64,AAA", "data:image/png;base64,ääää", "AAAA", "data:image/png;base64," + "A" * 600_000,
    ],
)  # fmt: skip
def test_what_is_no_drawing_is_none(answer):
    assert answers.png(answer, sketchpad.LONGEST) is None
