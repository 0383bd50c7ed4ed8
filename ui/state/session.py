"""What the visitor looks at, kept for the session, across pages, and in the address, so that a link reopens the same view."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui.state.url_state import in_words, read_address
from ui.state.view import Point, View

RUN, VIEW, PROBLEM, UNTOUCHED, ADDRESSED = "chosen_run", "view", "address_problem", "untouched", "addressed"


def chosen_run() -> str | None:
    """The run's name, from this session or else from the address."""
    if RUN not in st.session_state:
        st.session_state[RUN] = st.query_params.get("run")
    return st.session_state[RUN]


def is_untouched() -> bool:
    """Whether neither the run nor anything of the view was chosen by the visitor or the address yet."""
    view()  # which reads the address
    return st.session_state.get(UNTOUCHED, False)


def choose_run(name: str) -> None:
    """Look at another run. The pinned point stays where it is, but is no longer any image's code."""
    st.session_state[PROBLEM], st.session_state[UNTOUCHED], st.session_state[ADDRESSED] = None, False, False
    settle_run(name)


def settle_run(name: str) -> None:
    """As `choose_run`, by the page and not by the visitor."""
    before = st.session_state.get(RUN)
    st.session_state[RUN] = name
    if before not in (None, name):
        settle(probe=None, own=None, start=None, end=None, q=None, axes=View.axes, epoch=None)


def follow_rename(old: str, new: str) -> None:
    """Look at the same run, and the same of it, by its new name."""
    if st.session_state.get(RUN) == old:
        st.session_state[RUN] = new
    settle(runs=tuple(new if name == old else name for name in view().runs))


def leave_run(name: str) -> None:
    """Look no more at a run that is gone, and let the page choose another one."""
    if st.session_state.get(RUN) == name:
        st.session_state[RUN] = None
    settle(runs=tuple(other for other in view().runs if other != name))


def view() -> View:
    """The view, from this session or else from the address (defaults where the address makes no sense)."""
    if VIEW not in st.session_state:
        st.session_state[VIEW], st.session_state[PROBLEM] = read_address(st.query_params.to_dict())
        st.session_state[UNTOUCHED] = st.session_state[VIEW] == View() and chosen_run() is None
        st.session_state[ADDRESSED] = True
    return st.session_state[VIEW]


def change(**changes: object) -> None:
    """Change what is looked at, as the visitor asks."""
    settle(**changes)
    st.session_state[PROBLEM], st.session_state[UNTOUCHED], st.session_state[ADDRESSED] = None, False, False


def settle(**changes: object) -> None:
    """Change what is looked at where the visitor asked for nothing, or for nothing that is about this run."""
    st.session_state[VIEW] = dataclasses.replace(view(), **changes)


def pin(z: Point, probe: int | None = None, own: bytes | None = None, exactly: bool = False) -> None:
    """Pin a point: an image's code, or else to the four decimals that the address and the page show unless `exactly`."""
    exactly = exactly or probe is not None or own is not None
    change(z=tuple(float(value) if exactly else round(float(value), 4) for value in z), probe=probe, own=own, q=None)


def open_address(query: Mapping[str, str], **kept: object) -> None:
    """Look at all that a query asks for, as if it stood in the address of a new visit; `kept` are fields of the view."""
    st.session_state[RUN] = query.get("run")
    asked, st.session_state[PROBLEM] = read_address(dict(query))
    st.session_state[VIEW] = dataclasses.replace(asked, **kept)
    st.session_state[UNTOUCHED], st.session_state[ADDRESSED] = asked == View() and "run" not in query, True


def follow_history() -> None:
    """Look at what the address says, where the visitor went back or forward to it in the browser."""
    run = get_script_run_ctx()
    if run is not None and run.is_history_navigation:
        open_address(st.query_params.to_dict())


def problem() -> str | None:
    """One sentence when the address could not be read, or what it asks for cannot be shown."""
    view()
    return st.session_state.get(PROBLEM)


def report(sentence: str) -> None:
    """Say what could not be shown, until something is chosen."""
    st.session_state[PROBLEM] = sentence


def is_from_address() -> bool:
    """Whether all that is looked at is what the address asked for: nothing was chosen since."""
    view()  # which reads the address
    return st.session_state.get(ADDRESSED, False)


def report_of_address(sentence: str | None) -> None:
    """Say what the address asks for in vain, unless something else was said of it or something was chosen since."""
    if sentence and is_from_address() and not problem():
        report(sentence)


def address() -> dict[str, str]:
    """The query that reopens this view; defaults are left out."""
    run = {"run": st.session_state[RUN]} if st.session_state.get(RUN) else {}
    return run | in_words(view())


def write_address() -> None:
    """Bring the address up to date."""
    query = address()
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
