"""The Diffusion page: particles move in the browser alone, and every digit is what the decoder gives where its particle is."""

from __future__ import annotations

import base64
import io
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.screen import count_messages, new_page, query, rgba
from tests.conftest import wait_until
from vae.diffusion.folder import PriorFolder
from vae.model.inference import decode_points
from vae.runs.folder import RunFolder, load_run

READY = "() => window.vaeParticles?.layout && window.vaeParticles.tiles.complete && window.vaeParticles.tiles.naturalWidth > 0"
STATE = """() => {
    const { place, shown, labels, noise, last, playing, data, words } = window.vaeParticles;
    return { place, places: Array.from(shown), labels: Array.from(labels), ...noise, last, playing, forward: data.forward,
        film: data.film, colours: Array.from(words) };
}"""
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def open_page(page: Page, address: str, words: str) -> None:
    page.goto(f"{address}/diffusion?{words}")
    page.wait_for_function(READY)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.evaluate(FRAMES)


def state(page: Page) -> dict:
    return page.evaluate(STATE)


def places(seen: dict) -> np.ndarray:
    return np.array(seen["places"]).reshape(-1, 2)


def channels(words: list[int]) -> np.ndarray:
    """Red, green and blue of pixels 0xbbggrr, (N, 3)."""
    return np.array(words)[:, None] >> np.array([0, 8, 16]) & 255


def digit(page: Page, index: int) -> np.ndarray:
    return rgba(page.locator(".st-key-particles .digits canvas").nth(index))[..., 0].astype(int)


def expect_decoded(page: Page, runs, name: str, indices: range) -> None:
    """Without noise each image is what the run's decoder gives where its particle is; places are sent in 65,535 steps."""
    run, prior = load_run(runs / name), PriorFolder.of(RunFolder(runs / name)).read()

    def different() -> np.ndarray:
        where = torch.from_numpy(places(state(page))[list(indices)]).float()
        expected = decode_points(run.model, prior.standard.to_latent(where))[:, 0].int().numpy()
        return np.abs(np.stack([digit(page, index) for index in indices]) - expected)

    wait_until(lambda: different().max() <= 12 and different().mean((1, 2)).max() < 0.5, "the decoded digits", 20)


def expect_images_of_step(page: Page, step: int) -> None:
    """The images are the row of this step in what was sent; what is in it is tested without a browser."""
    page.evaluate(FRAMES)
    content = page.evaluate("() => window.vaeParticles.tiles.src").split(",")[1]
    sent = np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))).astype(int)
    rows = sent[28 * step : 28 * (step + 1)]
    assert all(np.array_equal(digit(page, index), rows[:, 28 * index : 28 * (index + 1)]) for index in range(6))


def test_codes_dissolve_and_keep_their_colours_without_the_server(page, address, runs):
    messages = count_messages(page)
    open_page(page, address, "run=mnist-beta0")
    first = state(page)
    assert first["forward"] and first["time"] == 0 and first["place"] == 0
    expect_decoded(page, runs, "mnist-beta0", range(6))
    told = len(messages)
    page.get_by_role("button", name="Add noise").click()
    page.wait_for_function("() => window.vaeParticles.place > 3")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider", name="Time").focus()
    page.keyboard.press("End")
    page.evaluate(FRAMES)
    last = state(page)
    assert last["time"] == 1 and last["alpha"] < 0.06 and last["labels"] == first["labels"]
    assert places(last).std(0) == pytest.approx([1, 1], abs=0.05)
    assert len(messages) == told
    codes, epsilon = places(first), places(last)
    page.evaluate("() => window.vaeParticles.seek(25)")
    page.evaluate(FRAMES)
    middle = state(page)
    expected = middle["alpha"] * codes + middle["sigma"] * (epsilon - last["alpha"] * codes) / last["sigma"]
    assert places(middle) == pytest.approx(expected, abs=1e-3)
    assert middle["alpha"] == pytest.approx(np.cos(np.pi / 4), abs=1e-6)


def test_noise_is_grey_and_takes_its_colour_on_the_way(page, address):
    open_page(page, address, "run=mnist-beta0&direction=backward")
    assert np.abs(channels(state(page)["colours"]) - [0x7D, 0x87, 0x94]).max() <= 1
    expect(page.get_by_text("Arrows: the score")).to_be_hidden()
    page.get_by_label("score, as arrows").check()
    expect(page.get_by_text("Arrows: the score")).to_be_visible()
    page.evaluate("() => window.vaeParticles.seek(50)")
    page.evaluate(FRAMES)
    own = [int(colour[1:], 16) for colour in page.evaluate("() => window.vaeParticles.colours")]
    assert np.array_equal(channels(state(page)["colours"])[:, ::-1], channels(own))


