"""The folder of lessons: which there are, what they hold, and a step that is added to one of one's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ui.shell.actions import for_the_owner
from ui.state.lesson import Lesson, LessonError, Step, read_lesson, written, written_step
from ui.state.view import LONGEST_NAME
from vae.paths import folder_of
from vae.runs import atomic_files

SHIPPED = ("first-lecture", "exercises")
LARGEST = 200_000
"""Bytes of a lesson's file: 99 steps of a full text each have less than 100,000."""


@dataclass(frozen=True)
class LessonFile:
    """A file of the folder: its lesson, or one sentence on why it cannot be read."""

    name: str
    path: Path
    lesson: Lesson | None
    problem: str | None

    @property
    def is_shipped(self) -> bool:
        """Whether it came with the explorer, and is not written to."""
        return self.name in SHIPPED


def lessons_folder() -> Path:
    """Where lessons are: `lessons`, or what the environment variable VAE_LESSONS names."""
    return folder_of("VAE_LESSONS")


def list_lessons(pages: tuple[str, ...]) -> list[LessonFile]:
    """All lessons, those that came with the explorer first; `pages` are what their addresses may name."""
    try:
        paths = [path for path in lessons_folder().glob("*.md") if _is_named(path.stem)]
    except OSError:
        return []
    order = {name: place for place, name in enumerate(SHIPPED)}
    return [_look(path, pages) for path in sorted(paths, key=lambda path: (order.get(path.stem, len(order)), path.stem))]


def find_lesson(name: str, pages: tuple[str, ...]) -> LessonFile | None:
    """The lesson of this name; None where there is none."""
    return next((file for file in list_lessons(pages) if file.name == name), None)


def _is_named(stem: str) -> bool:
    """Whether an address can name it, and it is no file on its way to its place."""
    return 0 < len(stem) <= LONGEST_NAME and not stem.startswith(".") and stem != "README"


def _look(path: Path, pages: tuple[str, ...]) -> LessonFile:
    try:
        seen = path.stat()
        return _read(path, (seen.st_mtime_ns, seen.st_size), pages)
    except OSError as error:
        return LessonFile(path.stem, path, None, f"{path.name} cannot be read ({error.strerror or error}).")


@st.cache_data(max_entries=64, show_spinner=False)
def _read(path: Path, stamp: tuple[int, int], pages: tuple[str, ...]) -> LessonFile:
    """The lesson as the file has it at this `stamp`."""
    try:
        return LessonFile(path.stem, path, read_lesson(_text_of(path), pages), None)
    except LessonError as error:
        return LessonFile(path.stem, path, None, f"{path.name} cannot be played. {error}")


def _text_of(path: Path) -> str:
    try:
        with atomic_files.open_regular(path, largest=LARGEST) as file:
            return file.read(LARGEST).decode()
    except OSError as error:
        raise LessonError(f"It cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise LessonError("It is not UTF-8 text; save it as UTF-8.") from error


@for_the_owner
def add_step(name: str, step: Step, pages: tuple[str, ...]) -> None:
    """Write a step at the end of a lesson of one's own. Raises `ExplorerError`."""
    file = find_lesson(name, pages)
    if file is None:
        raise LessonError(f"There is no lesson called {name}, or no longer; choose another one.")
    if file.is_shipped:
        raise LessonError(f"{file.path.name} came with the explorer; add the view to a lesson of your own.")
    text = _text_of(file.path).rstrip() + "\n" + written_step(step)
    read_lesson(text, pages)  # which says what is wrong, before anything is written
    atomic_files.write_whole(file.path, text.encode())


@for_the_owner
def new_lesson(title: str, step: Step, pages: tuple[str, ...]) -> str:
    """Write a lesson of one step; its name. Raises `ExplorerError`."""
    folder, title = lessons_folder(), " ".join(title.split())
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:LONGEST_NAME] or "lesson"
    text = written(Lesson(title, "", (step,)))
    read_lesson(text, pages)
    path = folder / f"{name}.md"
    if path.exists() or name in SHIPPED:
        raise LessonError(f"There is a lesson in {path.name} already; choose another title, or add the view to that one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic_files.cannot_write(folder, error) from error
    atomic_files.write_whole(path, text.encode())
    return name
