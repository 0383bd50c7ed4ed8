"""The lesson that is played: its step's sentences in a strip at the lower edge of every page, and the way to the next step."""

from __future__ import annotations

import streamlit as st

from ui import text
from ui.shell import lesson_files
from ui.state import session
from ui.state.lesson import Lesson

HIDDEN = "lesson_hidden"


def go_to(name: str, lesson: Lesson, number: int, pages: dict[str, str], **kept: object) -> None:
    """Look at what a step of a lesson shows, by `pages` from their names in an address to their files."""
    step = lesson.steps[number - 1]
    session.open_address(step.query, **({"presenting": session.view().presenting} | kept), lesson=name, step=number)
    st.switch_page(pages[step.page], query_params=session.address())


def show(pages: dict[str, str]) -> None:
    """Draw the strip while a lesson is played."""
    name = session.view().lesson
    if not name:
        return
    file = lesson_files.find_lesson(name, tuple(pages))
    if file is None or file.lesson is None:
        said = f"There is no lesson called {text.literally(name)} here, or no longer; choose one under **Lessons**."
        st.warning(text.plain(file.problem) if file else said)
        return
    with st.container(key="lesson_hidden" if st.session_state.get(HIDDEN) else "lesson_strip"):
        _strip(name, file.lesson, pages)


def _strip(name: str, lesson: Lesson, pages: dict[str, str]) -> None:
    last = len(lesson.steps)
    number = min(session.view().step, last)
    step = lesson.steps[number - 1]
    st.html(
        f'<section aria-label="Lesson" aria-live="polite"><b>{number} of {last}: {text.charted(step.title)}</b> '
        f"<span>{text.emphasised(step.text)}</span></section>"
    )
    with st.container(horizontal=True, key="lesson_buttons", width="content"):
        previous = st.button(
            "Back", key="lesson_previous", shortcut="pageup", disabled=number == 1,
            help="The step before",
        )  # fmt: skip
        following = st.button(
            "Next", key="lesson_next", shortcut="pagedown", disabled=number == last,
            help="The next step",
        )  # fmt: skip
        st.button(
            "Show" if st.session_state.get(HIDDEN) else "Hide", key="lesson_hide", shortcut="h", on_click=_hide,
            help="Hide the sentences, and show them again",
        )  # fmt: skip
        st.button("End", key="lesson_end", on_click=lambda: session.settle(lesson="", step=1), help="End the lesson")
    if previous or following:
        go_to(name, lesson, number + (1 if following else -1), pages)


def _hide() -> None:
    st.session_state[HIDDEN] = not st.session_state.get(HIDDEN)
