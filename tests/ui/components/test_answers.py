"""All that a component in the browser sends is parsed and checked in one place."""

from __future__ import annotations

import ast
import json
import re

import pytest
from streamlit.components.v2.bidi_component import serialization

from tests.conftest import ROOT
from ui.components import answers

HOSTILE = [
    "[" * 100_000 + "]" * 100_000,
    '[{"event":"pick","value":' + '{"place":' * 5_000 + "1" + "}" * 5_000 + "}]",
    '[{"event":"pick","value":{"place":[' + "[" * 900 + "]" * 900 + ",1]}}]",
    '[{"event":"pick","value":' + "1" * 10_000 + "}]",
    '"' + "x" * 2_000_000 + '"',
    "[" * 100_000,
    "{",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_streamlit_takes_anything_that_a_browser_sends_for_no_answer(text):
    for payload in serialization.deserialize_trigger_list(text):
        assert not isinstance(payload, dict)
    assert serialization.BidiComponentSerde().deserialize(text) == {}


def test_what_our_components_send_comes_through():
    sent = [{"event": "pick", "value": {"place": [0.5, -1.25], "probe": 7, "click": 1764361200123}}]
    assert serialization.deserialize_trigger_list(json.dumps(sent)) == sent
    drawn = [{"event": "drawn", "value": answers.PNG + "A" * 400_000}]
    assert serialization.deserialize_trigger_list(json.dumps(drawn)) == drawn
    assert serialization.deserialize_trigger_list(json.dumps(sent * 40)) == sent * 40  # clicks while the server was busy


def test_nobody_reads_a_component_s_answer_past_the_checks():
    """A component that hears of something (on_..._change) asks `answers` what it was."""
    for path in (ROOT / "ui").rglob("*.py"):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        listens = any(re.fullmatch(r"on_\w+_change", word.arg or "") for call in calls for word in call.keywords)
        asks = any(ast.unparse(call.func) == "answers.answer" for call in calls)
        registers = "from ui.components.bundle import component" in path.read_text()
        assert asks == (listens and registers), path
