"""Steering a training in the browser."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import small_config, wait_until
from ui.shell.page_frame import SECONDS_BETWEEN_RARE_LOOKS
from ui.train.control_panel import SECONDS_BETWEEN_LOOKS
from vae.jobs.train_run import start_process
from vae.runs.folder import RunFolder
from vae.training.control import ControlRequest

LOOKS = 4000 * SECONDS_BETWEEN_LOOKS
"""Milliseconds in which the panel has looked at the run a few times."""


@pytest.fixture
def training(runs: Path, tmp_path: Path) -> Iterator[tuple[RunFolder, subprocess.Popen]]:
    """A run that is trained until it is stopped, at the latest when the test ends."""
    folder = RunFolder.create(runs / "steered", small_config(epochs=100_000))
    process = start_process(folder, device="cpu")
    yield folder, process
    process.kill()
    process.wait()
    if folder.read_status().active:  # by a process that the page has started
        folder.steer(stop=True)
        wait_until(lambda: not folder.read_status().active, "the end of what the page has started", 60)
    folder.path.rename(tmp_path / "ended")  # at once: the page still looks at it, and asks for its lock


def test_beta_is_turned_while_it_trains_and_pause_step_and_going_on_do_what_they_say(page, address, training):
    folder, process = training
    page.goto(f"{address}/train?run=steered")
    slider = page.get_by_role("slider", name=re.compile("Beta"))
    expect(slider).to_be_visible()
    expect(page.get_by_text("images a second")).to_be_visible()
    slider.press("ArrowRight")
    wait_until(lambda: folder.read_control().beta == 1.5, "the wish for another beta", 30)
    asked_in = folder.read_status().epoch + 1
    wait_until(lambda: folder.read_metrics()[-1].beta == 1.5, "the new beta in the metrics", 30)
    first = next(report for report in folder.read_metrics() if report.beta == 1.5)
    assert first.steered == "beta 1.5" and first.epoch <= asked_in + 1
    expect(page.locator(".annotation-text").filter(has_text="beta 1.5").first).to_be_visible()

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(re.compile("paused after step"))).to_be_visible()
    step = folder.read_status().step
    page.wait_for_timeout(1000)
    assert folder.read_status().step == step
    page.get_by_role("button", name="One batch").click()
    expect(page.get_by_text(f"paused after step {step + 1:,}")).to_be_visible()
    page.get_by_role("button", name="One epoch").click()
    end = 12 * ((step + 1) // 12 + 1)
    expect(page.get_by_text(f"paused after step {end:,}")).to_be_visible()
    expect(page.get_by_text(f"The plane after epoch {end // 12}")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    wait_until(lambda: folder.read_status().step > step + 24, "going on", 60)

    page.get_by_role("button", name="Stop").click()
    process.wait(60)
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    expect(page.get_by_role("button", name="Train longer")).to_be_visible()

    page.get_by_role("button", name="Go on").click()
    # Before the slow look at runs of which none is busy
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=500 * SECONDS_BETWEEN_RARE_LOOKS)
    expect(page.get_by_role("slider", name=re.compile("Beta"))).to_be_visible()
    ended = folder.read_status().step
    wait_until(lambda: folder.read_status().step > ended, "going on after the end", 60)


def test_nothing_is_steered_by_opening_the_page_where_the_code_of_its_widgets_is_slow_to_come(page, address, training):
    folder, _ = training
    held, code = [], re.compile(r"/(Slider|NumberInput)\.[^/]*\.js$")
    page.route(code, lambda route: held.append(route))
    page.goto(f"{address}/train?run=steered")
    expect(page.locator(".live-chart .main-svg").nth(3)).to_be_attached()
    page.wait_for_timeout(LOOKS)
    assert len(held) == 2 and page.get_by_role("slider").count() == 0
    page.route(code, lambda route: route.continue_())  # nothing more is held
    for route in held:
        route.continue_()
    expect(page.get_by_role("slider", name=re.compile("Beta"))).to_have_attribute("aria-valuetext", "1")
    expect(page.get_by_role("slider", name="Learning rate")).to_have_attribute("aria-valuetext", "0.003")
    expect(page.get_by_role("spinbutton", name="Epochs in all")).to_have_value("100000")
    page.wait_for_timeout(LOOKS)
    assert folder.read_control() == ControlRequest()


def test_a_wish_from_elsewhere_is_shown_and_can_be_changed_here(page, address, training):
    folder, _ = training
    page.goto(f"{address}/train?run=steered")
    slider = page.get_by_role("slider", name=re.compile("Beta"))
    expect(slider).to_have_attribute("aria-valuetext", "1")
    folder.steer(beta=4.0)
    expect(slider).to_have_attribute("aria-valuetext", "4")
    page.wait_for_timeout(LOOKS)
    assert folder.read_control().beta == 4.0
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    wait_until(lambda: folder.read_control().beta == 7.0, "the wish for another beta", 30)
    expect(slider).to_have_attribute("aria-valuetext", "7")
    expect(slider).to_be_focused()


STILL = """() => {
    const charts = [...document.querySelectorAll('.live-chart')], seen = (window.seen = new Set());
    const first = charts.map((chart) => chart.querySelector('.main-svg'));
    const look = () => {
        const drawings = charts.map((chart) => chart.querySelector('.main-svg'));
        const stays = (drawing, place) => drawing === first[place] && drawing.isConnected;
        seen.add(drawings.map((one, place) => `${stays(one, place)} ${one?.clientWidth}x${one?.clientHeight}`).join(', '));
        requestAnimationFrame(look);
    };
    look();
}"""


def test_charts_stand_still_while_they_grow_and_keep_what_was_chosen(page, address, training):
    page.goto(f"{address}/train?run=steered")
    expect(page.locator(".live-chart .main-svg").nth(3)).to_be_attached()
    page.locator(".st-key-curves .legendtoggle").nth(1).click()
    page.wait_for_function("() => document.querySelector('.st-key-curves .live-chart')._fullData[1].visible === 'legendonly'")
    page.evaluate(STILL)
    for chart in (".st-key-curves", ".st-key-training_plane"):
        graph = f"document.querySelector('{chart} .live-chart')"
        before = page.evaluate(f"JSON.stringify({graph}._fullData[0].x)")
        page.wait_for_function(f"(before) => JSON.stringify({graph}._fullData[0].x) !== before", arg=before)
    shown, size = page.evaluate("[...window.seen]"), page.locator(".st-key-curves .live-chart").bounding_box()
    assert len(shown) == 1 and shown[0].count("true") == 2 and size["height"] > 500
    assert page.evaluate("document.querySelector('.st-key-curves .live-chart')._fullData[1].visible") == "legendonly"


def test_the_titles_of_a_finished_run_follow_the_theme(page, address):
    page.goto(f"{address}/train?run=digits")
    title = page.locator(".st-key-curves .x3title")
    expect(title).to_have_css("fill", "rgb(20, 24, 29)")
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.emulate_media(color_scheme="dark")
    expect(title).to_have_css("fill", "rgb(242, 245, 248)", timeout=20_000)
