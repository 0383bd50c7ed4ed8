"""The lessons that there are, each with its steps, to be played from any of them."""

from __future__ import annotations

import streamlit as st

from ui.shell import lesson_strip
from ui.shell.lesson_files import LessonFile
from ui.text import literally, plain


def show(files: list[LessonFile], pages: dict[str, str]) -> None:
    """One block a lesson; `pages` are the files of pages by their names in an address."""
    for file in files:
        with st.container(border=True, key=f"lesson_{file.name}"):
            if file.lesson is None:
                st.error(plain(file.problem))
            else:
                _lesson(file, pages)


def _lesson(file: LessonFile, pages: dict[str, str]) -> None:
    lesson, name = file.lesson, file.name
    st.markdown(f"**{plain(lesson.title)}**")
    st.caption(
        f"{plain(lesson.about)} {len(lesson.steps)} step{'s' * (len(lesson.steps) > 1)}, in {literally(file.path.name)}."
    )
    with st.container(horizontal=True, gap="small"):
        if st.button("Play", key=f"play_{name}", icon=":material/play_arrow:", type="primary"):
            lesson_strip.go_to(name, lesson, 1, pages)
        if st.button("Play presenting", key=f"present_{name}", help="In large type, for a lecture hall"):
            lesson_strip.go_to(name, lesson, 1, pages, presenting=True)
    with st.expander("Its steps"):
        for number, step in enumerate(lesson.steps, 1):
            label = f"{number}. {plain(step.title)}"
            if st.button(label, key=f"step_{name}_{number}", type="tertiary", help=literally(step.address)):
                lesson_strip.go_to(name, lesson, number, pages)
