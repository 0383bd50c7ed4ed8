"""How a lesson reads as a file, and what is refused."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from ui.shell.lesson_files import LARGEST, SHIPPED
from ui.shell.page_frame import IN_ADDRESSES
from ui.state.lesson import LONGEST_TEXT, Lesson, LessonError, new_step, read_lesson, written
from ui.state.url_state import FIELDS, read_address
from vae.runs.lifecycle import SHIPPED as RUNS

PAGES = tuple(IN_ADDRESSES)
STEP = "## A step\n/elbo?run=mnist&image=7\nLook here.\n"


def test_a_lesson_reads_as_it_was_written():
    steps = (
        new_step("First", "", {"run": "my run", "z": "0.5,-1"}, "One.\n\nTwo **bold**."),
        new_step("Second", "elbo", {}, "Text: 50 % & more"),
    )
    lesson = Lesson("A title", "What it is about.", steps)
    again = read_lesson(written(lesson), PAGES)
    assert again.title == lesson.title and again.about == lesson.about
    assert [(step.title, step.page, dict(step.query)) for step in again.steps] == [
        ("First", "", {"run": "my run", "z": "0.5,-1"}),
        ("Second", "elbo", {}),
    ]
    assert [step.text for step in again.steps] == ["One. Two **bold**.", "Text: 50 % & more"]


@pytest.mark.parametrize(
    "line",
    [
        "/elbo?run=a",
        "http://localhost:8501/elbo?run=a&mode=present&lesson=x&step=3&token=t",
        "https://outside.invalid/x/elbo?run=a",
    ],
)
def test_an_address_is_a_page_and_its_query_and_nothing_else(line):
    step = read_lesson(f"# T\n## S\n{line}\nText.", PAGES).steps[0]
    assert step.page == "elbo" and step.query == {"run": "a"} and step.address == "/elbo?run=a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line is no title"),
        ("words\n# T", "first line is no title"),
        ("# T\nabout", "no steps"),
        ("# T\n" + STEP * 100, "100 steps"),
        ("# T\n## S\n", "Line 2: the step has no address"),
        ("# T\n## S\n/elbo\n", "Line 2: the step says nothing"),
        ("# T\n## S\n/admin\nText.", "Line 3: this is no address"),
        ("# T\n## S\njavascript:alert(1)\nText.", "Line 3: this is no address"),
        ("# T\n## S\nhttp://[x/elbo\nText.", "Line 3: this is no address"),
        ("# T\n## S\nLook / there\nText.", "Line 3: this is no address"),
        ("# T\n## \n/elbo\nText.", "no steps"),
        (f"# T\n## S\n/elbo\n{'x' * (LONGEST_TEXT + 1)}", "Line 2: the text of the step has"),
        (f"# {'x' * 81}\n{STEP}", "Line 1: the title has"),
    ],
)
def test_a_bad_lesson_gets_one_sentence(text, words):
    with pytest.raises(LessonError, match=words):
        read_lesson(text, PAGES)


@pytest.mark.parametrize(("title", "text"), [("", "Text."), ("T", " \n"), ("T", "## S"), ("x" * 81, "Text."), ("T", "x" * 601)])
def test_a_step_that_would_not_be_read_again_is_refused(title, text):
    with pytest.raises(LessonError):
        new_step(title, "", {}, text)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_lessons_ask_for_runs_and_views_that_are_there(name):
    file = ROOT / "lessons" / f"{name}.md"
    assert file.stat().st_size < LARGEST
    for step in read_lesson(file.read_text("utf-8"), PAGES).steps:
        assert set(step.query) <= {"run", *FIELDS}, step.title
        assert read_address(dict(step.query))[1] is None, step.title
        assert {step.query.get("run", "mnist"), *step.query.get("runs", "mnist").split(",")} <= set(RUNS), step.title
