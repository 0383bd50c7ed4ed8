"""The app as a visitor meets it, and trainings around it, in headless Chromium that may reach nothing but this machine."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

import vae
from benchmarks.browser import serve, wait_for_plane
from tests.browser.screen import expect_another_image, new_page, query, source
from tests.conftest import small_config, wait_until
from vae.jobs.train_run import start_process, train_run
from vae.runs.folder import RunFolder


def test_it_opens_on_mnist_with_no_network_and_no_data(page, address):
    page.goto(address)
    wait_for_plane(page)
    assert "run=mnist&" in page.url
    points = page.evaluate(
        "document.querySelector('.st-key-plane .js-plotly-plot')._fullData.reduce((sum, trace) => sum + trace.x.length, 0)"
    )
    assert points == 10_000
    expect(page.get_by_text("How this run was trained")).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 2


def test_z_can_be_typed_and_nudged(page, address):
    page.goto(address)
    wait_for_plane(page)
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
    field.fill("")
    field.press("Tab")
    expect(field).to_have_value("1.300")
    link = page.get_by_role("link", name="ELBO")
    link.dispatch_event("pointerdown", {"bubbles": True})
    expect(link).to_have_attribute("href", re.compile(r"elbo\?.*z=1\.3000%2C0\.0000"))  # for whoever opens it beside this page


def test_what_the_address_asked_for_in_vain_is_forgotten_with_the_next_point(page, address):
    page.goto(f"{address}/?z=here")
    wait_for_plane(page)
    expect(page.locator(".stAlert")).to_have_count(1)
    page.get_by_label("z1").fill("1.2")
    page.get_by_label("z1").press("Enter")
    expect(page.locator(".stAlert")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"z=1\.2000%2C0\.0000"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/?run=digits&z=0.5,-0.5", "The decoder turns every point of this plane into a digit"),
        ("/train?run=mnist-conv&z=0.5,-0.5", "Training makes the ELBO rise"),
    ],
)
def test_cold_deep_links(page, address, path, words):
    """A page opened first of all by an address, in a browser that never saw the app."""
    run = re.search(r"run=([\w-]+)", path).group(1)
    page.goto(address + path)
    expect(page.get_by_text(words)).to_be_visible()
    page.wait_for_selector(".js-plotly-plot")
    expect(page).to_have_url(re.compile(f"run={run}&z=0.5000%2C-0.5000"))
    page.get_by_role("link", name="Train" if path.startswith("/?") else "Explore").click()
    expect(page).to_have_url(re.compile(f"run={run}&z=0.5000%2C-0.5000"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("z=NaN,0", "z=NaN,0"),
        ("z=here", "z=here"),
        ("run=gone", "no run called gone"),
        ("run=../digits", "no run called ../digits"),
        ("run=![x](https://example.org/x.png)", "no run called ![x](https://example.org/x.png)"),
        ("own=no-picture", "own=no-picture"),
        ("layers=clusters,bogus", "layers=clusters,bogus"),
    ],
)
def test_an_address_that_makes_no_sense_is_one_sentence_and_the_page_goes_on(page, address, words, sentence):
    page.goto(f"{address}/?{words}")
    expect(page.locator(".stAlert")).to_contain_text(sentence)
    assert page.locator(".stAlert").count() == 1
    wait_for_plane(page)
    assert query(page)["run"] == "mnist"
    assert page.locator(".stAlert img, .stAlert a").count() == 0


def test_a_training_started_in_the_page_draws_its_curves_and_ends_in_the_picker(page, address, runs):
    page.goto(f"{address}/train")
    expect(page.get_by_text("About")).to_be_visible()
    page.get_by_role("spinbutton", name="Epochs").fill("25")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("images a second")).to_be_visible()

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
    wait_for_plane(page)
    assert "run=digits-mlp-1" in page.url


def test_a_run_that_is_trained_elsewhere_appears_and_finishes_by_itself(page, address, runs):
    page.goto(address)
    wait_for_plane(page)
    train_run(RunFolder.create(runs / "from-elsewhere", small_config(epochs=1)))
    picker = page.get_by_role("combobox", name="Run")
    wait_until(lambda: runs_in_picker(page, picker, "from-elsewhere"), "the run in the picker", 60)


def runs_in_picker(page: Page, picker: Locator, name: str) -> bool:
    picker.click()
    there = page.get_by_role("option", name=name).count() > 0
    page.keyboard.press("Escape")
    return there


def test_killing_the_server_loses_no_training(new_context, tmp_path):
    folder = RunFolder.create(tmp_path / "long", small_config(epochs=100_000))
    with serve(VAE_RUNS=str(tmp_path)) as address:
        context = new_context()
        page = new_page(context)
        page.goto(f"{address}/train?run=long")
        process = start_process(folder, device="cpu")
        expect(page.get_by_text("images a second")).to_be_visible()
        context.close()  # the tab
    before = folder.read_status().step  # and the server is gone
    wait_until(lambda: folder.read_status().step > before + 100, "the training's going on")
    with serve(VAE_RUNS=str(tmp_path)) as address:
        context = new_context()
        page = new_page(context)
        page.goto(f"{address}/train?run=long")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Go on")).to_be_visible()
    process.wait(60)
    assert folder.read_status().state == "stopped"
    assert vae.load_run(folder.path).step == folder.read_status().step


REFUSES = """
Object.defineProperty(navigator, 'clipboard', {value: {writeText: () => Promise.reject(new Error('denied'))}});
document.execCommand = () => false;
"""


def test_an_address_that_the_browser_does_not_copy_is_shown_to_be_copied_by_hand(page, address):
    page.add_init_script(REFUSES)
    page.goto(f"{address}/train?run=digits&z=0.5000%2C-1.2500")
    page.get_by_role("button", name="Copy link").click()
    dialog = page.get_by_role("dialog", name="Copy by hand")
    expect(dialog).to_contain_text("does not let this page copy")
    field = dialog.get_by_role("textbox")
    expect(field).to_have_value(page.url)
    expect(field).to_be_focused()
    assert field.evaluate("field => field.selectionEnd - field.selectionStart") == len(page.url)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()  # and nothing says that it was copied
    assert page.faults == []
