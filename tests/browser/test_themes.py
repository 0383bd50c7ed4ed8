"""The pages in either theme, and a change of theme while one looks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from benchmarks.browser import wait_for_plane
from tests.browser.screen import GRAPH
from tests.conftest import wait_until
from ui.charts import palette

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
