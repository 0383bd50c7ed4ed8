"""The page frame: title, menu, run picker, and one sentence in place of whatever cannot be shown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from ui import answers, memory, owner, resources, state, unfit, webgl
from ui.resources import RunVersion
from ui.scripts import script
from ui.text import literally, plain
from vae.errors import ConfigError, ExplorerError, RunError
from vae.run import RunFolder, list_runs, runs_folder

OPENS_ON = "mnist"
BAR = "bar_buttons"
PAGES = {
    "Explore": "app.py",
    "ELBO": "pages/elbo.py",
    "Train": "pages/train.py",
    "Replay": "pages/replay.py",
    "Compare": "pages/compare.py",
    "Diffusion": "pages/diffusion.py",
}
MARKS = {"queued": "queued", "running": "training", "paused": "paused", "stopped": "stopped", "failed": "failed"}
SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_RARE_LOOKS = 3.0, 20.0
"""While something is trained, and while nothing is."""


def begin(title: str, picks_run: bool = True, opens_on: str = OPENS_ON) -> RunFolder | None:
    """Draw the frame around a page and return the chosen run, or None where there are no runs at all.

    Who has chosen no run yet sees the one that the page `opens_on`. A page that looks at several runs draws a picker of its own
    instead (not `picks_run`).
    """
    st.set_page_config(f"{title} · VAE Latent Explorer", "🔢", layout="wide", initial_sidebar_state="collapsed")
    memory.notice_visitor()
    _learn_who_is_here()
    presenting = state.view().presenting
    sheets = ("style.css", "presenting.css") if presenting else ("style.css",)
    looks = (Path(__file__).with_name(sheet).read_text("utf-8") for sheet in sheets)
    st.html(f"<style>{''.join(looks)}</style>")
    folders = {folder.name: folder for folder in list_runs()}
    labels = {name: _label(folder) for name, folder in folders.items()}
    missing = _settle_choice(folders, opens_on)
    if picks_run and folders and not missing:
        _compare_with_address(folders[state.chosen_run()])
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="bar"):
        st.html('<span class="brand">VAE Latent Explorer</span>', width="content")
        for page, path in PAGES.items():
            st.page_link(path, label=f"**{page}**" if page == title else page, query_params=state.address())
        if folders and picks_run:
            st.selectbox(
                "Run",
                list(folders),
                key="run_picker",
                format_func=lambda name: labels.get(name, name),
                label_visibility="collapsed",
                on_change=lambda: state.choose_run(st.session_state["run_picker"]),
                width=240,
            )
        _buttons()
    if missing:
        st.warning(missing)
    _watch(labels)
    return folders.get(state.chosen_run())


def _learn_who_is_here() -> None:
    try:
        owner.arrive()
    except ConfigError as error:  # the words that the explorer was started with; nobody is let in by a slip
        say(error)
        st.stop()


BUTTONS = """<div><button type="button" title="Copy a link that reopens this view">Copy link</button>
<button type="button" title="The other theme">Dark</button></div>
<dialog aria-label="Copy by hand"><form method="dialog">
<p>The browser does not let this page copy. The address is selected here: press Ctrl and C, or ⌘ and C, and then Escape.</p>
<input readonly aria-label="Address of this view"><button>Close</button></form></dialog>"""
BUTTONS_CSS = """
div { display: flex; gap: 0.5rem; }
button {
  min-height: 40px; padding: 0 0.75rem; font: 1rem var(--st-font); color: var(--st-text-color); cursor: pointer;
  white-space: nowrap; background: transparent;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 4px);
}
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
dialog {
  max-width: min(40rem, 90vw); font: 1rem var(--st-font); color: var(--st-text-color); background: var(--st-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 4px);
}
dialog p { margin: 0 0 0.75rem; }
dialog form { display: flex; flex-wrap: wrap; gap: 0.5rem; }
dialog input { flex: 1; min-width: 12rem; font: inherit; color: inherit; background: transparent; }
"""


@cache
def _bar() -> Callable:
    return st.components.v2.component("bar", html=BUTTONS, css=BUTTONS_CSS, js=script("webgl", "bar"))


def _buttons() -> None:
    """Presenting, the address to copy, and the theme; and what the browser has to say of itself."""
    presenting = state.view().presenting
    st.button(
        "End presenting" if presenting else "Present", key="present", shortcut="p", on_click=state.settle,
        kwargs={"presenting": not presenting}, help="Large type for a lecture hall; the key p does it too",
    )  # fmt: skip
    data = {"cookie": owner.cookie(), "lacks_webgl": webgl.is_lacking()}
    _bar()(key=BAR, width="content", data=data, on_lacks_webgl_change=_learn_what_the_browser_lacks)


def _learn_what_the_browser_lacks() -> None:
    if answers.answer(BAR, "lacks_webgl") is True:
        webgl.note_lacking()


def _settle_choice(folders: dict[str, RunFolder], opens_on: str) -> str | None:
    """Choose a run that exists; a sentence when the address asks for another."""
    asked = state.chosen_run()
    if not folders:
        return None
    problem = None
    preferred = next((name for name in (opens_on, OPENS_ON) if name in folders), next(iter(folders)))
    if asked not in folders or (asked != preferred and state.is_untouched()):
        if asked not in folders and asked is not None:
            problem = (
                f"There is no run called {literally(asked[:64])} here, or no longer: it may have been renamed or deleted. This "
                "is another one; choose a run at the top."
            )
        state.settle_run(preferred)
    st.session_state["run_picker"] = state.chosen_run()
    return problem


def _compare_with_address(folder: RunFolder) -> None:
    """Say what the address asks for and this run does not have, before it is passed over."""
    with contextlib.suppress(ExplorerError):  # the page says so
        config, class_names = folder.read_config()
        state.report_of_address(unfit.sentence(state.view(), config, len(class_names)))


def _label(folder: RunFolder) -> str:
    """The run's name, with what is special about its state."""
    try:
        status = folder.read_status()
    except RunError:
        return f"{folder.name} (damaged)"
    return f"{folder.name} ({MARKS[status.state]})" if status.state in MARKS else folder.name


def _watch(labels_drawn: dict[str, str]) -> None:
    """Draw the page again when a run appeared, ended or went away."""
    busy = any(label.endswith(f"({MARKS[state]})") for label in labels_drawn.values() for state in ("queued", "running"))
    every = SECONDS_BETWEEN_LOOKS if busy else SECONDS_BETWEEN_RARE_LOOKS
    st.fragment(_look, run_every=every)(labels_drawn)


def _look(labels_drawn: dict[str, str]) -> None:
    if {folder.name: _label(folder) for folder in list_runs()} != labels_drawn:
        st.rerun()


def no_runs() -> None:
    """What to say where there is nothing to look at."""
    st.info(
        f"There are no runs in {literally(runs_folder())} yet. Open **Train** and start one on digits: it needs no "
        "download and takes less than a minute."
    )


def say_damage(version: RunVersion) -> None:
    """One sentence on a frame that cannot be used, where the page goes on without it."""
    if damage := resources.frame_damage(version):
        st.warning(plain(damage))


def say(error: Exception) -> None:
    """One sentence in place of what could not be shown."""
    st.error(plain(error))
