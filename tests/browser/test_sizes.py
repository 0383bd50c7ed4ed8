"""The pages at the sizes of phones, old beamers and large screens, and at 200 % zoom: nothing scrolls sideways or overlaps."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browser import wait_for_plane
from tests.conftest import wait_until
from ui.shell.page_frame import PAGES

SIZES = [(390, 844), (820, 1180), (1024, 768), (1280, 720), (1400, 900), (1920, 1080), (700, 450)]
"""The last is 1400 x 900 at 200 % zoom."""

BEAMERS = [(1024, 768), (1280, 720)]
MAIN = {
    "Explore": [".st-key-plane", ".st-key-controls"],
    "ELBO": [".balance", ".posterior_plane .frame", ".st-key-controls"],
    "Train": [".st-key-curves"],
    "Replay": [".st-key-replay .plane", ".st-key-replay .transport"],
    "Compare": ["[class*=st-key-planes_]", ".st-key-compared"],
    "Diffusion": [".st-key-particles_stage .plane", ".st-key-particles_stage .transport"],
    "Lessons": [".st-key-lesson_first-lecture button"],
}
"""The picture that rules a page, and what belongs to it."""

WIDE = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
    .some((part) => part.scrollWidth > part.clientWidth + 1)"""

OVERLAPS = Path(__file__).with_name("overlaps.js").read_text("utf-8")


def address_of(name: str) -> str:
    return {"Explore": "", "ELBO": "elbo?run=digits"}.get(name, name.lower())


@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_or_overlaps_and_a_beamer_s_first_screen_has_the_picture(page: Page, address, name):
    page.goto(f"{address}/{address_of(name)}")
    if name == "Explore":
        wait_for_plane(page)
    for part in MAIN[name]:
        expect(page.locator(part).first).to_be_attached()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wait_until(lambda: not page.evaluate(WIDE), f"{name} within {width} pixels", 15)
        wait_until(lambda: page.evaluate(OVERLAPS) == [], f"{name} on {width} x {height} without overlapping controls", 15)
        for part in MAIN[name] if (width, height) in BEAMERS else ():
            picture = page.locator(part).first
            wait_until(lambda picture=picture, height=height: ends(picture) <= height + 1, f"{part} on {width} x {height}", 15)
        if width == 390:
            lead = page.locator(".lead").first.bounding_box()
            assert lead["width"] > 300, "the first sentence has the width of the phone"


def ends(picture) -> float:
    box = picture.bounding_box()
    return box["y"] + box["height"]
