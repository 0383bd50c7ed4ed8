"""The equation's page as a visitor meets it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from playwright.sync_api import Page, expect

import vae
from tests.conftest import ROOT, wait_until
from vae.runs.folder import load_run

NUMBERS = ".identity .equation b"


@pytest.fixture
def equation(page: Page, address: str) -> Page:
    """`digits` comes with scikit-learn, so its images are there without any download."""
    page.goto(f"{address}/elbo?run=digits&image=5")
    expect(page.locator(NUMBERS)).to_have_count(4)
    page.wait_for_selector(".posterior_plane .frame")
    return page


def terms(page: Page) -> list[float]:
    return [float(text.replace("−", "-").split()[0]) for text in page.locator(NUMBERS).all_inner_texts()]


def settled_terms(page: Page) -> list[float]:
    """The terms once the page has nothing more to draw."""
    seen: list[list[float]] = []

    def still() -> bool:
        page.wait_for_selector('[data-test-script-state="notRunning"]')
        page.wait_for_timeout(500)
        seen.append(terms(page))
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    wait_until(still, "an end of the changes", 60)
    return seen[-1]


def heights(page: Page) -> list[float]:
    """Where the ELBO ends on the screen, in pixels, in the left and in the right column."""
    return page.locator(".balance line.elbo").evaluate_all("(lines) => lines.map((line) => Number(line.getAttribute('y1')))")[
        :2
    ]


def grip(page: Page, handle: int) -> tuple[float, float]:
    """Where a handle of q is: 0 its centre, 1 and 2 its sigmas."""
    box = page.locator(".handle").nth(handle).locator("circle, rect").last.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def q_of(page: Page) -> list[float]:
    return [float(part) for part in parse_qs(urlsplit(page.url).query)["q"][0].split(",")]


@pytest.mark.parametrize(("handle", "moves"), [
    (0, [True, True, False, False]), (1, [False, False, True, False]), (2, [False, False, False, True]),
])  # fmt: skip
def test_q_is_dragged_and_all_of_the_equation_moves_with_it(equation, handle, moves):
    """The numbers under the pointer are those that the server gives for the q that was let go."""
    before, stands = settled_terms(equation), heights(equation)
    x, y = grip(equation, handle)
    equation.mouse.move(x, y)
    equation.mouse.down()
    equation.mouse.move(x + 35, y - 35, steps=5)
    wait_until(lambda: terms(equation)[1] != before[1], "numbers that move with q")
    moving = terms(equation)
    left, right = heights(equation)
    assert left == pytest.approx(right, abs=1) and [left, right] != stands and "q=" not in equation.url
    expect(equation.locator(".told")).to_contain_text("Computed in the browser")
    equation.mouse.up()
    expect(equation.locator(".told")).to_contain_text("exact numbers", timeout=30_000)
    exact = settled_terms(equation)
    assert exact[0] == before[0] and exact == pytest.approx(moving, abs=0.05)
    with torch.no_grad():
        q = load_run(ROOT / "checkpoints" / "digits").model.encode(vae.data.datasets.load("digits").held_out.images[5:6] / 255)
    was = [*q.mean[0].tolist(), *q.standard_deviation[0].tolist()]
    assert [abs(new - old) > 1e-6 for new, old in zip(q_of(equation), was, strict=True)] == moves
    assert equation.faults == []


def test_arrow_keys_move_q_and_a_reader_hears_where_it_is(equation):
    before = settled_terms(equation)
    centre = equation.get_by_role("slider", name="mean of q")
    centre.focus()
    said = centre.get_attribute("aria-valuetext")
    for _ in range(3):
        equation.keyboard.press("Shift+ArrowUp")
    expect(centre).not_to_have_attribute("aria-valuetext", said)
    expect(equation).to_have_url(re.compile("q="), timeout=30_000)
    after = settled_terms(equation)
    assert after[1] > before[1] and after[0] - after[1] == pytest.approx(after[2] - after[3], abs=0.03)
    expect(equation.locator(".identity .said")).to_contain_text("ELBO")


def test_the_best_gaussian_and_back_to_the_encoder(equation):
    before = settled_terms(equation)
    equation.get_by_role("button", name="The best Gaussian").click()
    wait_until(lambda: terms(equation)[1:2] not in ([], before[1:2]), "the best Gaussian", 60)
    best = settled_terms(equation)
    assert best[1] < before[1] and best[0] == before[0]
    equation.get_by_role("button", name="The encoder's q").click()
    wait_until(lambda: terms(equation) == before, "the encoder's q", 30)


def test_without_the_pictures_it_says_how_to_get_them(page, address):
    page.goto(f"{address}/elbo?run=mnist")
    expect(page.get_by_text("python -m vae download mnist")).to_be_visible()
    assert page.faults == []


def test_a_words_meaning_is_shown_to_the_pointer_and_to_the_keyboard_on_explore_and_elbo(page, address):
    page.goto(f"{address}/?run=digits&image=3")
    meaning = "word => getComputedStyle(word, '::after').content"
    for word in (page.locator(".terms .elbo dfn"), page.locator(".equation .evidence dfn")):
        expect(word).to_have_attribute("aria-description", re.compile("evidence"))
        assert word.evaluate(meaning) == "none"
        word.focus()
        assert "evidence" in word.evaluate(meaning)
        word.blur()
        word.hover()
        assert "evidence" in word.evaluate(meaning)
        page.goto(f"{address}/elbo?run=digits&image=3")
