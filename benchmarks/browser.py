"""The app on a port of its own and a browser to look at it, for benchmarks and tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SECONDS_TO_START = 120
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)


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
def serve(script: Path = ROOT / "app.py", **variables: str) -> Iterator[str]:
    """A Streamlit script served on a free port of this machine; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true", f"--server.port={port}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    address = f"http://localhost:{port}"
    try:
        _wait_for(address, process)
        yield address
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


def wait_for_planes(page: Page) -> None:
    """Until both planes listen to clicks."""
    page.wait_for_function(
        """() => ['plane', 'manifold'].every((key) =>
            document.querySelector(`.st-key-${key} .js-plotly-plot`)?.hasEars)""",
        timeout=60_000,
    )


def click_plane(page: Page, key: str, x: float, y: float) -> None:
    """Click a plane at axis coordinates (x, y)."""
    place = page.evaluate(
        """([key, x, y]) => {
            const graph = document.querySelector(`.st-key-${key} .js-plotly-plot`);
            const corner = graph.getBoundingClientRect(), { xaxis, yaxis } = graph._fullLayout;
            return [corner.left + xaxis._offset + xaxis.d2p(x), corner.top + yaxis._offset + yaxis.d2p(y)];
        }""",
        [key, x, y],
    )
    page.mouse.click(*place)
