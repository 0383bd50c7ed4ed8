"""Words from outside are shown as they are: Markdown, HTML and Plotly take none of them for markup."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT
from ui.text import JOINER, charted, literally, plain

HOSTILE = [
    "![x](http://outside.invalid/p.png)", "[x](javascript:alert(1))", "<img src=http://outside.invalid/p.png>",
    "a `b` ![x](y)", "line\n\n![x](http://outside.invalid)", "a\r\n# b", "$x$ and $$y$$", ":red[b]",
    ":material/delete: :smile: :+1: :100:",
    "http://outside.invalid www.outside.invalid HTTPS://outside.invalid", "a@outside.invalid", "**b** _i_ ~~s~~", "# a",
    "1. list", "- list", "> quote", "| a | b |", "\\![x](y)", "\\", "`", "``", "&lt;b&gt; &#33;[x](y)", "\u202egnp", "\u2028b",
    "a -- b -> c <- d >= e",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_markdown_that_shows_words_has_nothing_to_obey(words):
    for shown in (plain(words), literally(words)):
        assert "\n" not in shown and "\u202e" not in shown and "\u2028" not in shown
        rest = re.sub(r"\\[!-/:-@\[-`{-~]", "", re.sub(r"^`[^`]*`$", "", shown))
        assert not re.search(r"[`*_\[\]<$~&|]|:[\w/+-]|\w@\w|www\.|^[#>+=-]|^\d+[.)]", rest), shown


@pytest.mark.parametrize("words", HOSTILE)
def test_what_is_escaped_says_the_same(words):
    as_read = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", plain(words)).replace(JOINER, "")
    seen = "".join(letter if letter.isprintable() else " " for letter in words)
    assert as_read == " ".join(seen.split())


def test_plain_sentences_stay_as_they_are():
    for words in ("The run digits-mlp-1 is 4.5 GB (more than 2.0 GB); wait.", "/runs/mnist-8d/run.json is missing: copy it."):
        assert plain(words) == words


def test_a_chart_shows_tags_as_text():
    assert charted('<a href="http://outside.invalid">b</a> & c') == '&lt;a href="http://outside.invalid"&gt;b&lt;/a&gt; &amp; c'


# What is shown where

SINKS = {
    "markdown", "error", "warning", "info", "success", "caption", "toast", "write", "title", "header", "subheader", "button",
    "download_button", "expander", "popover", "progress", "text_input", "number_input", "slider", "select_slider", "toggle",
}  # fmt: skip
FOREIGN = {"message", "notice", "device", "class_names", "path", "device_name", "problem"}
"""Attributes that hold words from outside; `name` is one of a run's folder."""
OURS = {"session.problem", "request.device"}
"""Attributes of such a name that hold words of our own."""
SAFE = {"plain", "literally", "text.plain"}


def unescaped(node: ast.AST) -> list[str]:
    """Words from outside in an expression that no function of `ui.text` is given."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in SAFE:
        return []
    found = [ast.unparse(node)] if _is_foreign(node) else []
    return found + [words for child in ast.iter_child_nodes(node) for words in unescaped(child)]


def _is_foreign(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in {"str", "describe", "repr"}
    return isinstance(node, ast.Attribute) and (node.attr in FOREIGN or ast.unparse(node).endswith(("folder.name", "run.name")))


def test_nothing_from_outside_is_shown_as_markdown_without_being_escaped():
    seen = 0
    for path in [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "ui").rglob("*.py")]:
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr in SINKS:
                words = {"text", "label", "help", "body"}
                shown = [*call.args[:1], *(word.value for word in call.keywords if word.arg in words)]
                found = [foreign for argument in shown for foreign in unescaped(argument)]
                assert not set(found) - OURS, (path.name, ast.unparse(call)[:200])
                seen += 1
    assert seen > 100
