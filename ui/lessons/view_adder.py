"""The view that the visitor came from, to be added as a step to a lesson of one's own."""

from __future__ import annotations

import streamlit as st

from ui.shell import actions, lesson_files, owner
from ui.shell.lesson_files import LessonFile
from ui.state import choices, session
from ui.state.lesson import LONGEST_TEXT, LONGEST_TITLE, new_step
from ui.text import literally, plain

LESSON, LESSON_TITLE, TITLE, TEXT, ADDED = "step_lesson", "lesson_title", "step_title", "step_text", "step_added"
NEW = ""
"""The choice of no lesson that there is."""


def show(files: list[LessonFile], page: str, pages: tuple[str, ...]) -> None:
    """A form; `page` is the name in an address of the page that the visitor came from."""
    own = {file.name: file for file in files if not file.is_shipped and file.lesson}
    st.subheader("Add this view")
    view = new_step("-", page, session.address(), "-")
    st.caption(f"The view that you came from is added as a step: {literally(view.address)}")
    names = [*own, NEW]
    if st.session_state.get(LESSON) not in names:
        st.session_state[LESSON] = names[0]
    st.selectbox(
        "To the lesson", names, key=LESSON, format_func=lambda name: plain(own[name].lesson.title) if name else "A new lesson"
    )
    if st.session_state[LESSON] == NEW:
        st.text_input("Title of the new lesson", key=LESSON_TITLE, max_chars=LONGEST_TITLE)
    st.text_input("Title of the step", key=TITLE, max_chars=LONGEST_TITLE)
    st.text_area("Its text", key=TEXT, max_chars=LONGEST_TEXT, placeholder="Two or three sentences: what to look for")
    actions.button(st, "Add this view", "add_view", lambda: _add(names, page, pages), actions.UPKEEP, type="primary")
    actions.tell(actions.UPKEEP)
    if added := st.session_state.pop(ADDED, None):
        st.success(added)
    if owner.may_act():
        st.caption(
            f"Lessons are text files in {literally(lesson_files.lessons_folder())}: edit them by hand to reorder, mend or "
            "remove steps. The README says how they read."
        )


def _add(names: list[str], page: str, pages: tuple[str, ...]) -> None:
    """Write the step that the form asks for, and empty the form. Raises `ExplorerError`."""
    name = choices.chosen(LESSON, names)
    step = new_step(st.session_state[TITLE], page, session.address(), st.session_state[TEXT])
    if name:
        lesson_files.add_step(name, step, pages)
    else:
        name = lesson_files.new_lesson(st.session_state[LESSON_TITLE], step, pages)
        st.session_state[LESSON] = name
    st.session_state[TITLE] = st.session_state[TEXT] = ""
    st.session_state[ADDED] = f"The step {plain(step.title)} was added to {literally(f'{name}.md')}."
