"""Visitors, their owner and hostile words in a browser, on a server that listens beyond this machine."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from benchmarks.browser import serve, wait_for_plane
from tests.browser.screen import new_page
from tests.conftest import ROOT, wait_until
from ui.shell.page_frame import PAGES
from vae.runs.folder import RunFolder
from vae.runs.status import Status

NAME = "![x](outside.invalid)<img src=q> :red[b]"
MESSAGE = (
    "![x](http://outside.invalid/p.png)<img src=//outside.invalid/q.png> $a$ :red[b] :material/delete: :smile: **b** -- -> "
    "http://outside.invalid www.outside.invalid a@outside.invalid `c`"
)
CLASSES = ["![x](//outside.invalid/p.png)", "<img src=//outside.invalid/q>", "$a$ :red[b] :smile:", "http://outside.invalid"]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """The address of such a server, its runs and what it printed."""
    runs = tmp_path_factory.mktemp("runs")
    for name in ("digits", "mine", NAME):
        shutil.copytree(ROOT / "checkpoints" / "digits", runs / name)
    described = json.loads((runs / NAME / "run.json").read_text())
    described["class_names"][:4] = CLASSES
    (runs / NAME / "run.json").write_text(json.dumps(described))
    RunFolder(runs / NAME).write_status(Status("failed", 1, 12, 24, message=MESSAGE, device=MESSAGE, notice=MESSAGE))
    log = runs / ".log"
    data = str(tmp_path_factory.mktemp("no-data"))
    with serve(words=["--server.address=0.0.0.0"], log=log, VAE_RUNS=str(runs), VAE_DATA=data) as address:
        yield address, runs, log


def test_a_visitor_looks_and_the_owner_acts_in_all_tabs(open_server, new_context):
    address, runs, log = open_server
    page = new_page(new_context())
    page.goto(f"{address}/train?run=mine")
    expect(page.get_by_role("button", name="Start training")).to_be_disabled(timeout=300_000)  # the server is still cold
    expect(page.get_by_text("Only the owner of this server may do this").first).to_be_visible()

    wait_until(lambda: "token=" in log.read_text(), "the owner's link")
    link = re.search(r"http://localhost:\d+/\?token=\S+", log.read_text())[0]
    owner = new_context()
    page = new_page(owner)
    page.goto(link.replace("/?", "/train?run=mine&"))
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    page.wait_for_url(lambda url: "token" not in url)
    wait_until(owner.cookies, "the browser's note of who its owner is")
    other = new_page(owner)
    other.goto(f"{address}/train?run=mine")
    expect(other.get_by_role("button", name="Start training")).to_be_enabled()

    other.get_by_text("Rename or delete").click()
    other.get_by_role("button", name="Delete").click()
    other.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(other.get_by_role("dialog")).to_have_count(0)
    wait_until(lambda: not (runs / "mine").exists(), "the deletion")
    page.goto(f"{address}/train?run=mine")
    expect(page.get_by_text("it may have been renamed or deleted")).to_be_visible()
    assert page.faults == [] and other.faults == []


@pytest.mark.parametrize("path", ["", *(page.removesuffix(".py").split("/")[-1] for page in list(PAGES.values())[1:])])
def test_hostile_words_ask_for_nothing_outside_of_this_machine(open_server, new_context, path):
    address, _, _ = open_server
    page = new_page(new_context())
    asks = f"runs={quote(NAME)},digits" if path == "compare" else f"run={quote(NAME)}"
    page.goto(f"{address}/{path}?{asks}&z={quote(chr(10) * 2 + CLASSES[0])}")
    alert = page.get_by_test_id("stAlert").first
    tells = page.get_by_text("The view that you came from") if path == "lessons" else alert  # it looks at no run
    expect(tells).to_contain_text("outside.invalid")
    if path == "train":
        assert alert.inner_text().replace("\u2060", "") == MESSAGE
    expect(page.locator("img[src*='invalid'], .katex-html, a[href^='http://outside'], a[href^='mailto']")).to_have_count(0)
    assert page.faults == []


def test_deeply_nested_answers_of_a_component_are_no_answer(open_server, new_context):
    address, _, _ = open_server
    page = new_page(new_context())
    page.goto(f"{address}/?run=digits")
    wait_for_plane(page)
    page.evaluate(
        """() => {
            let deep = 1;
            for (let i = 0; i < 5000; i++) deep = [deep];
            window.vaeLens.send({ place: deep });
            window.vaeLens.send({ place: [1, 2], probe: deep, click: 5 });
        }"""
    )
    page.evaluate("() => window.vaeLens.send({ place: [0.5, 0.25], probe: null, click: 6 })")
    page.wait_for_url(lambda url: "z=0.5000" in url)
    expect(page.get_by_text("This app has encountered an error")).to_have_count(0)
