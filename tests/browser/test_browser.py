"""The app as a visitor meets it, in headless Chromium. The browser may reach nothing but this machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import vae
from benchmarks.browser import click_plane, find_chromium, open_browser, serve, wait_for_planes
from tests.conftest import ROOT, skip_or_fail, small_config, wait_until
from vae.run import RunFolder, load_run
from vae.worker import start_process, train_run

IMAGE = ".pinned-image img"
SHIPPED = ("mnist", "mnist-conv", "digits")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        skip_or_fail("There is no Chromium on this machine; install it, on Debian with: apt install chromium")
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped runs, in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("runs")
    for name in SHIPPED:
        shutil.copytree(ROOT / "checkpoints" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def address(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a machine without a network and without data sets that were downloaded."""
    no_way_out = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    with serve(VAE_RUNS=str(runs), VAE_DATA=str(tmp_path_factory.mktemp("no-data")), **no_way_out) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    yield new_page(context)
    context.close()


def new_page(context: BrowserContext) -> Page:
    """A page that fails the test by `page.faults` when it asks for anything outside of this machine or throws."""
    page = context.new_page()
    page.faults = []
    page.on("request", lambda request: None if is_local(request.url) else page.faults.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    return page


def is_local(url: str) -> bool:
    return re.match(r"(https?|wss?)://localhost[:/]|data:|blob:", url) is not None


def source(page: Page) -> str:
    return page.locator(IMAGE).get_attribute("src")


def expect_another_image(page: Page, before: str) -> None:
    expect(page.locator(IMAGE)).not_to_have_attribute("src", before, timeout=20_000)


def test_it_opens_on_mnist_with_no_network_and_no_data(page, address):
    page.goto(address)
    wait_for_planes(page)
    assert "run=mnist&" in page.url
    points = page.evaluate(
        "document.querySelector('.st-key-plane .js-plotly-plot')._fullData.reduce((sum, trace) => sum + trace.x.length, 0)"
    )
    assert points == 10_000
    expect(page.get_by_text("How this run was trained")).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 3
    assert page.faults == []


def test_a_click_on_a_cell_decodes_that_cell(page, address, runs):
    page.goto(address)
    wait_for_planes(page)
    before = source(page)
    click_plane(page, "manifold", 0.7, -1.3)  # within the cell of 0.75, -1.35
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile(r"z=0\.7500%2C-1\.3500"))
    expect(page.locator(IMAGE)).to_have_js_property("naturalWidth", 28)
    assert shown_pixels(page) == decoded_pixels(runs / "mnist", [0.75, -1.35])
    assert page.faults == []


def shown_pixels(page: Page) -> list[int]:
    """The grey values that the browser has in the pinned image."""
    return page.evaluate(
        """(selector) => {
            const image = document.querySelector(selector), canvas = document.createElement('canvas');
            canvas.width = canvas.height = 28;
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return Array.from(context.getImageData(0, 0, 28, 28).data).filter((_, index) => index % 4 === 0);
        }""",
        IMAGE,
    )


def decoded_pixels(run: Path, z: list[float]) -> list[int]:
    import torch

    image = load_run(run).model.decode(torch.tensor([z]))
    return (image * 255).round().flatten().int().tolist()


def test_a_click_on_a_data_point_shows_its_numbers_and_says_how_to_get_the_pictures(page, address, runs):
    page.goto(address)
    wait_for_planes(page)
    before = source(page)
    run = load_run(runs / "mnist")
    posterior = run.folder.frame_of_step(run.step).codes.posterior
    z = posterior.mean[7]
    click_plane(page, "plane", *z.tolist())
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile("image="))
    probe = int(re.search(r"image=(\d+)", page.url).group(1))  # the code nearest to the pixel: 7, or one on top of it
    assert (posterior.mean[probe] - z).norm() < 0.05
    table = page.locator(".equation .numbers")
    expect(table).to_contain_text(f"{posterior.standard_deviation[probe, 0]:.3f}")
    expect(page.locator(".equation")).to_contain_text("ELBO")
    expect(page.locator(".original-image")).to_contain_text("python -m vae download mnist")
    assert page.faults == []


