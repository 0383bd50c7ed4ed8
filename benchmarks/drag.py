"""q dragged on ELBO, in headless Chromium: frames a second, and how far the browser's numbers are from the server's exact ones.

    python -m benchmarks.drag                     20 drags on five held-out images of mnist
    python -m benchmarks.drag --runs mnist-beta4 --images 3

A drag takes q's centre away, or one of its handles outwards, by 120 moves of the mouse, one a frame. A frame counts where the
ellipse or the numbers have changed since the frame before. Baseline: the server, asked once for each frame.
"""

from __future__ import annotations

import argparse
import random
import statistics

from playwright.sync_api import Page

from benchmarks.browser import open_browser, serve

MOVES, DRAGS = 120, 4
LEAST_FRAMES, MOST_ERROR = 30.0, 0.05
IDENTITY = "[...document.querySelectorAll('.st-key-elbo_identity *')].find((element) => element.identity).identity"

DRAG = """async ([from, to, moves]) => {
    const { identity } = window;
    const { svg } = identity.plane;
    const seen = () => identity.root.querySelector('.q ellipse').outerHTML + identity.find('.both b').textContent;
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    const began = performance.now();
    let before = seen(), frames = 0;
    for (let move = 1; move <= moves; move++) {
        const [clientX, clientY] = from.map((start, axis) => start + (to[axis] - start) * (move / moves));
        svg.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY }));
        await frame();
        if (seen() !== before) frames += 1;
        before = seen();
    }
    return frames / ((performance.now() - began) / 1000);
}"""


def drag(page: Page, dice: random.Random) -> tuple[float, float, float]:
    """One drag: frames a second, seconds from letting go to the exact numbers, and the largest difference in nats."""
    which = dice.choice([0, 0, 1, 2])
    handle = page.locator(".handle").nth(which)
    box = handle.locator("rect, circle").last.bounding_box()
    plane = page.locator(".posterior_plane .frame").bounding_box()
    here = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    across, up = (plane["width"] * dice.uniform(0.05, 0.3) for _ in range(2))
    there = [here[0] + across * (which != 2), here[1] - up * (which != 1)]
    page.mouse.move(*here)
    page.mouse.down()
    rate = page.evaluate(DRAG, [here, there, MOVES])
    page.evaluate("() => { window.identity.worst = 0; window.letGo = performance.now(); }")
    page.mouse.up()
    page.wait_for_function("() => window.identity.asked === null", timeout=60_000)
    waited = page.evaluate("() => (performance.now() - window.letGo) / 1000")
    return rate, waited, page.evaluate("() => window.identity.worst")


def measure(page: Page, address: str, run: str, image: int, dice: random.Random) -> list[tuple[float, float, float]]:
    """The drags of one image."""
    page.goto(f"{address}/elbo?run={run}&image={image}")
    page.wait_for_selector(".posterior_plane .frame")
    page.wait_for_function(f"() => {{ window.identity = {IDENTITY}; return window.identity.expected; }}")
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    return [drag(page, dice) for _ in range(DRAGS)]


def main(arguments: list[str] | None = None) -> bool:
    """Whether frames and errors are within the bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=["mnist"])
    parser.add_argument("--images", type=int, default=5, help="held-out images of each run (default: 5)")
    options = parser.parse_args(arguments)
    good = True
    with serve() as address, open_browser() as browser:
        for run in options.runs:
            page, dice = browser.new_page(viewport={"width": 1400, "height": 900}), random.Random(0)
            seen = [each for image in range(options.images) for each in measure(page, address, run, image, dice)]
            frames, waits, errors = zip(*seen, strict=True)
            rate, asked = statistics.median(frames), 1 / statistics.median(waits)
            print(f"{run}, {len(seen)} drags: {rate:.0f} frames a second (least {min(frames):.0f})")
            print(f"  asking the server: {asked:.1f} a second, ratio {rate / asked:.0f}")
            print(
                f"  difference from the exact numbers: at most {max(errors):.4f} nats, median {statistics.median(errors):.4f}"
            )
            good &= rate >= LEAST_FRAMES and max(errors) < MOST_ERROR
    return good


if __name__ == "__main__":
    raise SystemExit(not main())
