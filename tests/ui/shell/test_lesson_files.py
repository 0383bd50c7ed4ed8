"""The folder of lessons: what is listed, what is written, and by whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from ui.shell import lesson_files, owner
from ui.state.lesson import LessonError, new_step
from vae.errors import RunError

PAGES = ("", "elbo")
STEP = new_step("S", "elbo", {"run": "mnist"}, "Text.")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VAE_LESSONS", str(tmp_path / "lessons"))
    return tmp_path / "lessons"


def test_lessons_are_made_and_grow(folder):
    assert lesson_files.list_lessons(PAGES) == []
    assert lesson_files.new_lesson("My first: lesson!", STEP, PAGES) == "my-first-lesson"
    lesson_files.add_step("my-first-lesson", new_step("T", "", {}, "More."), PAGES)
    file = lesson_files.find_lesson("my-first-lesson", PAGES)
    assert [step.address for step in file.lesson.steps] == ["/elbo?run=mnist", "/"] and not file.is_shipped
    with pytest.raises(LessonError, match="already"):
        lesson_files.new_lesson("My first lesson", STEP, PAGES)
    assert lesson_files.new_lesson("数", STEP, PAGES) == "lesson"


def test_what_cannot_be_played_says_why_and_is_left_alone(folder):
    folder.mkdir()
    contents = {"broken": b"# T\n## S\n/admin\nText.", "latin": "# é\n".encode("latin-1"), "large": b"x" * 200_001}
    for name, content in contents.items():
        (folder / f"{name}.md").write_bytes(content)
    (folder / "a-pipe.md").mkdir()
    (folder / "README.md").write_text("# Not a lesson")
    listed = {file.name: file.problem for file in lesson_files.list_lessons(PAGES)}
    assert set(listed) == {"broken", "latin", "large", "a-pipe"}
    assert "Line 3" in listed["broken"] and "UTF-8" in listed["latin"] and "200,001 bytes" in listed["large"]
    with pytest.raises(LessonError, match="Line 3"):
        lesson_files.add_step("broken", STEP, PAGES)
    assert (folder / "broken.md").read_bytes() == contents["broken"]


def test_a_shipped_lesson_and_one_that_is_gone_are_not_written_to(folder):
    folder.mkdir()
    (folder / "exercises.md").write_text("# T\n## S\n/elbo\nText.\n")
    for name, words in (("exercises", "came with the explorer"), ("../secret", "no lesson called")):
        with pytest.raises(LessonError, match=words):
            lesson_files.add_step(name, STEP, PAGES)
    with pytest.raises(LessonError, match="already"):
        lesson_files.new_lesson("First lecture", STEP, PAGES)


def test_a_visitor_writes_nothing(folder, monkeypatch):
    lesson_files.new_lesson("Mine", STEP, PAGES)
    before = (folder / "mine.md").read_bytes()
    monkeypatch.setattr(owner, "may_act", lambda: False)
    for attempt in (lambda: lesson_files.add_step("mine", STEP, PAGES), lambda: lesson_files.new_lesson("More", STEP, PAGES)):
        with pytest.raises(owner.NotTheOwner):
            attempt()
    assert [path.name for path in folder.iterdir()] == ["mine.md"] and (folder / "mine.md").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told(folder):
    folder.write_text("a file in its place")
    with pytest.raises(RunError, match="cannot be written"):
        lesson_files.new_lesson("Mine", STEP, PAGES)
