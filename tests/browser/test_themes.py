"""The pages in either theme, and a change of theme while one looks."""

from __future__ import annotations

from playwright.sync_api import Page

from benchmarks.browser import wait_for_plane
from tests.browser.screen import GRAPH, x_range, zoom
from tests.conftest import wait_until
from ui.charts import palette

DRAWN = f"{GRAPH}._fullData.map((trace) => trace.marker.color)"
NAMED = f"{GRAPH}._fullLayout.annotations.map((note) => [note.bgcolor, note.font.color])"
TERM = "getComputedStyle(document.querySelector('.headings .elbo')).color"
COMPARED = """[...new Set([...document.querySelectorAll('.live-chart')].flatMap((chart) => chart._fullData ?? [])
    .map((trace) => trace.marker?.color ?? trace.line?.color))]"""


def expect_colours(page: Page, asked: str, colours: list) -> None:
    wait_until(lambda: page.evaluate(asked) == colours, f"the colours {colours}", 60)


def test_another_theme_changes_the_plane_s_colours_and_keeps_what_it_shows(page, address):
    page.emulate_media(color_scheme="light")
    page.goto(address)
    wait_for_plane(page)
    expect_colours(page, DRAWN, list(palette.LIGHT.classes))
    zoom(page, 0.5, 0.5, 4.0)
    shown = x_range(page)
    page.emulate_media(color_scheme="dark")
    expect_colours(page, DRAWN, list(palette.DARK.classes))
    expect_colours(page, NAMED, [list(pair) for pair in zip(palette.DARK.classes, palette.DARK.inks, strict=True)])
    assert x_range(page) == shown


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
    elbo = palette.LIGHT.of_word(palette.ELBO)
    assert page.evaluate(TERM) == "rgb({}, {}, {})".format(*(int(elbo[i : i + 2], 16) for i in (1, 3, 5)))
