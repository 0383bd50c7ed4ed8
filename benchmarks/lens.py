"""The lens: how near it comes to exact decoding, what its atlas costs, and how fast it follows the pointer.

    python -m benchmarks.lens
    python -m benchmarks.lens --runs mnist mnist-conv digits mnist-8d

For each run the browser itself is asked for the lens's image at 2,000 random points of the plane, and the model for the
exact one; the bytes are those of the atlas's response, and the CPU seconds those of one thread making it.

Then, on mnist, the pointer moves 500 times over the plane. The handler's time ends when one pixel of the canvas was read
back, which makes the browser draw it. The time since the event's own stamp is longer: Chromium hands pointer moves out once
a frame. Every 20 s the page asks the server whether runs appeared (`ui/shell/page_frame.py`); the moves begin when such a
look has just passed, so whatever is sent meanwhile would be the lens's.
"""

from __future__ import annotations

import argparse
import base64
import math
import statistics
import time

import numpy as np
import torch
from playwright.sync_api import Browser, Page, WebSocket

from benchmarks.browser import open_browser, serve, wait_for_plane
from benchmarks.click import codes_to_click, measure
from vae.latent.atlas import Atlas, make_atlas
from vae.latent.plane import plane_of_axes
from vae.runs.folder import Run, load_run, runs_folder

RUNS = ("mnist", "mnist-lattice", "mnist-conv", "digits", "mnist-8d")
POINTS, MOVES, CLICKS = 2000, 500, 10
SIZE = {"width": 1400, "height": 900}

SAMPLE = """(points) => {
    const grey = new Uint8ClampedArray(784), { atlas } = window.vaeLens.state;
    const images = points.map((place) => {
        if (!atlas.sample(place, grey)) throw new Error(`the atlas does not reach ${place}`);
        return String.fromCharCode(...grey);
    });
    return btoa(images.join(''));
}"""

CLOCK = """() => {
    const lens = window.vaeLens, { onMove } = lens;
    window.moves = [];
    lens.onMove = (event) => {
        const given = performance.now();
        onMove.call(lens, event);
        lens.readout.screen.context.getImageData(0, 0, 1, 1);
        const drawn = performance.now();
        window.moves.push([drawn - given, drawn - event.timeStamp]);
    };
}"""

PLOT = """() => {
    const graph = document.querySelector('.st-key-plane .js-plotly-plot');
    const corner = graph.getBoundingClientRect(), { xaxis, yaxis } = graph._fullLayout;
    return [corner.left + xaxis._offset, corner.top + yaxis._offset, xaxis._length, yaxis._length];
}"""


def errors(page: Page, run: Run, extent: float) -> np.ndarray:
    """Absolute differences (2000, 784) between the lens in the browser and exact decoding, in pixel values."""
    latent = run.config.model.latent
    places = (torch.rand(POINTS, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1) * extent
    with torch.no_grad():
        exact = run.model.decode(plane_of_axes(latent).points(places, torch.zeros(latent))).flatten(1).numpy()
    grey = np.frombuffer(base64.b64decode(page.evaluate(SAMPLE, places.tolist())), np.uint8)
    return np.abs(grey.reshape(POINTS, -1) / 255 - exact)


def cpu_seconds(run: Run, extent: float) -> tuple[float, Atlas]:
    """What one thread needs to make the atlas."""
    latent = run.config.model.latent
    began = time.process_time()
    atlas = make_atlas(run.model, plane_of_axes(latent), torch.zeros(latent), extent)
    return time.process_time() - began, atlas


def bytes_on_the_wire(page: Page) -> int:
    """The size of the response that the atlas came in, fetched anew."""
    source = page.locator(".st-key-atlas img").get_attribute("src")
    with page.expect_response(lambda response: source in response.url) as caught:
        page.evaluate("(url) => fetch(url, { cache: 'reload' }).then((answer) => answer.arrayBuffer())", source)
    caught.value.finished()
    return caught.value.request.sizes()["responseBodySize"]


def report_atlas(browser: Browser, address: str, name: str) -> None:
    """One line on one run."""
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{address}/?run={name}")
    wait_for_plane(page)
    run, extent = load_run(runs_folder() / name), page.evaluate("window.vaeLens.state.atlas.extent")
    different, wire = errors(page, run, extent), bytes_on_the_wire(page)
    page.close()
    seconds, atlas = cpu_seconds(run, extent)
    print(
        f"{name:<12}{different.mean():>9.4f}{np.quantile(different, 0.999):>9.4f}{different.max():>9.4f}"
        f"{f'{atlas.size} x {atlas.size}':>13}{wire / 1e6:>10.2f} MB{seconds:>10.2f} s",
        flush=True,
    )


def count_frames(page: Page) -> list[str | bytes]:
    """A list that grows with each frame that the page sends over a websocket from now on."""
    sent: list[str | bytes] = []

    def listen(websocket: WebSocket) -> None:
        websocket.on("framesent", lambda payload: sent.append(payload))

    page.on("websocket", listen)
    return sent


def move_about(page: Page) -> list[list[float]]:
    """Milliseconds (in the handler, since the event's stamp) of each of 500 moves, on a curve that visits all of the plane."""
    left, top, width, height = page.evaluate(PLOT)
    page.evaluate(CLOCK)
    for move in range(MOVES):
        across, down = math.sin(0.031 * move), math.cos(0.047 * move)
        page.mouse.move(left + width * (0.5 + 0.49 * across), top + height * (0.5 + 0.49 * down))
    page.wait_for_function(f"window.moves.length >= {MOVES}", timeout=20_000)
    return page.evaluate("window.moves")


def report_moves(browser: Browser, address: str) -> None:
    """How fast the lens follows, what is sent meanwhile, and how long the server takes instead."""
    page = browser.new_page(viewport=SIZE)
    sent = count_frames(page)
    page.goto(f"{address}/?run=mnist")
    wait_for_plane(page)
    page.wait_for_timeout(3000)
    before = len(sent)
    while len(sent) == before:  # until the page has looked for runs
        page.wait_for_timeout(100)
    page.wait_for_timeout(1000)
    before, began = len(sent), time.monotonic()
    times, moved = move_about(page), time.monotonic() - began
    page.wait_for_timeout(500)
    frames = len(sent) - before
    clicks = statistics.median(measure(page, codes_to_click("mnist")[:CLICKS]))
    page.close()
    handler, stamped = zip(*times, strict=True)
    print(f"\n{len(times)} pointer moves over the plane of mnist in {moved:.1f} s; {frames} frames sent meanwhile")
    print(f"  in the lens's handler, image drawn  {spread(handler)}")
    print(f"  since the event's own stamp         {spread(stamped)}")
    ratio = clicks / max(statistics.median(handler), 0.1)  # browsers tell time in steps of 0.1 ms
    print(f"  a click's way over the server       median {clicks:6.1f} ms of {CLICKS}   ratio {ratio:.0f}x")


def spread(times: tuple[float, ...]) -> str:
    """Median and 95th percentile in words."""
    return f"median {statistics.median(times):6.1f} ms   95th percentile {statistics.quantiles(times, n=20)[-1]:6.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=RUNS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"The lens against exact decoding at {POINTS:,} random points of the plane, in pixel values from 0 to 1")
    print(f"{'run':<12}{'mean':>9}{'99.9 %':>9}{'largest':>9}{'lattice':>13}{'on the wire':>13}{'CPU':>12}")
    with open_browser() as browser, serve() as address:
        for name in options.runs:
            report_atlas(browser, address, name)
        report_moves(browser, address)


if __name__ == "__main__":
    main()
