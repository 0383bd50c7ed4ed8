"""An image of one's own, the road between two points, and what a lecture hall needs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from benchmarks.browser import click_plane, wait_for_plane
from tests.browser.screen import (
    IMAGE,
    OVER,
    UNDER,
    decoded,
    expect_another_image,
    fingerprint,
    grey,
    new_page,
    pinned_z,
    query,
    rgba,
    snapshot_of,
    source,
)
from tests.conftest import wait_until
from vae.latent.fields import nearest

SEVEN = ((0.25, 0.22), (0.5, 0.21), (0.74, 0.22), (0.62, 0.42), (0.52, 0.62), (0.44, 0.85))
PERCENTILE = re.compile(r"its ELBO is higher than that of \d+ % of the held-out images")


# An image of one's own


def draw(page: Page, strokes: tuple[tuple[float, float], ...]) -> None:
    """Draw one line through places of the canvas, in shares of its side."""
    box = page.locator(".st-key-own_canvas canvas").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in strokes]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_a_seven_drawn_by_hand_lies_among_the_sevens_and_its_link_reopens_the_view(page, new_context, address, runs):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/?run=mnist&original=draw")
    wait_for_plane(page)
    page.locator(".st-key-layers").get_by_role("button", name="Density").click()
    expect(page).to_have_url(re.compile("layers=clusters%2Cprior%2Cdensity"))
    before = source(page)
    draw(page, SEVEN)
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile("own="))
    z, frame = pinned_z(page), snapshot_of(runs / "mnist")
    neighbours = nearest(frame.codes.posterior.mean, torch.tensor(z), 5)
    assert (frame.labels[neighbours] == 7).sum() >= 3
    expect(page.locator(".st-key-neighbours button")).to_have_text([str(frame.labels[probe].item()) for probe in neighbours])
    expect(page.locator(".closeup")).to_be_visible()
    expect(page.locator(".samples li")).to_have_count(4)
    expect(page.get_by_text(PERCENTILE)).to_be_visible()

    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    fresh = new_page(new_context())
    fresh.goto(link)
    wait_for_plane(fresh)
    own = ".original-image img"
    expect(fresh.locator(own)).to_be_visible()
    assert (grey(fresh, own) == grey(page, own)).all() and grey(page, own).any()
    assert query(fresh) == query(page) and query(fresh)["own"]
    assert (grey(fresh, IMAGE) == grey(page, IMAGE)).all()
    expect(fresh.locator(".st-key-own_canvas canvas")).to_be_visible()  # drawing is still the mode
    expect(fresh.locator(".st-key-layers [aria-pressed=true]")).to_have_text(["Clusters", "Prior", "Density"])
    wait_until(lambda: fingerprint(fresh, UNDER) == fingerprint(page, UNDER) != 0, "the same density", 20)
    assert fresh.faults == []


def test_a_stroke_can_be_taken_back(page, address):
    page.goto(f"{address}/?run=mnist&original=draw")
    wait_for_plane(page)
    canvas = page.locator(".st-key-own_canvas canvas")
    draw(page, SEVEN[:3])
    one = rgba(canvas)
    expect(page).to_have_url(re.compile("own="))
    draw(page, SEVEN[3:])
    assert (rgba(canvas) != one).any()
    page.locator(".st-key-own_canvas .undo").click()
    assert (rgba(canvas) == one).all()
    page.locator(".st-key-own_canvas .clear").click()
    assert not rgba(canvas)[..., :3].any()


def test_an_upload_that_is_no_picture_is_one_sentence_and_the_page_goes_on(page, address, runs):
    page.goto(f"{address}/?run=mnist&original=upload&layers=manifold")
    wait_for_plane(page)
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "seven.png", "mimeType": "image/png", "buffer": b"a sentence, not a picture"})
    expect(page.locator(".stAlert")).to_contain_text("The file is no picture that can be read")
    assert page.locator(".stAlert").count() == 1
    before = source(page)
    click_plane(page, 1.0, 1.0)
    expect_another_image(page, before)

    picture = io.BytesIO()
    paper = Image.new("L", (200, 200), 255)
    paper.paste(0, (90, 40, 110, 160))  # dark ink: a one
    paper.save(picture, "PNG")
    upload.set_input_files({"name": "one.png", "mimeType": "image/png", "buffer": picture.getvalue()})
    expect(page).to_have_url(re.compile("own="))
    expect(page.locator(".stAlert")).to_have_count(0)
    assert (grey(page, ".original-image img").reshape(28, 28)[4:24, 12:16] > 128).sum() > 30


def photograph() -> bytes:
    """A 1 and a 7 on a sheet that lies on a dark table."""
    picture = Image.new("L", (400, 300), 60)
    picture.paste(200, (40, 30, 360, 270))
    picture.paste(80, (186, 90, 198, 210))
    pen = ImageDraw.Draw(picture)
    pen.line([(220, 95), (285, 95), (245, 210)], 80, width=12, joint="curve")
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def outlined(page: Page) -> tuple[int, int]:
    """The first and the last column in which something is outlined, in percent of the picture's width."""
    line = rgba(page.locator(".st-key-own_picture img.outline"))[..., 3]
    columns = np.flatnonzero(line.any(0))
    return round(100 * columns[0] / line.shape[1]), round(100 * columns[-1] / line.shape[1])


