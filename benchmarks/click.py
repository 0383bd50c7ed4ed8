"""From a click on the plane to the decoded image, in headless Chromium: the median of 30 clicks after five to warm up.

    python -m benchmarks.click                   on an idle machine, beside Streamlit's own selection
    python -m benchmarks.click --while-training  while a training of digits runs on the same machine

A data point is one click; a free place is another, with the layer of codes off so that no code can be hit. The clock starts
with the release of the button in the page and stops when the browser has drawn the new image.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.browser import ROOT, click_plane, open_browser, serve, wait_for_plane
from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.jobs.train_run import start_process
from vae.runs.folder import RunFolder, load_run, runs_folder

CLICKS, WARM_UP = 30, 5
IMAGE = ".pinned-image img"
KINDS = {"a data point": "", "a free place": "&layers=manifold"}

CLOCK = """(selector) => {
    window.times = [];
    let began = 0, source = document.querySelector(selector).src;
    window.addEventListener('pointerup', () => { began = performance.now(); }, true);
    new MutationObserver(() => {
        const image = document.querySelector(selector);
        if (!image || image.src === source) return;
        source = image.src;
        image.decode().then(() => requestAnimationFrame(() => window.times.push(performance.now() - began)));
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['src'] });
}"""


def measure(page: Page, points: list[tuple[float, float]]) -> list[float]:
    """Milliseconds of a click at each of the points."""
    page.wait_for_selector(IMAGE)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.evaluate(CLOCK, IMAGE)
    for count, point in enumerate([*points[:WARM_UP], *points], start=1):
        click_plane(page, *point)
        page.wait_for_function(f"window.times.length >= {count}", timeout=20_000)
        page.wait_for_timeout(400)
    return page.evaluate("window.times")[WARM_UP:]


def codes_to_click(run: str) -> list[tuple[float, float]]:
    """Codes of held-out images within the first view, each far from the one before."""
    loaded = load_run(runs_folder() / run)
    means = loaded.folder.snapshot_of_step(loaded.step).codes.posterior.mean
    inside = means[(means.abs() < 2.5).all(1)]
    return [tuple(z) for z in inside[:: max(1, len(inside) // CLICKS)][:CLICKS].tolist()]


@contextlib.contextmanager
def training() -> Iterator[None]:
    """A training of digits in a process of its own, for as long as the benchmark lasts."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "busy", RunConfig("digits", ModelConfig("mlp"), TrainingConfig(epochs=100_000)))
        process = start_process(run)
        try:
            while run.read_status().step == 0:
                os.sched_yield()
            yield
        finally:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--while-training", action="store_true")
    options = parser.parse_args()
    points = codes_to_click(options.run)
    busy = training() if options.while_training else contextlib.nullcontext()
    with busy, open_browser() as browser:
        figures = {}
        with serve() as address:
            for name, layers in KINDS.items():
                page = browser.new_page(viewport={"width": 1400, "height": 900})
                page.goto(f"{address}/?run={options.run}{layers}")
                wait_for_plane(page)
                page.wait_for_timeout(3000)
                figures[name] = measure(page, points)
                page.close()
        with serve(ROOT / "benchmarks" / "native_click.py") as address:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"{address}/?run={options.run}")
            page.wait_for_selector(".st-key-plane .nsewdrag")
            page.wait_for_timeout(3000)
            baseline = statistics.median(measure(page, points))
    state = "while a training runs" if options.while_training else "on an otherwise idle machine"
    print(f"From click to drawn image {state}, {options.run}, median (and 95th percentile) of {CLICKS} clicks")
    for name, times in figures.items():
        median, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        ours = f"{name:<18}{median:>8.0f} ms ({slow:.0f} ms)"
        print(f"{ours}   Streamlit's selection {baseline:>6.0f} ms   ratio {baseline / median:.1f}x")


if __name__ == "__main__":
    main()
