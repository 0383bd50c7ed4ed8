"""The app on a port of its own and a browser to look at it, for benchmarks and tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SECONDS_TO_START = 120
PLAIN = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
OPTIONS = (*PLAIN, "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
OPTIONS_WITHOUT_WEBGL = (*PLAIN, "--disable-webgl", "--disable-webgl2", "--disable-3d-apis")


def find_chromium() -> str | None:
    """A browser that is installed on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serve(
    script: Path = ROOT / "app.py", words: Sequence[str] = (), log: Path | None = None, **variables: str
) -> Iterator[str]:
    """A Streamlit script served on a free port of this machine, with more `words`; what it prints goes to `log`.

    Yields its address.
    """
    with served(script, words, log, **variables) as (address, _):
        yield address


@contextmanager
def served(
    script: Path = ROOT / "app.py", words: Sequence[str] = (), log: Path | None = None, **variables: str
) -> Iterator[tuple[str, subprocess.Popen]]:
    """As `serve`, with the process that serves it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true", f"--server.port={port}", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=log.open("wb") if log else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    address = f"http://localhost:{port}"
    try:
        _wait_for(address, process)
        yield address, process
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The server did not start.") from error
            time.sleep(0.1)


def wait_for_plane(page: Page) -> None:
    """Until the plane listens to the pointer, and the atlas of what it shows is in the browser."""
    page.wait_for_function(
        "() => window.vaeLens?.graph?.ears && window.vaeLens.view && window.vaeLens.state.atlas", timeout=60_000
    )


def on_screen(page: Page, x: float, y: float) -> tuple[int, int]:
    """The screen's pixel nearest to axis coordinates (x, y) of the plane, by the chart's own axes."""
    return tuple(
        page.evaluate(
            """([x, y]) => {
                const graph = document.querySelector('.st-key-plane .js-plotly-plot');
                const corner = graph.getBoundingClientRect(), { xaxis, yaxis } = graph._fullLayout;
                return [corner.left + xaxis._offset + xaxis.d2p(x), corner.top + yaxis._offset + yaxis.d2p(y)].map(Math.round);
            }""",
            [x, y],
        )
    )


def move_plane(page: Page, x: float, y: float) -> None:
    """Bring the pointer to the pixel nearest to axis coordinates (x, y)."""
    page.mouse.move(*on_screen(page, x, y))


def click_plane(page: Page, x: float, y: float) -> None:
    """Click the pixel nearest to axis coordinates (x, y)."""
    page.mouse.click(*on_screen(page, x, y))