def test_a_link_to_an_image_marks_its_code(page, address, runs):
    page.goto(f"{address}/?run=mnist&image=15")
    wait_for_planes(page)
    run = load_run(runs / "mnist")
    z = run.folder.frame_of_step(run.step).codes.posterior.mean[15].tolist()
    expect(page).to_have_url(re.compile(f"z={z[0]:.4f}%2C{z[1]:.4f}&image=15"))
    page.wait_for_selector(".st-key-plane .pin-mark")
    marked = page.evaluate(
        """() => { const { xaxis, yaxis } = document.querySelector('.st-key-plane .js-plotly-plot')._fullLayout;
                   const mark = document.querySelector('.st-key-plane .pin-mark').style;
                   return [xaxis.p2d(parseFloat(mark.left) - xaxis._offset),
                           yaxis.p2d(parseFloat(mark.top) - yaxis._offset)]; }"""
    )
    assert marked == pytest.approx(z, abs=0.01)


def test_a_click_means_the_same_after_zoom_and_pan(page, address):
    page.goto(address)
    wait_for_planes(page)
    box = page.locator(".st-key-manifold .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    for _ in range(3):
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(200)
    page.wait_for_function(
        """() => { const [low, high] = document.querySelector('.st-key-manifold .js-plotly-plot')._fullLayout.xaxis.range;
                   return high - low < 5; }"""
    )
    click_plane(page, "manifold", 1.3, 1.3)
    expect(page).to_have_url(re.compile(r"z=1\.3500%2C1\.3500"))


def test_a_drag_is_a_pan_and_pins_nothing(page, address):
    page.goto(address)
    wait_for_planes(page)
    before, url = source(page), page.url
    box = page.locator(".st-key-plane .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 240, steps=5)
    page.mouse.up()
    page.wait_for_function(
        "() => document.querySelector('.st-key-plane .js-plotly-plot')._fullLayout.xaxis.range.reduce((a, b) => a + b) < -0.2"
    )
    page.wait_for_timeout(500)
    assert (source(page), page.url) == (before, url)


def test_the_legend_takes_a_class_and_its_name_off_the_plane(page, address):
    page.goto(address)
    wait_for_planes(page)
    page.locator(".st-key-plane .legendtoggle").nth(1).click()
    page.wait_for_function(
        "() => document.querySelector('.st-key-plane .js-plotly-plot')._fullData[1].visible === 'legendonly'", timeout=10_000
    )
    expect(page.locator('.st-key-plane .annotation[data-index="1"]')).to_be_hidden()
    expect(page.locator('.st-key-plane .annotation[data-index="0"]')).to_be_visible()


def test_quantile_cells_are_decoded_where_they_say(page, address, runs):
    page.goto(address)
    wait_for_planes(page)
    page.get_by_role("button", name="Manifold").click()
    page.get_by_text("by the prior's quantiles").click()
    page.keyboard.press("Escape")
    page.wait_for_function(
        "() => document.querySelector('.st-key-manifold .js-plotly-plot')._fullLayout.xaxis.range[1] === 19.5"
    )
    page.wait_for_timeout(500)
    before = source(page)
    click_plane(page, "manifold", 0, 19)
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile(r"z=-1\.9600%2C1\.9600"))  # the normal quantiles of 0.025 and 0.975


def test_z_can_be_typed_and_nudged(page, address):
    page.goto(address)
    wait_for_planes(page)
    before = source(page)
    field = page.get_by_label("z1")
    field.fill("1.2")
    field.press("Enter")
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile(r"z=1\.2000%2C0\.0000"))
    before = source(page)
    field.press("ArrowUp")
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile(r"z=1\.3000%2C0\.0000"))


