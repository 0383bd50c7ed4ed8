"""A browser without WebGL, as on many remote desktops, and one that loses it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.browser import OPTIONS_WITHOUT_WEBGL, find_chromium, wait_for_plane
from tests.browser.conftest import LONGEST_WAIT, SIZE
from tests.browser.screen import (
    GRAPH,
    click_code,
    decoded,
    expect_lens,
    expect_pin,
    new_page,
    point_at,
    rgba,
    snapshot_of,
    zoom,
)
from tests.conftest import wait_until

DOTS = ".scatterlayer .point"
SENTENCE = "2,000 of 10,000 dots are drawn:this browser has no WebGL."
LOSE = "(canvas) => canvas.getContext('webgl').getExtension('WEBGL_lose_context').loseContext()"


@pytest.fixture(scope="module")
def without_webgl(browser: Browser) -> Iterator[Browser]:
    other = browser.browser_type.launch(executable_path=find_chromium(), args=list(OPTIONS_WITHOUT_WEBGL))
    yield other
    other.close()


@pytest.fixture
def plain(without_webgl: Browser) -> Iterator[Page]:
    context = without_webgl.new_context(viewport=SIZE)
    context.set_default_timeout(LONGEST_WAIT)
    page = new_page(context)
    assert page.evaluate("document.createElement('canvas').getContext('webgl')") is None
    yield page
    assert page.faults == [] and page.locator(".stException").count() == 0
    context.close()


def expect_sentence(page: Page, words: str = SENTENCE) -> None:
    expect(page.locator(".annotation-text", has_text="no WebGL").first).to_have_text(words)


def drawn_codes(page: Page) -> list[int]:
    """The numbers of the images whose codes are on the plane."""
    return page.evaluate(f"{GRAPH}._fullData.flatMap((trace) => Array.from(trace.customdata ?? [], Number))")


def test_lens_clicks_legend_and_colours_work_on_a_part_of_the_codes(plain, address, runs):
    plain.goto(f"{address}/?run=mnist")
    expect_sentence(plain)
    wait_for_plane(plain)
    expect(plain.locator(DOTS)).to_have_count(2000)
    assert plain.locator(".gl-canvas").count() == 0
    expect_lens(plain, decoded(runs / "mnist", point_at(plain, 1.3, -0.7)))
    probe = drawn_codes(plain)[0]
    clicked = click_code(plain, runs / "mnist", probe)
    assert clicked in drawn_codes(plain)
    expect_pin(plain, snapshot_of(runs / "mnist").codes.posterior.mean[clicked].tolist())
    zoom(plain, 1.0, 1.0, until=2.0)
    expect_lens(plain, decoded(runs / "mnist", point_at(plain, 1.1, 0.9)))
    plain.locator(".legendtoggle").nth(3).click()
    expect(plain.locator(DOTS)).not_to_have_count(2000)
    plain.get_by_text("KL term", exact=True).first.click()
    plain.wait_for_function(f"{GRAPH}?._fullData.length === 1 && {GRAPH}._fullData[0].marker.colorscale")
    expect_sentence(plain)


def test_codes_hide_with_their_layer(plain, address):
    plain.goto(f"{address}/?run=digits&layers=manifold")
    wait_for_plane(plain)
    expect(plain.locator(f".st-key-plane {DOTS}").first).to_be_hidden()
    assert rgba(plain.locator(".st-key-plane canvas.lens-under"))[..., 3].any()


@pytest.mark.parametrize(
    ("page", "shares"),
    [
        ("train?run=mnist", "2,000 of 10,000"),
        ("compare?runs=mnist,mnist-conv&picture=codes", "1,000 of 10,000"),
        ("diffusion?chapter=field", "1,000 of 1,500"),
    ],
)
def test_charts_of_the_other_pages_are_drawn(plain, address, page, shares):
    plain.goto(f"{address}/{page}")
    expect_sentence(plain, SENTENCE.replace("2,000 of 10,000", shares))
    plain.wait_for_function(f"document.querySelectorAll('{DOTS}').length >= 2000")
    expect(plain.locator(".no-webgl:visible")).to_have_count(0)


@pytest.mark.parametrize(("page", "canvas"), [("replay?run=mnist", ".points"), ("diffusion", "canvas")])
def test_players_need_no_webgl(plain, address, page, canvas):
    plain.goto(f"{address}/{page}")
    picture = plain.locator(canvas).first
    wait_until(lambda: picture.count() and len(np.unique(rgba(picture)[..., :3].reshape(-1, 3), axis=0)) > 20, "a picture")


def test_a_lost_context_is_answered_by_svg(page, address):
    page.goto(f"{address}/?run=mnist")
    wait_for_plane(page)
    assert page.locator(DOTS).count() == 0
    page.locator(".st-key-plane .gl-canvas").first.evaluate(LOSE)
    expect_sentence(page)
    expect(page.locator(DOTS)).to_have_count(2000)
