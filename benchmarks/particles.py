"""The particles: frames drawn a second while noise becomes codes, beside Plotly with the same points.

    python -m benchmarks.particles
    python -m benchmarks.particles --seconds 20

The page plays the reverse process of the shipped `mnist-beta0` over 50 steps, with its decoded handful, trajectories and arrows
on the screen. How frames are counted, and what the baseline is, `benchmarks/replay.py` says.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import plotly.offline
from playwright.sync_api import Browser

from benchmarks.browser import ROOT, open_browser, serve
from benchmarks.lens import spread
from benchmarks.replay import BASELINE, CLOCK, SIZE, WANTED, rate

RUN, STEPS = "mnist-beta0", 50
READY = "() => window.vaeParticles?.layout && window.vaeParticles.tiles.complete && window.vaeParticles.frames.length"
BEGIN = """() => {
    const particles = window.vaeParticles;
    for (const box of ['.trails input', '.field input']) particles.find(box).checked = true;
    const { pause } = particles;
    particles.pause = (...told) => (particles.atEnd ? (particles.place = 0) : pause.apply(particles, told)); // over and over
    particles.play();
}"""
DESCRIBE = """() => {
    const { ways, labels, data, seconds, find } = window.vaeParticles, { clientWidth, clientHeight } = find('.plane');
    return {
        frames: ways.map((way) => Array.from(way)), labels: Array.from(labels), colours: data.colours, extent: data.extent,
        gap: seconds, width: clientWidth, height: clientHeight,
    };
}"""


def play(browser: Browser, address: str, seconds: float) -> tuple[list, dict]:
    """When each frame was drawn and how long it took, in ms; and what was drawn."""
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{address}/diffusion?run={RUN}&direction=backward&steps={STEPS}")
    page.wait_for_function(READY, timeout=120_000)
    page.wait_for_timeout(5000)
    page.evaluate(CLOCK.replace("vaeReplay", "vaeParticles"))
    page.evaluate(BEGIN)
    page.wait_for_timeout(1000 * seconds)
    drawn, described = page.evaluate("window.drawn"), page.evaluate(DESCRIBE)
    page.close()
    return drawn, described


def play_baseline(browser: Browser, described: dict, seconds: float) -> list:
    """The same for `Plotly.react`, dots alone."""
    page = browser.new_page(viewport=SIZE)
    page.set_content("<div></div>")
    page.add_script_tag(content=plotly.offline.get_plotlyjs())
    drawn = page.evaluate(BASELINE, described | {"seconds": seconds})
    page.close()
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, open_browser() as browser:
        shutil.copytree(ROOT / "checkpoints" / RUN, Path(root) / RUN)
        with serve(VAE_RUNS=root) as address:
            drawn, described = play(browser, address, options.seconds)
        baseline = play_baseline(browser, described, options.seconds)
    ours, theirs = ([time for _, time in each] for each in (drawn, baseline))
    size = f"{described['width']} x {described['height']} pixels"
    print(f"{len(described['labels']):,} particles over {STEPS} steps at {size}, {options.seconds:g} s of each")
    print(f"  particles     {rate(drawn):6.1f} frames drawn a second   {spread(ours)}")
    print(f"  Plotly.react  {rate(baseline):6.1f} frames drawn a second   {spread(theirs)}")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"  ratio         {rate(drawn) / rate(baseline):6.1f}x                        {ratio:.1f}x by the medians")
    print(f"  {WANTED} frames a second or more: {'yes' if rate(drawn) >= WANTED else 'NO'}")


if __name__ == "__main__":
    main()
