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

NUMBERS = ".equation b"


@pytest.fixture
def equation(page: Page, address: str) -> Page:
    """`digits` comes with scikit-learn, so its images are there without any download."""
    page.goto(f"{address}/elbo?run=digits&image=5")
    expect(page.locator(NUMBERS)).to_have_count(4)
    page.wait_for_selector(".st-key-balance .js-plotly-plot")
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


def heights(page: Page) -> tuple[float, float]:
    """Where what stays ends on the screen, in pixels, in the left and in the right column."""
    return page.evaluate(
        """() => {
            const graph = document.querySelector('.st-key-balance .js-plotly-plot');
            const stays = graph._fullData.filter((trace) => trace.type === 'bar').filter((_, index) => index % 2 === 0);
            return stays.map((bar) => graph._fullLayout.yaxis.d2p(bar.base + bar.y[0]));
        }"""
    )


def test_a_slider_moves_three_terms_and_both_sides_stay_balanced(equation):
    before = settled_terms(equation)
    handle = equation.locator(".st-key-q_mean_0").locator("input, [role=slider]").first
    handle.focus()
    for _ in range(6):
        equation.keyboard.press("ArrowRight")
    wait_until(lambda: terms(equation)[1:2] not in ([], before[1:2]), "the numbers' change", 60)
    after = settled_terms(equation)
    assert after[0] == before[0] and all(a != b for a, b in zip(after[1:3], before[1:3], strict=True))
    assert after[0] - after[1] == pytest.approx(after[2] - after[3], abs=0.03)
    left, right = heights(equation)
    assert left == pytest.approx(right, abs=1)
    expect(equation).to_have_url(re.compile("q="))
    assert equation.faults == []


def test_the_sigma_slider_shows_what_the_encoder_says_and_goes_on_from_there(equation):
    before = settled_terms(equation)
    with torch.no_grad():
        q = load_run(ROOT / "checkpoints" / "digits").model.encode(vae.data.datasets.load("digits").held_out.images[5:6] / 255)
    sigma = q.standard_deviation[0, 0].item()
    slider = equation.locator(".st-key-q_sigma_0")
    expect(slider).to_contain_text(f"{sigma:.3g}")
    slider.locator("input, [role=slider]").first.focus()
    for _ in range(3):
        equation.keyboard.press("ArrowRight")
    wait_until(lambda: terms(equation)[1:2] not in ([], before[1:2]), "the numbers' change", 60)
    settled_terms(equation)
    mean, other, moved, kept = map(float, parse_qs(urlsplit(equation.url).query)["q"][0].split(","))
    assert sigma < moved < 1.3 * sigma and kept == pytest.approx(q.standard_deviation[0, 1].item(), rel=1e-6)
    assert [mean, other] == pytest.approx(q.mean[0].tolist(), rel=1e-6)
    expect(slider).to_contain_text(f"{moved:.3g}")


def test_the_best_gaussian_and_back_to_the_encoder(equation):
    before = settled_terms(equation)
    equation.get_by_role("button", name="The best Gaussian").click()
    wait_until(lambda: terms(equation)[1:2] not in ([], before[1:2]), "the best Gaussian", 60)
    best = settled_terms(equation)
    assert best[1] < before[1] and best[0] == before[0]
    equation.get_by_role("button", name="What the encoder said").click()
    wait_until(lambda: terms(equation) == before, "the encoder's q", 30)


def test_without_the_pictures_it_says_how_to_get_them(page, address):
    page.goto(f"{address}/elbo?run=mnist")
    expect(page.get_by_text("python -m vae download mnist")).to_be_visible()
    assert page.faults == []
