"""The app and a browser to look at it, which may reach nothing but this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.browser import find_chromium, open_browser, serve
from tests.browser.screen import new_page
from tests.conftest import ROOT, skip_or_fail
from vae.runs.lifecycle import SHIPPED

SIZE = {"width": 1400, "height": 900}
LONGEST_WAIT = 60_000
"""Milliseconds for something that has to happen; they only end a test that would hang."""

expect.set_options(timeout=LONGEST_WAIT)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        skip_or_fail("There is no Chromium on this machine; install it, on Debian with: apt install chromium")
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped runs, in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("runs")
    for name in SHIPPED:
        shutil.copytree(ROOT / "checkpoints" / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def address(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a machine without a network and without data sets that were downloaded."""
    no_way_out = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    with serve(VAE_RUNS=str(runs), VAE_DATA=str(tmp_path_factory.mktemp("no-data")), **no_way_out) as address:
        yield address


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes visitors: browsers that never saw the app."""
    contexts = []

    def make(**options: object) -> BrowserContext:
        contexts.append(browser.new_context(**({"viewport": SIZE} | options)))
        contexts[-1].set_default_timeout(LONGEST_WAIT)
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A page that fails its test when it asks for anything outside of this machine or throws."""
    page = new_page(new_context())
    yield page
    assert page.faults == []
