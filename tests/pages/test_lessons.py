"""Lessons, in the page that lists them and on the pages that they lead through."""

from __future__ import annotations

import pytest

from tests.pages.conftest import address, open_page, shown
from ui.shell import owner

LESSON = """# A <b>lesson</b> ![x](http://outside.invalid/p.png)

## Where
/?run=small&z=0.5,0.25
Look <img src=q> **here**.

## What
https://outside.invalid/elbo?run=small&image=3
The ELBO.

## Gone
/replay?run=gone
No such run.
"""


@pytest.fixture
def lesson(runs, tmp_path, monkeypatch):
    folder = tmp_path / "lessons"
    folder.mkdir()
    monkeypatch.setenv("VAE_LESSONS", str(folder))
    (folder / "mine.md").write_text(LESSON)
    return folder / "mine.md"


def test_a_lesson_sets_the_whole_state_of_each_page_and_its_words_are_escaped(lesson):
    app = open_page("pages/lessons.py")
    assert not app.exception and "![x](" not in shown(app)
    app.button(key="play_mine").click().run()
    assert address(app) == {"run": "small", "z": "0.5000,0.2500", "lesson": "mine"}
    assert "1 of 3: Where" in shown(app) and "Look &lt;img src=q&gt; <b>here</b>." in shown(app)
    app = open_page(run="small", lesson="mine", z="1,1", mode="present")
    app.button(key="lesson_next").click().run()
    query = {"run": "small", "image": "3", "lesson": "mine", "step": "2", "mode": "present"}
    assert address(app).items() >= query.items() and "2 of 3: What" in shown(app)


def test_a_lesson_ends_at_its_last_step_or_by_its_button(lesson):
    app = open_page("pages/replay.py", run="gone", lesson="mine", step="7")
    assert "3 of 3: Gone" in shown(app) and "There is no run called" in app.warning[0].value
    assert app.button(key="lesson_next").disabled
    app.button(key="lesson_hide").click().run()
    assert app.button(key="lesson_hide").label == "Show"
    app.button(key="lesson_end").click().run()
    assert not app.exception and "3 of 3" not in shown(app) and not {"lesson", "step"} & set(address(app))


def test_a_lesson_that_is_damaged_or_gone_gets_a_sentence_wherever_it_is_asked_for(lesson):
    lesson.write_text("# T\n## S\n/nowhere\nText.")
    app = open_page("pages/lessons.py")
    assert not app.exception and "Line 3: this is no address" in app.error[0].value.replace("\\", "")
    assert "cannot be played" in open_page(run="small", lesson="mine").warning[0].value
    assert "There is no lesson called" in open_page(run="small", lesson="../mine").warning[0].value


def test_a_view_is_added_to_a_lesson_and_to_a_new_one(lesson):
    app = open_page(run="small", z="1.5,0.25", mode="present")
    app.switch_page("pages/lessons.py").run()
    app.selectbox(key="step_lesson").set_value("mine").run()
    app.text_input(key="step_title").set_value("Fourth").run()
    app.text_area(key="step_text").set_value("Text of it.").run()
    app.button(key="add_view").click().run()
    assert not app.exception and not app.error and "Fourth" in app.success[0].value
    assert lesson.read_text().endswith("\n\n## Fourth\n/?run=small&z=1.5000,0.2500\nText of it.\n")
    app.selectbox(key="step_lesson").set_value("").run()
    app.button(key="add_view").click().run()
    assert "write both" in app.error[0].value
    assert sorted(path.name for path in lesson.parent.iterdir()) == ["mine.md"]


def test_a_visitor_plays_and_cannot_add(lesson, monkeypatch):
    monkeypatch.setattr(owner, "may_act", lambda: False)
    app = open_page("pages/lessons.py")
    assert app.button(key="add_view").disabled and not app.button(key="play_mine").disabled
    assert str(lesson.parent) not in " ".join(caption.value for caption in app.caption)
