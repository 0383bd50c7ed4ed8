"""A lesson: steps of a few sentences, each with the address of a view. How it reads as a file, and how a step is added.

# Title of the lesson
What it is about, if anything is to be said.

## Title of a step
/elbo?run=mnist&image=7
Two or three sentences; **bold** is the only mark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from vae.errors import ExplorerError

MOST_STEPS, LONGEST_TITLE, LONGEST_TEXT, LONGEST_ADDRESS = 99, 80, 600, 4000
NOT_OF_A_VIEW = ("mode", "lesson", "step", "token", "embed", "embed_options")
"""Words of an address that say nothing of the page: how it is shown, and who looks."""


class LessonError(ExplorerError):
    """A lesson cannot be read or written."""


@dataclass(frozen=True)
class Step:
    """A view and what is said of it: `page` is as it reads in an address (empty for the first), `query` is the view's."""

    title: str
    page: str
    query: Mapping[str, str]
    text: str

    @property
    def address(self) -> str:
        """Where the view is, within the app."""
        words = urlencode(self.query, safe=",")
        return f"/{self.page}" + (f"?{words}" if words else "")


@dataclass(frozen=True)
class Lesson:
    """A lesson's title, what it is about, and its steps."""

    title: str
    about: str
    steps: tuple[Step, ...]


def read_lesson(text: str, pages: Collection[str]) -> Lesson:
    """The lesson that a file's text holds; its addresses are of these pages. Raises `LessonError`."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    first = next((number for number, line in enumerate(lines) if line), len(lines))
    if first == len(lines) or not lines[first].startswith("# "):
        raise LessonError("Its first line is no title; it should read like # Title of the lesson.")
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")]
    if not starts:
        raise LessonError("It has no steps; a step begins with a line like ## Title of the step.")
    if len(starts) > MOST_STEPS:
        raise LessonError(f"It has {len(starts)} steps, and {MOST_STEPS} are the most; make two lessons of it.")
    about = _joined(lines[first + 1 : starts[0]])
    _check_length(first, "paragraph below the title", about, LONGEST_TEXT)
    title = _title(first, lines[first][2:])
    ends = [*starts[1:], len(lines)]
    return Lesson(title, about, tuple(_read_step(lines, start, end, pages) for start, end in zip(starts, ends, strict=True)))


def _read_step(lines: list[str], start: int, end: int, pages: Collection[str]) -> Step:
    """The step that stands in these lines."""
    title = _title(start, lines[start][3:])
    place = next((number for number in range(start + 1, end) if lines[number]), None)
    if place is None:
        raise LessonError(f"Line {start + 1}: the step has no address; write it below, like /elbo?run=mnist.")
    page, query = read_place(place, lines[place], pages)
    text = _joined(lines[place + 1 : end])
    if not text:
        raise LessonError(f"Line {start + 1}: the step says nothing; write a sentence or two below its address.")
    _check_length(start, "text of the step", text, LONGEST_TEXT)
    return Step(title, page, query, text)


def read_place(number: int, line: str, pages: Collection[str]) -> tuple[str, dict[str, str]]:
    """Page and query of an address in a line; what stands before the page, as in a link that was copied, is passed over."""
    try:
        parts = urlsplit(line) if len(line) <= LONGEST_ADDRESS and "/" in line and not line.split("?")[0].count(" ") else None
        page = parts.path.rsplit("/", 1)[-1] if parts else None
        query = parse_qsl(parts.query, keep_blank_values=True) if parts else []
    except ValueError:
        page, query = None, []
    if page not in pages:
        known = ", ".join(f"/{page}" for page in pages)
        raise LessonError(f"Line {number + 1}: this is no address of a page; it should begin with one of {known}.")
    return page, {name: value for name, value in query if name not in NOT_OF_A_VIEW}


def written(lesson: Lesson) -> str:
    """The file's text."""
    head = f"# {lesson.title}\n" + (f"{lesson.about}\n" if lesson.about else "")
    return head + "".join(map(written_step, lesson.steps))


def written_step(step: Step) -> str:
    """A step as it is added at the end of a file."""
    return f"\n## {step.title}\n{step.address}\n{step.text}\n"


def new_step(title: str, page: str, query: Mapping[str, str], text: str) -> Step:
    """A step as a visitor gives it. Raises `LessonError`."""
    title, text = " ".join(title.split()), "\n".join(line for line in map(str.strip, text.splitlines()) if line)
    if not title or not text:
        raise LessonError("A step has a title and a sentence or two; write both.")
    if any(line.startswith(("# ", "## ")) for line in text.splitlines()):
        raise LessonError("A line of the text begins with #, which begins a step; write it without.")
    step = Step(title, page, {name: value for name, value in query.items() if name not in NOT_OF_A_VIEW}, text)
    for what, words, most in (
        ("title", title, LONGEST_TITLE),
        ("text", text, LONGEST_TEXT),
        ("view's address", step.address, LONGEST_ADDRESS),
    ):
        if len(words) > most:
            raise LessonError(f"The {what} has {len(words):,} characters, and {most:,} are the most; make it shorter.")
    return step


def _title(number: int, words: str) -> str:
    if not words.strip():
        raise LessonError(f"Line {number + 1}: the title is empty; write it behind the #.")
    _check_length(number, "title", words.strip(), LONGEST_TITLE)
    return words.strip()


def _check_length(number: int, what: str, words: str, most: int) -> None:
    if len(words) > most:
        raise LessonError(f"Line {number + 1}: the {what} has {len(words):,} characters, and {most:,} are the most.")


def _joined(lines: list[str]) -> str:
    return " ".join(filter(None, lines))