def test_what_was_found_in_an_upload_is_outlined_cropped_inverted_and_kept_across_pages(page, address):
    page.goto(f"{address}/?run=mnist&original=upload&layers=manifold")
    wait_for_plane(page)
    upload = {"name": "table.png", "mimeType": "image/png", "buffer": photograph()}
    page.locator("input[type=file]").set_input_files(upload)
    stage = page.locator(".st-key-own_picture .stage")
    expect(stage).to_be_visible()
    expect(page).to_have_url(re.compile("own="))
    wait_until(lambda: 44 < outlined(page)[0] < 48, "an outline around both", 60)
    found = query(page)["own"]

    box = stage.bounding_box()
    page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.15 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + 0.85 * box["height"], steps=5)
    page.mouse.up()
    wait_until(lambda: outlined(page)[0] > 52, "the 7 alone", 60)
    wait_until(lambda: query(page)["own"] != found, "the 7's image", 60)
    seven = query(page)["own"]
    assert outlined(page)[1] < 75

    page.get_by_role("link", name="ELBO").first.click()
    expect(page).to_have_url(re.compile("/elbo"))
    page.get_by_role("link", name="Explore").first.click()
    wait_for_plane(page)
    expect(stage).to_be_visible()
    assert query(page)["own"] == seven and outlined(page)[0] > 52

    page.locator(".st-key-own_picture .invert").click()  # nothing there is lighter than the paper
    expect(page.locator(".stAlert")).to_contain_text("Nothing stands out")
    expect(page.locator(".st-key-own_picture .invert")).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: "own" not in query(page), "no image of one's own after the refusal", 20)
    expect(page.locator("table.terms")).to_have_count(0)
    page.locator(".st-key-own_picture .invert").click()
    expect(page.locator(".stAlert")).to_have_count(0)
    expect(page.locator(".st-key-own_picture .invert")).to_have_attribute("aria-pressed", "false")
    page.locator(".st-key-own_picture .whole").click()
    wait_until(lambda: query(page)["own"] == found, "all of it again", 60)
    expect(page.locator(".st-key-own_picture .whole")).to_be_disabled()
    stage.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-own_picture .whole")).to_be_enabled()


# The road


@pytest.fixture
def road(page: Page, address: str) -> Iterator[Locator]:
    """The road from one pinned point to another, made by its buttons."""
    page.goto(f"{address}/?run=mnist&z=-1.5,1&layers=manifold")
    wait_for_plane(page)
    page.get_by_role("button", name="Set A", exact=True).click()
    expect(page).to_have_url(re.compile(r"a=-1\.5000%2C1\.0000"))
    before = source(page)
    click_plane(page, 1.4, -0.6)
    expect_another_image(page, before)
    page.get_by_role("button", name="Set B", exact=True).click()
    expect(page).to_have_url(re.compile(r"b=1\.\d+%2C-0\.\d+"))
    player = page.locator(".st-key-road_player")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    yield player