def test_cold_deep_links(browser, address, runs):
    """Each page opened first of all by an address, in a browser that never saw the app."""
    for path, words in {
        "/?run=digits&z=0.5,-0.5": "Every point on this plane is a digit",
        "/train?run=mnist-conv&z=0.5,-0.5": "Training makes the ELBO rise",
    }.items():
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = new_page(context)
        page.goto(address + path)
        expect(page.get_by_text(words)).to_be_visible(timeout=60_000)
        expect(page.get_by_role("link", name="Explore")).to_be_visible()
        expect(page.get_by_role("link", name="Train")).to_be_visible()
        page.wait_for_selector(".js-plotly-plot")
        run = re.search(r"run=([\w-]+)", path).group(1)
        expect(page).to_have_url(re.compile(f"run={run}&z=0.5000%2C-0.5000"))
        assert page.faults == []
        page.get_by_role("link", name="Train" if path.startswith("/?") else "Explore").click()
        expect(page).to_have_url(re.compile(f"run={run}&z=0.5000%2C-0.5000"))
        context.close()


def test_a_training_started_in_the_page_draws_its_curves_and_ends_in_the_picker(page, address, runs):
    page.goto(f"{address}/train")
    expect(page.get_by_text("About")).to_be_visible(timeout=60_000)
    page.get_by_role("spinbutton", name="Epochs").fill("25")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("images a second")).to_be_visible(timeout=60_000)

    def lengths() -> list[int]:
        return page.evaluate(
            """() => { const charts = [...document.querySelectorAll('.js-plotly-plot')];
                       const curves = charts.find((chart) => chart._fullData.length === 6);
                       return curves ? curves._fullData.map((trace) => trace.x.length) : [0]; }"""
        )

    wait_until(lambda: min(lengths()) > 1, "the first points of every curve", 60)
    first = lengths()
    wait_until(lambda: min(lengths()) > max(min(first), 3), "the curves' growth", 60)
    page.reload()  # the page is only a watcher
    expect(page.get_by_text("finished: epoch 25 of 25")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("The plane after epoch 25")).to_be_visible()
    assert "run=digits-mlp-1" in page.url
    page.get_by_role("button", name="Explore it").click()
    wait_for_planes(page)
    assert "run=digits-mlp-1" in page.url
    assert page.faults == []


def test_a_run_that_is_trained_elsewhere_appears_and_finishes_by_itself(page, address, runs):
    page.goto(address)
    wait_for_planes(page)
    train_run(RunFolder.create(runs / "from-elsewhere", small_config(epochs=1)))
    picker = page.get_by_role("combobox", name="Run")
    wait_until(lambda: runs_in_picker(page, picker, "from-elsewhere"), "the run in the picker", 60)


def runs_in_picker(page: Page, picker, name: str) -> bool:
    picker.click()
    there = page.get_by_role("option", name=name).count() > 0
    page.keyboard.press("Escape")
    return there


def test_killing_the_server_loses_no_training(browser, tmp_path):
    folder = RunFolder.create(tmp_path / "long", small_config(epochs=100_000))
    with serve(VAE_RUNS=str(tmp_path)) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/train?run=long")
        process = start_process(folder, device="cpu")
        expect(page.get_by_text("images a second")).to_be_visible(timeout=60_000)
        context.close()  # the tab
    before = folder.read_status().step  # and the server is gone
    wait_until(lambda: folder.read_status().step > before + 100, "the training's going on")
    with serve(VAE_RUNS=str(tmp_path)) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/train?run=long")
        page.get_by_role("button", name="Stop").click(timeout=60_000)
        expect(page.get_by_role("button", name="Go on")).to_be_visible(timeout=60_000)
        context.close()
    process.wait(60)
    assert folder.read_status().state == "stopped"
    assert vae.load_run(folder.path).step == folder.read_status().step
