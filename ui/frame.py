"""The page frame: title, menu, run picker, and one sentence in place of whatever cannot be shown."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui import state
from vae.errors import RunError
from vae.run import RunFolder, list_runs, runs_folder

OPENS_ON = "mnist"
PAGES = {"Explore": "app.py", "Train": "pages/train.py"}
MARKS = {"queued": "queued", "running": "training", "paused": "paused", "stopped": "stopped", "failed": "failed"}
SECONDS_BETWEEN_LOOKS = 3.0


def begin(title: str) -> RunFolder | None:
    """Draw the frame around a page and return the chosen run, or None where there are no runs at all."""
    st.set_page_config(f"{title} · VAE Latent Explorer", "🔢", layout="wide", initial_sidebar_state="collapsed")
    st.html(f"<style>{Path(__file__).with_name('style.css').read_text()}</style>")
    folders = {folder.name: folder for folder in list_runs()}
    labels = {name: _label(folder) for name, folder in folders.items()}
    missing = _settle_choice(folders)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="bar"):
        st.html('<span class="brand">VAE Latent Explorer</span>', width="content")
        for page, path in PAGES.items():
            st.page_link(path, label=f"**{page}**" if page == title else page, query_params=state.address())
        if folders:
            st.selectbox(
                "Run",
                list(folders),
                key="run_picker",
                format_func=lambda name: labels.get(name, name),
                label_visibility="collapsed",
                on_change=lambda: state.choose_run(st.session_state["run_picker"]),
                width=330,
            )
    if missing:
        st.warning(missing)
    _watch(labels)
    return folders.get(state.chosen_run())


def _settle_choice(folders: dict[str, RunFolder]) -> str | None:
    """Choose a run that exists; a sentence when the address asks for another."""
    asked = state.chosen_run()
    if not folders:
        return None
    problem = None
    if asked not in folders:
        if asked is not None:
            problem = f"There is no run called {asked[:64]!r} here, so this is another one; choose a run at the top."
        state.choose_run(OPENS_ON if OPENS_ON in folders else next(iter(folders)))
    st.session_state["run_picker"] = state.chosen_run()
    return problem


def _label(folder: RunFolder) -> str:
    """The run's name, with what is special about its state."""
    try:
        status = folder.read_status()
    except RunError:
        return f"{folder.name} (damaged)"
    return f"{folder.name} ({MARKS[status.state]})" if status.state in MARKS else folder.name


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch(labels_drawn: dict[str, str]) -> None:
    """Draw the page again when a run appeared, ended or went away."""
    if {folder.name: _label(folder) for folder in list_runs()} != labels_drawn:
        st.rerun()


def no_runs() -> None:
    """What to say where there is nothing to look at."""
    st.info(
        f"There are no runs in {runs_folder()} yet. Open **Train** and start one on digits: it needs no "
        "download and takes less than a minute."
    )


def say(error: Exception) -> None:
    """One sentence in place of what could not be shown."""
    st.error(str(error))
