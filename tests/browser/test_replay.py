"""The Replay page: it plays in the browser alone, and everything on it moves together."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.screen import count_messages, new_page, query, rgba
from tests.conftest import small_config, wait_until
from ui.charts.palette import LIGHT
from vae.data import datasets
from vae.jobs.train_run import train_run
from vae.latent.grid import tile
from vae.runs.folder import RunFolder
from vae.runs.snapshots import Snapshot

READY = """() => {
    const replay = window.vaeReplay;
    return replay?.frames.length > 0 && replay.unpacked.size === replay.frames.length && replay.layout;
}"""
STATE = """() => {
    const { place, index, epochs, frames, shown, layout, data, values, find } = window.vaeReplay;
    return {
        place, index, epochs, playing: window.vaeReplay.playing, places: Array.from(shown), range: layout.range,
        figures: values.map((value) => Number(value.textContent.replace('−', '-'))), count: frames.length,
        cursor: find('.cursor').getBoundingClientRect().x + 1 - find('.lines').getBoundingClientRect().x,
        slider: Number(find('.slider').value), epoch: find('.epoch b').textContent, extent: data.extent,
        at: frames.map((frame) => window.vaeReplay.panels.x(frame.at)),
    };
}"""

HEAR_WORDS = """(() => {
    window.written = {}; // where words begin that end at the plane
    const { prototype } = CanvasRenderingContext2D, { fillText } = prototype;
    prototype.fillText = function (words, x, y) {
        window.written[words] = x - this.measureText(words).width;
        fillText.call(this, words, x, y);
    };
})()"""


def open_replay(page: Page, address: str, words: str) -> None:
    page.goto(f"{address}/replay?{words}")
    page.wait_for_function(READY)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(page: Page) -> dict:
    return page.evaluate(STATE)


def frames_of(folder: RunFolder) -> list[Snapshot]:
    return [folder.read_snapshot(path) for path in folder.snapshot_paths()]


def expect_frame(page: Page, frame: Snapshot, index: int) -> None:
    """Dots, manifold, cursor, slider and figures are those of one real frame."""
    wait_until(lambda: state(page)["place"] == index, f"frame {index}", 20)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    seen, means = state(page), frame.codes.posterior.mean.numpy()
    step = float(np.abs(means).max()) / 65_535
    assert np.array(seen["places"]).reshape(-1, 2) == pytest.approx(means, abs=1.01 * step + 1e-6)
    mosaic = rgba(page.locator(".st-key-projector .manifold canvas"))[..., 0]
    np.testing.assert_array_equal(mosaic, tile(frame.grid, 20).numpy())
    terms = frame.codes.terms
    assert seen["figures"] == pytest.approx([t.mean().item() for t in (terms.elbo, terms.reconstruction, terms.kl)], abs=0.006)
    assert seen["epoch"] == str(frame.epoch) and seen["slider"] == pytest.approx(frame.epoch, abs=0.01)
    assert seen["cursor"] == pytest.approx(seen["at"][index], abs=1)


def test_playing_moves_the_dots_and_asks_nothing_of_the_server(page, address, runs):
    messages = count_messages(page)
    open_replay(page, address, "run=digits")
    frames = frames_of(RunFolder(runs / "digits"))
    expect_frame(page, frames[-1], 9)
    before, told = state(page), len(messages)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.vaeReplay.place > 0.3 && window.vaeReplay.place < 9")
    first = state(page)
    page.wait_for_function(f"() => window.vaeReplay.place > {first['place']} + 1.5")
    second = state(page)
    assert len(messages) == told and first["playing"] and second["playing"]
    assert np.abs(np.subtract(second["places"], first["places"])).max() > 0.1
    assert first["range"] == second["range"] == before["range"] and first["slider"] < second["slider"]
    page.keyboard.press("Space")
    wait_until(lambda: not state(page)["playing"], "the pause", 20)
    expect(page).to_have_url(re.compile("epoch="))
    rested = state(page)
    assert query(page)["epoch"] == rested["epoch"] and len(messages) == told + 1
    share, low = rested["place"] % 1, int(rested["place"])
    means = [frames[index].codes.posterior.mean.numpy() for index in (low, min(low + 1, 9))]
    assert np.array(rested["places"]).reshape(-1, 2) == pytest.approx((1 - share) * means[0] + share * means[1], abs=2e-4)


def test_slider_curves_keys_and_address_go_to_real_frames(page, address, runs):
    open_replay(page, address, "run=digits&epoch=178")
    frames = frames_of(RunFolder(runs / "digits"))
    expect_frame(page, frames[4], 4)
    axes = state(page)["range"]
    page.keyboard.press("ArrowRight")
    expect_frame(page, frames[5], 5)
    page.get_by_role("slider", name="Epoch").fill("95")  # between two frames; the nearer one is at 89
    expect_frame(page, frames[2], 2)
    lines = page.locator(".st-key-projector .lines").bounding_box()
    page.mouse.click(lines["x"] + state(page)["at"][7] + 1, lines["y"] + lines["height"] / 2)
    expect_frame(page, frames[7], 7)
    page.keyboard.press("Home")
    expect_frame(page, frames[0], 0)
    assert state(page)["range"] == axes
    across, up = axes
    box = page.locator(".st-key-projector .points").bounding_box()
    assert (across[1] - across[0]) / box["width"] == pytest.approx((up[1] - up[0]) / box["height"], rel=1e-6)
    expect(page).to_have_url(re.compile("epoch=0"))


def test_the_dots_are_drawn_where_they_are(page, address, runs):
    """With one class alone on the plane, the centre of its colour is the centre of its codes."""
    open_replay(page, address, "run=digits")
    frame = frames_of(RunFolder(runs / "digits"))[-1]
    legend = page.locator(".st-key-projector .legend button")
    for label in range(10):
        if label != 7:
            legend.nth(label).click()
    page.evaluate("() => { window.vaeReplay.find('.names').style.display = 'none'; }")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    paint = [int(LIGHT.classes[7][start : start + 2], 16) for start in (1, 3, 5)]
    drawn = rgba(page.locator(".st-key-projector .points")).astype(int)
    rows, columns = np.nonzero((np.abs(drawn[..., :3] - paint).max(2) < 24) & (drawn[..., 3] > 60))
    layout = page.evaluate("() => window.vaeReplay.layout.map")
    means = frame.codes.posterior.mean[frame.labels == 7].numpy()
    inside = means[np.abs(means).max(1) < 3]
    assert columns.mean() == pytest.approx(layout["left"] + layout["across"] * inside[:, 0].mean(), abs=6)
    assert rows.mean() == pytest.approx(layout["top"] + layout["down"] * inside[:, 1].mean(), abs=6)


def test_a_dot_is_followed_wherever_it_goes(page, address, runs):
    open_replay(page, address, "run=digits&image=5")  # pinned on Explore
    assert page.evaluate("() => window.vaeReplay.followed") == 5
    means = frames_of(RunFolder(runs / "digits"))[-1].codes.posterior.mean
    alone = int(torch.cdist(means, means).fill_diagonal_(9).min(1).values.argmax())
    x, y = page.evaluate("(place) => window.vaeReplay.layout.pixelOf(place)", means[alone].tolist())
    page.locator(".st-key-projector .points").click(position={"x": x + 2, "y": y - 2})
    assert page.evaluate("() => window.vaeReplay.followed") == alone
    before = rgba(page.locator(".st-key-projector .points"))
    page.locator(".st-key-projector .points").click(position={"x": 3, "y": 3})
    assert page.evaluate("() => window.vaeReplay.followed") is None
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert (rgba(page.locator(".st-key-projector .points")) != before).any()


@pytest.fixture
def growing(runs: Path) -> Iterator[RunFolder]:
    """A run that looks as if it were trained, with all but four of its frames put aside."""
    folder = RunFolder(shutil.copytree(runs / "digits", runs / "growing"))
    for path in folder.snapshot_paths()[4:]:
        path.rename(path.with_suffix(".later"))
    folder.write_status(dataclasses.replace(folder.read_status(), state="running"))
    with folder.lock():
        yield folder
    shutil.rmtree(folder.path)


def grow(folder: RunFolder) -> None:
    later = sorted((folder.path / "frames").glob("*.later"))[0]
    later.rename(later.with_suffix(".safetensors"))


def test_a_run_in_training_gains_frames_and_keeps_its_place(page, address, growing):
    fetched: set[str] = set()
    page.on("request", lambda request: fetched.add(request.url) if re.search(r"/media/\w+\.png", request.url) else None)
    open_replay(page, address, "run=growing")
    assert state(page)["count"] == 4 and state(page)["playing"]  # it follows the training
    assert len(fetched) == 4
    page.get_by_role("slider", name="Epoch").fill("40")
    wait_until(lambda: state(page)["place"] == 1, "the seek", 20)
    before = state(page)
    grow(growing)
    page.wait_for_function("() => window.vaeReplay.frames.length === 5 && window.vaeReplay.unpacked.size === 5")
    after = state(page)
    assert len(fetched) == 5  # only the new one has travelled
    kept = ("epochs", "places", "cursor", "slider", "range", "playing")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    page.keyboard.press("End")
    wait_until(lambda: state(page)["place"] == 4, "the newest frame", 20)
    page.keyboard.press("Space")
    grow(growing)
    wait_until(lambda: state(page)["place"] == 5, "the film's going on to the new frame", 30)


def test_a_picture_that_did_not_arrive_is_asked_for_again(page, address):
    lost = []

    def lose_one(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort()

    page.route(re.compile(r"/media/\w+\.png"), lose_one)
    open_replay(page, address, "run=digits")
    assert len(lost) == 1 and state(page)["count"] == 10


def test_on_a_strip_classes_are_named_in_full_beside_it(page, address, runs):
    folder = RunFolder.create(runs / "strip", small_config(latent=1, epochs=1))
    train_run(folder)
    fields, names = json.loads((folder.path / "run.json").read_text()), datasets.CLASS_NAMES["fashion-mnist"]
    (folder.path / "run.json").write_text(json.dumps(fields | {"class_names": names}))
    page.add_init_script(HEAR_WORDS)
    open_replay(page, address, "run=strip")
    written = page.evaluate("() => window.written")
    assert set(names) <= set(written) and min(written[name] for name in names) >= 0 and "class" not in written
    shutil.rmtree(folder.path)


def test_the_gif_has_all_frames(page, address):
    open_replay(page, address, "run=digits")
    with page.expect_download(timeout=120_000) as caught:
        page.get_by_role("button", name="GIF").click()
    assert caught.value.suggested_filename == "digits-replay.gif"
    content = caught.value.path().read_bytes()
    image = Image.open(io.BytesIO(content))
    assert image.format == "GIF" and len(content) < 10_000_000
    assert image.n_frames == 9 * (60 // 9) + 1
    assert page.evaluate("() => window.vaeReplay.frames.length") == 10  # the page stayed as it was


def test_with_reduced_motion_frames_change_at_once(new_context, address, runs):
    page = new_page(new_context(reduced_motion="reduce"))
    open_replay(page, address, "run=digits")
    page.evaluate("() => { window.vaeReplay.seek(2.6); }")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    means = frames_of(RunFolder(runs / "digits"))[2].codes.posterior.mean.numpy()
    assert np.array(state(page)["places"]).reshape(-1, 2) == pytest.approx(means, abs=1e-4)
    assert page.faults == []


ANOTHER_FILM = """() => {
    const replay = window.vaeReplay, { data } = replay;
    replay.update({ ...data, curves: [], active: true });
    replay.play();
    const frames = data.frames.map((frame) => ({ ...frame, id: `another ${frame.id}` }));
    replay.update({ ...data, film: 'another', names: data.names.map((name) => `class ${name}`), frames });
    return [replay.playing, replay.find('.legend').textContent, replay.values.length];
}"""


def test_another_film_takes_the_place_of_one_that_plays(page, address):
    open_replay(page, address, "run=digits")
    names = "".join(f"class {digit}" for digit in range(10))
    assert page.evaluate(ANOTHER_FILM) == [False, names, 3]
