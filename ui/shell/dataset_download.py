"""A data set whose pictures are missing, fetched by a press: in a process of its own, by the owner of the server alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import streamlit as st

from ui.shell import actions, owner
from ui.text import plain
from vae.data import datasets
from vae.errors import ExplorerError
from vae.paths import ROOT, as_variables

NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "kmnist": "KMNIST"}
MEGABYTES = {"mnist": 11.6, "fashion-mnist": 30.9, "kmnist": 21.2}
"""The four files of each as they are published, packed."""

SECONDS_BETWEEN_LOOKS = 1.0
LONGEST_LAST_WORDS = 4000  # bytes


class Download:
    """The process that fetches a data set, and what it says of it."""

    def __init__(self, name: str) -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115, it is read while the process writes, and after it
        self._process = subprocess.Popen(
            command(name), cwd=ROOT, env=os.environ | as_variables(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self._printed,
        )  # fmt: skip

    @property
    def is_under_way(self) -> bool:
        return self._process.poll() is None

    def problem(self) -> str:
        """Why it failed, in one sentence: its last line."""
        end = self._printed.seek(0, os.SEEK_END)
        self._printed.seek(max(0, end - LONGEST_LAST_WORDS))
        lines = [line.strip() for line in self._printed.read().decode(errors="replace").splitlines()]
        last = next(filter(None, reversed(lines)), "")
        if last.startswith("vae: "):
            return last.removeprefix("vae: ")
        return f"The download ended with status {self._process.returncode} ({last or 'it said nothing'}); try again."


def command(name: str) -> list[str]:
    """The words that fetch a data set."""
    return [sys.executable, "-m", "vae", "download", name]


@st.cache_resource(show_spinner=False)
def _downloads() -> dict[tuple[str, str], Download]:
    """The last download into each folder of each data set, on this server."""
    return {}


def _key(name: str) -> tuple[str, str]:
    return name, str(datasets.data_folder())


@actions.for_the_owner
def start(name: str) -> None:
    """Fetch a data set, unless somebody does so already. Raises `NotTheOwner`, and `DataError` on other names."""
    running = _downloads().get(_key(name))
    if not datasets.is_present(name) and not (running and running.is_under_way):
        _downloads()[_key(name)] = Download(name)


def offer(name: str) -> None:
    """The button that fetches a missing data set, and then how much of it has arrived; nothing for visitors."""
    if owner.may_act() and not datasets.is_present(name):
        download = _downloads().get(_key(name))
        waits = download is not None and download.is_under_way
        st.fragment(_show, run_every=SECONDS_BETWEEN_LOOKS if waits else None)(name)


def _show(name: str) -> None:
    download = _downloads().get(_key(name))
    if download is not None and download.is_under_way:
        arrived, all_of_it = datasets.bytes_arrived(name) / 1e6, MEGABYTES[name]
        words = f"Downloading {NAMES[name]}: {min(arrived, all_of_it):.1f} of {all_of_it:.1f} MB"
        st.progress(min(arrived / all_of_it, 1.0), words)
        return
    if datasets.is_present(name):
        st.rerun()
    if download is not None:
        st.error(plain(download.problem()))
    label = f"Download {NAMES[name]}"
    if st.button(label, key="download_dataset", icon=":material/download:", help=f"{MEGABYTES[name]:.0f} MB, once"):
        _press(name)


def _press(name: str) -> None:
    try:
        start(name)
    except (ExplorerError, OSError) as error:
        st.error(plain(error))
        return
    st.rerun()
