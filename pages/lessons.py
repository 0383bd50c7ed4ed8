"""The Lessons page: lessons to play, and views added to lessons of one's own."""

from __future__ import annotations

import streamlit as st

from ui.cache import memory
from ui.lessons import lesson_list, view_adder
from ui.shell import lesson_files, page_frame
from ui.state import session
from ui.text import literally
from vae.errors import ExplorerError

LEAD = "A lesson leads through the pages, one view at a time. <b>Play one</b>; Page Down goes on, Page Up goes back."


def main() -> None:
    page_frame.begin("Lessons", picks_run=False)
    with st.container(key="say"):
        st.html(f'<p class="lead">{LEAD}</p>')
    pages = page_frame.IN_ADDRESSES
    files = lesson_files.list_lessons(tuple(pages))
    left, right = st.columns([1.4, 1], gap="large")
    with left:
        if not files:
            st.info(f"There are no lessons in {literally(lesson_files.lessons_folder())} yet. Add a view to a new one.")
        lesson_list.show(files, pages)
    with right:
        try:
            view_adder.show(files, page_frame.page_before(), tuple(pages))
        except ExplorerError as error:
            page_frame.say(error)
    memory.settle_memory("lessons", "")
    session.write_address()


main()
