"""The page frame: title, menu, run picker, and one sentence in place of whatever cannot be shown."""

from __future__ import annotations

import contextlib
from pathlib import Path

import streamlit as st

from ui import glossary
from ui.cache import memory, runs
from ui.cache.runs import RunVersion
from ui.charts import palette, webgl
from ui.components.toolbar.toolbar import toolbar
from ui.shell import lesson_strip, owner, run_card
from ui.state import session, unavailable
from ui.text import literally, plain
from vae import startup
from vae.errors import ConfigError, ExplorerError, RunError
from vae.runs.folder import RunFolder, list_runs, runs_folder

OPENS_ON = "mnist"
PAGES = {
    "Explore": "app.py",
    "ELBO": "pages/elbo.py",
    "Train": "pages/train.py",
    "Replay": "pages/replay.py",
    "Compare": "pages/compare.py",
    "Diffusion": "pages/diffusion.py",
    "Lessons": "pages/lessons.py",
}
IN_ADDRESSES = {"" if path == "app.py" else Path(path).stem: path for path in PAGES.values()}
"""The pages by their names in an address."""

LAST_PAGE = "last_page"
MARKS = {"queued": "queued", "running": "training", "paused": "paused", "stopped": "stopped", "failed": "failed"}
SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_RARE_LOOKS = 3.0, 20.0
"""While something is trained, and while nothing is."""


def begin(title: str, picks_run: bool = True, opens_on: str = OPENS_ON) -> RunFolder | None:
    """Draw the frame around a page and return the chosen run, or None where there are no runs at all.

    Who has chosen no run yet sees the one that the page `opens_on`. A page that looks at several runs draws a picker of its own
    instead (not `picks_run`).
    """
    st.set_page_config(f"{title} · VAE Latent Explorer", "🔢", layout="wide", initial_sidebar_state="collapsed")
    startup.prepare_server()
    memory.notice_visitor()
    session.follow_history()
    _learn_who_is_here()
    presenting = session.view().presenting
    sheets = ("style.css", "lesson.css", *(["presenting.css"] if presenting else []))
    looks = [glossary.SHEET.read_text("utf-8"), *(Path(__file__).with_name(sheet).read_text("utf-8") for sheet in sheets)]
    st.html(f"<style>{palette.variables()}{''.join(looks)}</style>")
    folders = {folder.name: folder for folder in list_runs()}
    labels = {name: _label(folder) for name, folder in folders.items()}
    missing = _settle_choice(folders, opens_on)
    if picks_run and folders and not missing:
        _compare_with_address(folders[session.chosen_run()])
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="bar"):
        st.html(f'<h1 class="brand">VAE Latent Explorer<small>: {title}</small></h1>', width="content")
        for page, path in PAGES.items():
            st.page_link(path, label=f"**{page}**" if page == title else page, query_params=session.address())
        if folders and picks_run:
            st.selectbox(
                "Run",
                list(folders),
                key="run_picker",
                format_func=lambda name: labels.get(name, name),
                label_visibility="collapsed",
                on_change=_take_choice,
                args=(folders,),
                width=220,
            )
            run_card.show(folders[session.chosen_run()])
        _buttons()
    lesson_strip.show(IN_ADDRESSES)
    if title != "Lessons":
        st.session_state[LAST_PAGE] = title
    if missing:
        st.warning(missing)
    _watch(labels)
    return folders.get(session.chosen_run())


def _learn_who_is_here() -> None:
    try:
        owner.arrive()
    except ConfigError as error:  # the words that the explorer was started with; nobody is let in by a slip
        say(error)
        st.stop()


def _buttons() -> None:
    """Presenting, the address to copy, and the theme; and what the browser has to say of itself."""
    presenting = session.view().presenting
    st.button(
        "End presenting" if presenting else "Present", key="present", shortcut="p", on_click=session.settle,
        kwargs={"presenting": not presenting}, help="Large type for a lecture hall; the key p does it too",
    )  # fmt: skip
    toolbar(owner.cookie(), webgl.is_lacking(), webgl.note_lacking)


def _take_choice(folders: dict[str, RunFolder]) -> None:
    """Look at the run that was picked. The browser may tell of it, or of the one that is shown, by a label that is no more."""
    name = st.session_state["run_picker"].split(" (")[0]  # no name has a space
    if name in folders and name != session.chosen_run():
        session.choose_run(name)


def _settle_choice(folders: dict[str, RunFolder], opens_on: str) -> str | None:
    """Choose a run that exists; a sentence when the address asks for another."""
    asked = session.chosen_run()
    if not folders:
        return None
    problem = None
    preferred = next((name for name in (opens_on, OPENS_ON) if name in folders), next(iter(folders)))
    if asked not in folders or (asked != preferred and session.is_untouched()):
        if asked not in folders and asked is not None:
            problem = (
                f"There is no run called {literally(asked[:64])} here, or no longer: it may have been renamed or deleted. This "
                "is another one; choose a run at the top."
            )
        session.settle_run(preferred)
    st.session_state["run_picker"] = session.chosen_run()
    return problem


def _compare_with_address(folder: RunFolder) -> None:
    """Say what the address asks for and this run does not have, before it is passed over."""
    with contextlib.suppress(ExplorerError):  # the page says so
        config, class_names = folder.read_config()
        session.report_of_address(unavailable.sentence(session.view(), config, len(class_names)))


def _label(folder: RunFolder) -> str:
    """The run's name, with what is special about its state, and what it is."""
    try:
        mark = MARKS.get(folder.read_status().state, "")
    except RunError:
        return f"{folder.name} (damaged)"
    words = "; ".join(filter(None, [mark, run_card.line(folder)]))
    return f"{folder.name} ({words})" if words else folder.name


def _watch(labels_drawn: dict[str, str]) -> None:
    """Draw the page again when a run appeared, ended or went away."""
    busy = any(f" ({MARKS[state]}" in label for label in labels_drawn.values() for state in ("queued", "running"))
    every = SECONDS_BETWEEN_LOOKS if busy else SECONDS_BETWEEN_RARE_LOOKS
    st.fragment(_look, run_every=every)(labels_drawn)


def _look(labels_drawn: dict[str, str]) -> None:
    if {folder.name: _label(folder) for folder in list_runs()} != labels_drawn:
        st.rerun()


def page_before() -> str:
    """The page that the visitor came from to the lessons, by its name in an address; the first one where there was none."""
    path = PAGES[st.session_state.get(LAST_PAGE, "Explore")]
    return next(name for name, other in IN_ADDRESSES.items() if other == path)


def no_runs() -> None:
    """What to say where there is nothing to look at."""
    st.info(
        f"There are no runs in {literally(runs_folder())} yet. Open **Train** and start one on digits: it needs no "
        "download and takes less than a minute."
    )


def say_damage(version: RunVersion) -> None:
    """One sentence on a frame that cannot be used, where the page goes on without it."""
    if damage := runs.snapshot_damage(version):
        st.warning(plain(damage))


def say(error: Exception) -> None:
    """One sentence in place of what could not be shown."""
    st.error(plain(error))


DRAWN = "drawn_version"


def stay_current(drawn: object, now: object) -> None:
    """Draw the whole page anew where a part of it is about to be drawn again, and the weights are others by now.

    What is cached of earlier weights may be gone, and would be made of the new ones. Only what stands on the screen is drawn
    anew: a training that saves all the time lets the page come first.
    """
    if st.session_state.get(DRAWN) == drawn != now:
        st.rerun()
    st.session_state[DRAWN] = drawn
