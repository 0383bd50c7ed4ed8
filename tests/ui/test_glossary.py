"""The meanings of words: each can be told, and the words in a component's HTML are known."""

import re

import pytest

from tests.conftest import ROOT
from ui.glossary import MEANINGS, term


@pytest.mark.parametrize("word", MEANINGS)
def test_a_word_carries_its_meaning_as_a_description_and_can_be_reached_by_tab(word):
    tag = term(word, "<i>shown</i>")
    assert '<dfn tabindex="0" ' in tag and tag.endswith("><i>shown</i></dfn>")
    assert 40 < len(MEANINGS[word]) < 260 and MEANINGS[word].endswith(".")
    assert re.search(r'aria-description="[^"<>]+"', tag)


def test_all_words_on_the_screen_are_known_and_all_that_are_known_are_on_the_screen():
    files = [path for path in [ROOT / "app.py", *(ROOT / "ui").rglob("*")] if path.suffix in (".py", ".html")]
    text = "".join(path.read_text("utf-8") for path in files)
    used = {found[1] for found in re.finditer(r'(?:\bterm\(["\']|data-word=")([\w ]+)["\']', text)}
    assert used == set(MEANINGS)