def test_the_road_plays_what_the_decoder_draws_on_the_line_and_marks_the_place(page, road, runs):
    start, end = ([float(value) for value in query(page)[name].split(",")] for name in "ab")
    canvas, slider = road.locator("canvas").first, road.locator("input")
    wait_until(lambda: (frame(canvas) == decoded(runs / "mnist", start)).all(), "the picture of A", 20)
    road.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.vaeLens.state.traveller?.[0] > 0")
    road.get_by_role("button", name="Pause").click()
    marks = fingerprint(page, OVER)
    share = int(slider.input_value()) / int(slider.get_attribute("max"))
    z = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
    assert 0 < share < 1
    assert abs(frame(canvas) - decoded(runs / "mnist", z)).max() <= 1
    assert page.evaluate("window.vaeLens.state.traveller") == pytest.approx(z, abs=1e-4)
    expect(page.locator(".lens .what")).to_have_text("on the road from A to B")
    road.get_by_role("button", name="Play").click()
    wait_until(lambda: fingerprint(page, OVER) != marks, "the travelling mark", 20)


def frame(canvas: Locator) -> np.ndarray:
    return rgba(canvas)[..., 0].flatten().astype(int)


def test_the_road_is_saved_as_pictures(page, road):
    with Image.open(io.BytesIO(download(page, "road_gif"))) as moving:
        assert moving.format == "GIF" and moving.n_frames > 2
    with Image.open(io.BytesIO(download(page, "road_png"))) as still:
        assert still.format == "PNG" and still.width > still.height


def download(page: Page, key: str) -> bytes:
    with page.expect_download() as caught:
        page.locator(f".st-key-{key}").get_by_role("button").click()
    return caught.value.path().read_bytes()


def test_manifold_codes_and_pinned_image_can_be_taken_home(page, address):
    page.goto(f"{address}/?run=digits&cells=6")
    wait_for_plane(page)
    with Image.open(io.BytesIO(download(page, "get_manifold"))) as manifold:
        assert manifold.size == (6 * 28, 6 * 28)
    with Image.open(io.BytesIO(download(page, "get_pinned"))) as pinned:
        assert pinned.size == (560, 560)
    lines = download(page, "get_codes").decode().splitlines()
    assert lines[0].startswith("image,class,mean_1,mean_2,sigma_1") and len(lines) > 300


# The hall


def test_the_key_p_and_the_address_present(page, new_context, address):
    page.goto(f"{address}/?run=mnist&z=0.5,0.5")
    wait_for_plane(page)
    size = font_size(page)
    expect(page.get_by_role("link", name="Train")).to_be_visible()
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("mode=present"))
    wait_until(lambda: font_size(page) > size, "larger type", 20)
    expect(page.locator(".st-key-say .lead")).to_be_hidden()
    expect(page.get_by_role("link", name="Train")).to_be_visible()  # a slim menu stays
    fresh = new_page(new_context())
    fresh.goto(page.url)
    wait_for_plane(fresh)
    assert font_size(fresh) == font_size(page)
    assert query(fresh) == query(page) and query(fresh)["z"] == "0.5000,0.5000"
    fresh.keyboard.press("p")
    expect(fresh.locator(".st-key-say .lead")).to_be_visible()
    expect(fresh).not_to_have_url(re.compile("mode=present"))
    assert fresh.faults == []


def font_size(page: Page) -> float:
    return page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")


def test_the_other_theme_keeps_the_view(page, address):
    page.goto(f"{address}/?run=mnist&z=0.5,0.5&layers=manifold")
    wait_for_plane(page)
    seen, light = query(page), lightness(page)
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Light")).to_be_visible()
    wait_for_plane(page)
    assert lightness(page) < 128 < light
    assert {name: value for name, value in query(page).items() if name != "embed_options"} == seen
    page.get_by_role("button", name="Light").click()
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    assert lightness(page) == light


def lightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_cells_are_buttons_for_those_who_use_no_pointer(page, address, runs):
    page.goto(f"{address}/?run=mnist&buttons=on")
    wait_for_plane(page)
    cell = page.locator(".st-key-cell_60 button")
    before = source(page)
    cell.focus()
    page.keyboard.press("Enter")
    expect_another_image(page, before)
    wait_until(lambda: (grey(page, IMAGE) == decoded(runs / "mnist", pinned_z(page))).all(), "that cell's image", 20)
    assert any(pinned_z(page))