def test_noise_becomes_the_digits_of_a_class(page, address, runs):
    open_page(page, address, "run=mnist-beta0&direction=backward&class=0")
    page.get_by_role("button", name="Remove noise").click()
    page.wait_for_function("() => window.vaeParticles.place > 2")
    page.evaluate("() => { window.vaeParticles.pause(); window.vaeParticles.seek(50); }")
    page.evaluate(FRAMES)
    expect_decoded(page, runs, "mnist-beta0", range(6))
    prior = PriorFolder.of(RunFolder(runs / "mnist-beta0")).read()
    ends = torch.from_numpy(places(state(page))).float()
    train = prior.codes.train
    nearest = torch.cdist(ends, prior.standard.to_standard(train.posterior.mean)).argmin(1)
    assert (train.labels[nearest] == 0).float().mean() > 0.9
    before = state(page)["film"]
    weight = page.locator(".st-key-weight input")
    weight.fill("0")
    weight.press("Enter")
    page.wait_for_function(f"() => window.vaeParticles.data.film !== {before!r}")
    wait_until(lambda: query(page).get("weight") == "0", "the weight in the address", 60)
    assert len(set(map(tuple, places(state(page)).round(2)))) > 100


def test_what_stands_still_is_a_step_and_its_images_are_the_step_s(page, address):
    open_page(page, address, "run=mnist-beta0&direction=backward&steps=4")
    page.get_by_role("button", name="Remove noise").click()
    page.wait_for_function("() => window.vaeParticles.place > 0.2")
    page.get_by_role("button", name="Pause").click()
    place = state(page)["place"]
    assert place in range(4)
    expect_images_of_step(page, place)
    page.get_by_role("slider", name="Time").fill("2.4")
    assert state(page)["place"] == 2
    expect_images_of_step(page, 2)
    open_page(page, address, "run=mnist-beta0&direction=backward&steps=250")  # of which a hundred are shown
    page.keyboard.press("End")
    expect(page.get_by_text("step 250 of 250")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("step 248 of 250")).to_be_visible()


def test_keys_are_the_page_s_where_a_chapter_is_read(page, address):
    open_page(page, address, "run=mnist-beta0&direction=backward")
    page.keyboard.press("ArrowRight")
    assert state(page)["place"] == 1
    expect(page.locator(".mosaic img").first).to_be_visible()
    page.mouse.move(1200, 250)
    page.mouse.wheel(0, 2000)
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    page.wait_for_function(f"{scrolled} > 400")
    page.mouse.click(20, 800)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    page.wait_for_function(f"{scrolled} < 100")
    assert state(page)["place"] == 1 and not state(page)["playing"]
    page.get_by_role("button", name="Steps").click()
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.evaluate(FRAMES)
    assert not state(page)["playing"]


def test_with_reduced_motion_dots_and_digits_change_together(new_context, address):
    page = new_page(new_context(reduced_motion="reduce"))
    open_page(page, address, "run=mnist-beta0&direction=backward&steps=4")
    page.evaluate("() => window.vaeParticles.seek(1.6)")
    expect_images_of_step(page, 2)
    assert state(page)["time"] == 0.5 and page.faults == []


def wait_for_rest(page: Page) -> None:
    """Until the plane keeps its size: what stands above it may come later, and take a few pixels of it."""
    sizes = []

    def at_rest() -> bool:
        page.wait_for_timeout(200)
        page.evaluate(FRAMES)
        sizes.append(rgba(page.locator(".st-key-particles .points")).shape)
        return len(sizes) > 4 and len(set(sizes[-5:])) == 1

    wait_until(at_rest, "a plane that keeps its size", 30)


def test_arrows_and_trajectories_are_drawn_on_demand(page, address):
    open_page(page, address, "run=mnist-beta0&direction=backward")
    page.evaluate("() => window.vaeParticles.seek(40)")
    wait_for_rest(page)
    plain = rgba(page.locator(".st-key-particles .points"))
    for name in ("score, as arrows", "trajectories"):
        page.get_by_label(name).check()
        page.evaluate(FRAMES)
        with_more = rgba(page.locator(".st-key-particles .points"))
        assert (plain != with_more).any(-1).sum() > 500
        page.get_by_label(name).uncheck()
        page.evaluate(FRAMES)
    assert np.array_equal(rgba(page.locator(".st-key-particles .points")), plain)


def test_a_prior_is_trained_from_the_page_and_seen_to_learn(new_context, address, runs):
    page = new_page(new_context())
    shutil.copytree(runs / "digits", runs / "undiffused")
    try:
        page.goto(f"{address}/diffusion?run=undiffused")
        page.get_by_role("button", name="Train a diffusion prior").click()
        expect(page.get_by_text("training a prior")).to_be_visible()
        expect(page.locator(".st-key-prior_samples .js-plotly-plot")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        page.wait_for_function(READY)
        folder = RunFolder(runs / "undiffused")
        wait_until(lambda: not PriorFolder.in_training(folder).exists, "the prior to be in its place")
        assert PriorFolder.of(folder).read_status().state == "stopped"
        assert page.faults == []
    finally:
        PriorFolder.in_training(RunFolder(runs / "undiffused")).path.exists() and PriorFolder.in_training(
            RunFolder(runs / "undiffused")
        ).ask_to_stop()
        shutil.rmtree(runs / "undiffused", ignore_errors=True)
