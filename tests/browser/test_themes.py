"""The pages in either theme, and a change of theme while one looks."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.browser import wait_for_plane
from tests.browser.screen import GRAPH
from tests.conftest import wait_until
from ui.charts import palette
from ui.shell.page_frame import PAGES

DRAWN = f"{GRAPH}._fullData.map((trace) => trace.marker.color)"
NAMED = """[...document.querySelectorAll('.st-key-plane .annotation')].map((note) =>
    ['.bg', '.annotation-text'].map((part) => getComputedStyle(note.querySelector(part)).fill))"""
TERM = "getComputedStyle(document.querySelector('.headings .elbo')).color"
COMPARED = """[...new Set([...document.querySelectorAll('.live-chart')].flatMap((chart) => chart._fullData ?? [])
    .map((trace) => trace.marker?.color ?? trace.line?.color))]"""


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[start : start + 2], 16) for start in (1, 3, 5)))


def expect_colours(page: Page, asked: str, colours: list) -> None:
    wait_until(lambda: page.evaluate(asked) == colours, f"the colours {colours}", 60)


@pytest.mark.parametrize(("theme", "shades"), [("light", palette.LIGHT), ("dark", palette.DARK)])
def test_the_plane_has_the_theme_s_colours(page, address, theme, shades):
    page.emulate_media(color_scheme=theme)
    page.goto(address)
    wait_for_plane(page)
    expect_colours(page, DRAWN, list(shades.classes))
    expect_colours(page, NAMED, [[rgb(paint), rgb(ink)] for paint, ink in zip(shades.classes, shades.inks, strict=True)])


def test_another_theme_changes_films_and_charts_that_live(page, address):
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/replay?run=mnist")
    expect_colours(page, "window.vaeReplay?.colours", list(palette.LIGHT.classes))
    page.emulate_media(color_scheme="dark")
    expect_colours(page, "window.vaeReplay?.colours", list(palette.DARK.classes))
    page.goto(f"{address}/compare?runs=mnist,mnist-conv&picture=codes")
    lines = set(palette.DARK.meanings[5:7]) | {palette.NEUTRAL}
    wait_until(lambda: lines <= set(page.evaluate(COMPARED)), "the runs' colours", 60)
    page.emulate_media(color_scheme="light")
    wait_until(lambda: set(palette.LIGHT.meanings[5:7]) <= set(page.evaluate(COMPARED)), "the runs' colours", 60)
    assert set(palette.LIGHT.classes) <= set(page.evaluate(COMPARED))
    assert page.evaluate(TERM) == rgb(palette.LIGHT.of_word(palette.ELBO))


DRAWN_PAGES = {
    "ELBO": ".balance .elbo", "Train": ".st-key-curves .js-plotly-plot", "Replay": ".st-key-replay canvas",
    "Compare": "[class*=st-key-planes_] .js-plotly-plot", "Diffusion": ".st-key-particles_stage canvas",
}  # fmt: skip
"""What is there once a page is drawn; of the others, their title."""

ADDRESSES = {"Explore": "", "ELBO": "elbo?run=digits"}
"""Where they are not the page's name: the equation needs images, which digits has."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(page, address, theme):
    page.emulate_media(color_scheme=theme)
    for name in PAGES:
        page.goto(f"{address}/{ADDRESSES.get(name, name.lower())}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        expect(page.get_by_role("navigation")).to_have_count(1)
        if name == "Explore":
            wait_for_plane(page)
        expect(page.locator(DRAWN_PAGES.get(name, "h1")).first).to_be_attached()
        found = Axe().run(page).response["violations"]
        serious = [(v["id"], [node["target"] for node in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], name
