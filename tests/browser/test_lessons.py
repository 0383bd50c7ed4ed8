"""A lesson of one's own, written in the app and edited by hand, played from its first step to its last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browser import serve, wait_for_plane


@pytest.fixture(scope="module")
def own_lessons(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the app, and its folder of lessons, which is empty."""
    folder = tmp_path_factory.mktemp("lessons")
    data = str(tmp_path_factory.mktemp("no-data"))
    with serve(VAE_RUNS=str(runs), VAE_DATA=data, VAE_LESSONS=str(folder)) as address:
        yield address, folder


def add_view(page: Page, title: str, text: str) -> None:
    """From any page to the lessons, where the view is added."""
    page.get_by_role("link", name="Lessons", exact=True).click()
    page.get_by_label("Title of the step").fill(title)
    page.get_by_label("Its text").fill(text)
    page.get_by_label("Its text").press("Tab")
    page.get_by_role("button", name="Add this view").click()
    expect(page.get_by_text(f"The step {title} was added")).to_be_visible()


def expect_step(page: Page, words: str, text: str) -> None:
    strip = page.get_by_role("region", name="Lesson")
    expect(strip).to_contain_text(words)
    expect(strip).to_contain_text(text)
    expect(page.get_by_role("button", name="End presenting")).to_be_visible()


def test_a_lesson_of_ones_own_plays_presenting_from_first_to_last_step_by_keys(own_lessons, page):
    address, folder = own_lessons
    page.goto(f"{address}/?run=digits&z=0.5,0.25")
    wait_for_plane(page)
    page.get_by_role("link", name="Lessons", exact=True).click()
    page.get_by_label("Title of the new lesson").fill("My lesson")
    add_view(page, "A place", "The first sentence.")
    page.goto(f"{address}/train?run=digits")
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    add_view(page, "The curves", "The second sentence.")

    file = folder / "my-lesson.md"
    text = file.read_text()
    assert text.startswith("# My lesson\n\n## A place\n/?run=digits&z=0.5000,0.2500\nThe first sentence.\n")
    more = "\n## By hand\n/compare?runs=digits,mnist-beta1\nThe **third** sentence.\n"
    file.write_text(text.replace("first sentence", "mended sentence") + more)

    page.goto(f"{address}/lessons")
    page.get_by_role("button", name="Play presenting").click()
    expect_step(page, "1 of 3: A place", "The mended sentence.")
    wait_for_plane(page)
    expect(page.get_by_role("button", name="Back Shortcut PageUp")).to_be_disabled()
    page.keyboard.press("PageDown")
    expect_step(page, "2 of 3: The curves", "The second sentence.")
    page.wait_for_url("**/train?*")
    page.keyboard.press("PageDown")
    expect_step(page, "3 of 3: By hand", "The third sentence.")
    page.wait_for_url("**/compare?*")
    expect(page.get_by_text("mnist-beta1", exact=False).first).to_be_visible()
    expect(page.get_by_role("button", name="Next Shortcut PageDown")).to_be_disabled()
    page.keyboard.press("PageUp")
    expect_step(page, "2 of 3: The curves", "The second sentence.")
    page.keyboard.press("h")
    expect(page.get_by_text("The second sentence.")).to_be_hidden()
    page.keyboard.press("PageUp")
    expect(page.get_by_role("region", name="Lesson")).to_contain_text("1 of 3: A place")
    page.wait_for_url("**z=0.5000*")
    wait_for_plane(page)
