"""The replay: frames drawn a second while 30 frames of 10,000 points play, beside Plotly with the same points.

    python -m benchmarks.replay
    python -m benchmarks.replay --seconds 20

The run is made for the occasion: the codes and manifolds of the shipped `mnist`, with places in between so that there are
30 frames of them. A frame drawn is a call by requestAnimationFrame that drew dots at other places than the one before. The
handler's time ends when one pixel of the canvas was read back, which makes the browser draw it.

The baseline draws the same interpolated places with `Plotly.react` on scattergl traces, one a class, on a plot of the same
size, one call after the other. Plotly draws by WebGL, which headless Chromium does in software on the processor, as it does
all of its drawing here.

Every 20 s the page asks the server whether runs appeared (`ui/shell/page_frame.py`); the film begins when such a look has just
passed, so whatever is sent meanwhile would be the replay's.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import statistics
import tempfile
from pathlib import Path

import plotly.offline
import torch
from playwright.sync_api import Browser, Page, WebSocket

from benchmarks.browser import ROOT, open_browser, serve
from benchmarks.lens import spread
from ui.charts import palette
from vae.model.autoencoder import Posterior
from vae.model.elbo import Terms
from vae.model.inference import Codes
from vae.runs.folder import RunFolder
from vae.runs.snapshots import Snapshot

FRAMES, PROBES, WANTED = 30, 10_000, 20
SIZE = {"width": 1400, "height": 900}

READY = "() => window.vaeReplay?.frames.length && window.vaeReplay.unpacked.size === window.vaeReplay.frames.length"

CLOCK = """() => {
    const replay = window.vaeReplay, { draw } = replay;
    window.drawn = [];
    let before = null;
    replay.draw = () => {
        const began = performance.now();
        draw.call(replay);
        replay.splats.context.getImageData(0, 0, 1, 1);
        const place = replay.place;
        if (place !== before && replay.playing) window.drawn.push([began, performance.now() - began]);
        before = place;
    };
}"""

BASELINE = """async ({ frames, labels, colours, extent, width, height, seconds, gap }) => {
    const members = colours.map((_, label) => labels.flatMap((each, probe) => (each === label ? [probe] : [])));
    const axis = { range: [-extent, extent], zeroline: true };
    const layout = {
        width, height, showlegend: false, hovermode: false, xaxis: axis, yaxis: { ...axis, scaleanchor: 'x' },
        margin: { l: 56, r: 8, t: 4, b: 54 },
    };
    const at = (place) => {
        const index = Math.min(Math.floor(place), frames.length - 2), share = place - index;
        const [from, to] = [frames[index], frames[index + 1]];
        return members.map((probes, label) => ({
            type: 'scattergl', mode: 'markers', hoverinfo: 'skip', marker: { size: 5, color: colours[label], opacity: 0.75 },
            x: probes.map((probe) => from[2 * probe] + share * (to[2 * probe] - from[2 * probe])),
            y: probes.map((probe) => from[2 * probe + 1] + share * (to[2 * probe + 1] - from[2 * probe + 1])),
        }));
    };
    const graph = document.querySelector('div');
    await Plotly.newPlot(graph, at(0), layout, { staticPlot: true });
    const drawn = [], start = performance.now();
    for (let began = start; began - start < 1000 * seconds; began = await new Promise(requestAnimationFrame)) {
        const called = performance.now();
        const place = (Math.max(began - start, 0) / 1000 / gap) % (frames.length - 1);
        await Plotly.react(graph, at(place), layout, { staticPlot: true });
        const pixel = new Uint8Array(4);
        const context = graph.querySelector('canvas').getContext('webgl');
        context.readPixels(0, 0, 1, 1, context.RGBA, context.UNSIGNED_BYTE, pixel);
        drawn.push([called, performance.now() - called]);
    }
    return drawn;
}"""


def make_run(root: Path) -> RunFolder:
    """The shipped `mnist` with 30 frames of 10,000 codes."""
    shipped = ROOT / "checkpoints" / "mnist"
    folder = RunFolder(shutil.copytree(shipped, root / "film", ignore=shutil.ignore_patterns("frames")))
    (folder.path / "frames").mkdir()
    frames = [RunFolder(shipped).read_snapshot(path) for path in RunFolder(shipped).snapshot_paths()]
    last = folder.read_status().total_steps
    for index in range(FRAMES):
        place = index / (FRAMES - 1)
        folder.write_snapshot(dataclasses.replace(between(frames, place), epoch=index * 2, step=round(place * last)))
    return folder


def between(frames: list[Snapshot], share: float) -> Snapshot:
    """A frame at a share of the way through others, its codes between those of two."""
    place = share * (len(frames) - 1)
    index = min(int(place), len(frames) - 2)
    one, other, rest = frames[index], frames[index + 1], place - index

    def mix(of: object) -> torch.Tensor:
        return (1 - rest) * of(one.codes)[:PROBES] + rest * of(other.codes)[:PROBES]

    posterior = Posterior(mix(lambda codes: codes.posterior.mean), mix(lambda codes: codes.posterior.log_variance))
    terms = Terms(mix(lambda codes: codes.terms.reconstruction), mix(lambda codes: codes.terms.kl))
    return dataclasses.replace(one, codes=Codes(posterior, terms), labels=one.labels[:PROBES])


def listen(page: Page) -> dict[str, list[int]]:
    """Lists of the sizes of what the page sends and receives over websockets from now on."""
    sizes: dict[str, list[int]] = {"sent": [], "received": []}

    def hear(websocket: WebSocket) -> None:
        websocket.on("framesent", lambda payload: sizes["sent"].append(len(payload)))
        websocket.on("framereceived", lambda payload: sizes["received"].append(len(payload)))

    page.on("websocket", hear)
    return sizes


def play(browser: Browser, address: str, seconds: float) -> tuple[list, dict[str, int], dict]:
    """When each frame was drawn and how long it took, in ms; bytes over the websocket meanwhile; the plane on the screen."""
    page = browser.new_page(viewport=SIZE)
    sizes = listen(page)
    page.goto(f"{address}/replay?run=film")
    page.wait_for_function(READY, timeout=120_000)
    page.wait_for_timeout(3000)
    page.evaluate(CLOCK)
    before = len(sizes["sent"])
    while len(sizes["sent"]) == before:  # until the page has looked for runs
        page.wait_for_timeout(100)
    page.wait_for_timeout(1000)
    before = {way: len(seen) for way, seen in sizes.items()}
    page.evaluate("() => { window.vaeReplay.looping = true; window.vaeReplay.play(); }")
    page.wait_for_timeout(1000 * seconds)
    drawn = page.evaluate("window.drawn")
    meanwhile = {way: sum(seen[before[way] :]) for way, seen in sizes.items()}
    plane = page.evaluate(
        """() => { const { seconds, data, find } = window.vaeReplay, { clientWidth, clientHeight } = find('.plane');
            return { gap: seconds, extent: data.extent, width: clientWidth, height: clientHeight }; }"""
    )
    page.close()
    return drawn, meanwhile, plane


def play_baseline(browser: Browser, folder: RunFolder, plane: dict, seconds: float) -> list:
    """The same for `Plotly.react`."""
    page = browser.new_page(viewport=SIZE)
    page.set_content("<div></div>")
    page.add_script_tag(content=plotly.offline.get_plotlyjs())
    frames = [folder.read_snapshot(path) for path in folder.snapshot_paths()]
    described = plane | {
        "frames": [frame.codes.posterior.mean.flatten().tolist() for frame in frames],
        "labels": frames[0].labels.tolist(),
        "colours": list(palette.LIGHT.classes),
        "seconds": seconds,
    }
    drawn = page.evaluate(BASELINE, described)
    page.close()
    return drawn


def rate(drawn: list) -> float:
    """Frames a second."""
    return (len(drawn) - 1) / (drawn[-1][0] - drawn[0][0]) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, open_browser() as browser:
        folder = make_run(Path(root))
        with serve(VAE_RUNS=root) as address:
            drawn, meanwhile, plane = play(browser, address, options.seconds)
        baseline = play_baseline(browser, folder, plane, options.seconds)
    ours, theirs = ([time for _, time in each] for each in (drawn, baseline))
    print(f"{FRAMES} frames of {PROBES:,} points at {plane['width']} x {plane['height']} pixels, {options.seconds:g} s of each")
    print(f"  replay        {rate(drawn):6.1f} frames drawn a second   {spread(ours)}")
    print(f"  Plotly.react  {rate(baseline):6.1f} frames drawn a second   {spread(theirs)}")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"  ratio         {rate(drawn) / rate(baseline):6.1f}x                        {ratio:.1f}x by the medians")
    print(f"  over the websocket meanwhile: {meanwhile['sent']} bytes sent, {meanwhile['received']} received")
    print(f"  {WANTED} frames a second or more: {'yes' if rate(drawn) >= WANTED else 'NO'}")


if __name__ == "__main__":
    main()
