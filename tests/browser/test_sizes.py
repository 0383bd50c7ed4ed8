"""The pages at the sizes of phones, old beamers and large screens, and at 200 % zoom: nothing scrolls sideways."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browser import wait_for_plane
from tests.conftest import wait_until
from ui.shell.page_frame import PAGES

SIZES = [(390, 844), (820, 1180), (1024, 768), (1280, 720), (1400, 900), (1920, 1080), (700, 450)]
"""The last is 1400 x 900 at 200 % zoom."""

MAIN = {
    "Explore": ".st-key-plane", "Train": ".st-key-curves", "Replay": ".st-key-replay .plane",
    "Compare": "[class*=st-key-planes_]", "Diffusion": ".st-key-particles_stage .plane",
}  # fmt: skip
"""The picture that rules a page."""

WIDE = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
    .some((part) => part.scrollWidth > part.clientWidth + 1)"""


def address_of(name: str) -> str:
    return {"Explore": "", "ELBO": "elbo?run=digits"}.get(name, name.lower())


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_and_its_picture_is_on_the_first_screen_of_a_beamer(page: Page, address, name):
    page.goto(f"{address}/{address_of(name)}")
    if name == "Explore":
        wait_for_plane(page)
    picture = page.locator(MAIN.get(name, "h1")).first
    expect(picture).to_be_attached()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wait_until(lambda: not page.evaluate(WIDE), f"{name} within {width} pixels", 15)
        if (width, height) in ((1024, 768), (1280, 720)):
            wait_until(lambda picture=picture, height=height: ends(picture) <= height + 1, f"{name} on {width} x {height}", 15)


def ends(picture) -> float:
    box = picture.bounding_box()
    return box["y"] + box["height"]
