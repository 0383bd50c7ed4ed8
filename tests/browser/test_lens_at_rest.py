"""What the lens says stays true while the pointer rests, where the server is silent, and when the pointer is gone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, Route, WebSocketRoute, expect

import vae
from benchmarks.browser import on_screen, wait_for_plane
from tests.browser.screen import (
    GRAPH,
    LENS,
    OVER,
    UNDER,
    click_code,
    decoded,
    expect_another_image,
    expect_lens,
    expect_pin,
    grey,
    place_under,
    point_at,
    query,
    rgba,
    settle,
    snapshot_of,
    source,
    x_range,
    zoom,
)
from tests.conftest import wait_until
from vae.latent.plane import plane_of_axes

ATLAS = re.compile(r"/media/.*\.jpe?g")
WHERE, WHAT = ".st-key-lens .where", ".st-key-lens .what"


# A resting pointer


def test_a_new_slice_shows_under_a_pointer_that_rests(page, address, runs):
    run = runs / "mnist-8d"
    page.goto(f"{address}/?run=mnist-8d")
    wait_for_plane(page)
    first = page.evaluate("window.vaeLens.state.atlas.id")
    codes = snapshot_of(run).codes.posterior.mean
    pixel = on_screen(page, *codes[3, :2].tolist())
    through = codes[click_code(page, run, 3)]
    page.wait_for_function("(first) => window.vaeLens.state.atlas && window.vaeLens.state.atlas.id !== first", arg=first)
    z = plane_of_axes(8).points(torch.tensor([place_under(page, *pixel)]), through)[0]
    expect_lens(page, decoded(run, z.tolist()))
    expect(page.locator(WHAT)).to_have_text("under the pointer")


def test_a_pointer_that_waits_for_the_first_atlas_sees_through_it_at_once(page, address, runs):
    held: list[Route] = []
    page.route(ATLAS, lambda route: held.append(route))
    page.goto(f"{address}/?run=mnist")
    page.wait_for_function("window.vaeLens?.view")
    settle(page)
    place = point_at(page, 1.2, -0.7)
    expect(page.locator(WHAT)).to_have_text("the lens is on its way")
    wait_until(lambda: pump(page) and held, "the atlas's request")
    for route in held:
        route.continue_()
    page.unroute(ATLAS)
    expect(page.locator(WHAT)).to_have_text("under the pointer")
    expect_lens(page, decoded(runs / "mnist", place))


def pump(page: Page) -> bool:
    """Let what the page asks for come in."""
    page.wait_for_timeout(50)
    return True


def test_a_double_click_shows_what_lies_under_the_pointer_by_then(page, address, runs):
    page.goto(f"{address}/?run=mnist&layers=manifold")
    wait_for_plane(page)
    whole = x_range(page)
    zoom(page, 1.0, 1.0, until=3)
    pixel = on_screen(page, 0.6, 0.4)
    page.mouse.dblclick(*pixel)
    wait_until(lambda: x_range(page) == whole, "the whole plane", 20)
    settle(page)
    z = place_under(page, *pixel)
    assert abs(z[0] - 0.6) > 0.5  # another place than the one that was clicked
    expect(page.locator(WHAT)).to_have_text("under the pointer")
    expect_lens(page, decoded(runs / "mnist", z))


def test_presenting_moves_the_plane_and_not_the_truth(page, address, runs):
    page.goto(f"{address}/?run=mnist")
    wait_for_plane(page)
    pixel = on_screen(page, -1.0, 0.8)
    page.mouse.move(*pixel)
    before = place_under(page, *pixel)
    page.keyboard.press("p")
    wait_until(lambda: place_under(page, *pixel) != pytest.approx(before, abs=0.02), "a plane of another size", 20)
    settle(page)
    expect_lens(page, decoded(runs / "mnist", place_under(page, *pixel)))


def test_zooming_moves_the_old_slice_until_the_next_is_there(page, address, runs):
    page.goto(f"{address}/?run=mnist-8d&layers=clusters,manifold")
    wait_for_plane(page)
    held: list[Route] = []
    page.route(ATLAS, lambda route: held.append(route))
    click_code(page, runs / "mnist-8d", 3)
    page.wait_for_function("!window.vaeLens.state.atlas")
    wait_until(lambda: pump(page) and held, "the next atlas's request")
    before = rgba(page.locator(UNDER))
    assert before.any()
    zoom(page, 1.0, 1.0, until=3)
    assert (rgba(page.locator(UNDER)) != before).mean() > 0.05
    for route in held:
        route.continue_()
    page.unroute(ATLAS)
    wait_for_plane(page)


# A silent server


class Wire:
    """The websocket of a page, on which what the page says can be lost."""

    def __init__(self, page: Page) -> None:
        self.cut = False
        page.route_web_socket(re.compile("_stcore/stream"), self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: None if self.cut else server.send(message))


def test_a_click_that_is_not_answered_leaves_the_pinned_image_with_its_own_z(page, address, runs):
    wire = Wire(page)
    page.goto(f"{address}/?run=mnist&z=0.5,0.25&layers=manifold")
    wait_for_plane(page)
    before = middle_of_ring(page)
    wire.cut = True
    pixel = on_screen(page, -1.2, 0.9)
    page.mouse.click(*pixel)
    assert middle_of_ring(page) == pytest.approx(place_under(page, *pixel), abs=0.03)  # the mark answers at once
    page.mouse.move(5, 5)
    pinned = decoded(runs / "mnist", [0.5, 0.25])
    wait_until(lambda: (grey(page, LENS) == pinned).all(), "the pinned image in the lens", 20)
    assert "0.50" in page.locator(WHERE).inner_text() and "0.25" in page.locator(WHERE).inner_text()
    expect(page.locator(WHAT)).to_have_text("the server did not answer: click again")
    assert middle_of_ring(page) == pytest.approx(before, abs=0.01)

    wire.cut = False
    seen, pixel = source(page), on_screen(page, -0.9, 1.1)
    page.mouse.click(*pixel)
    page.mouse.move(5, 5)
    expect_another_image(page, seen)
    expect_pin(page, place_under(page, *pixel))
    expect(page.locator(WHAT)).to_have_text("pinned")
    page.wait_for_timeout(5500)
    expect(page.locator(WHAT)).to_have_text("pinned")


def middle_of_ring(page: Page) -> list[float]:
    """Axis coordinates of the middle of the ring around the pinned point."""
    marks = (rgba(page.locator(OVER)) > 200).all(2).nonzero()
    down, across = ((axis.min() + axis.max() + 1) / 2 for axis in marks)
    return page.evaluate(
        f"([x, y]) => {{ const {{ xaxis, yaxis }} = {GRAPH}._fullLayout; return [xaxis.p2d(x), yaxis.p2d(y)]; }}",
        [float(across), float(down)],
    )


def test_the_same_click_twice_is_answered_twice(page, address, runs):
    page.goto(f"{address}/?run=mnist")
    wait_for_plane(page)
    probe = click_code(page, runs / "mnist", 7)
    settle(page)
    page.mouse.click(*on_screen(page, *snapshot_of(runs / "mnist").codes.posterior.mean[probe].tolist()))
    page.mouse.move(5, 5)
    page.wait_for_timeout(6000)
    expect(page.locator(WHAT)).to_have_text("pinned: the reconstruction")
    assert query(page)["image"] == str(probe)


# A pointer that is gone


def test_a_mouse_that_leaves_the_window_from_the_plane_brings_the_pinned_image_back(page, address):
    page.goto(f"{address}/?run=mnist&z=1.5,0.5")
    wait_for_plane(page)
    mouse = page.context.new_cdp_session(page)
    point_at(page, -1, 1)
    expect(page.locator(WHAT)).to_have_text("under the pointer")
    mouse.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 700, "y": -40})
    expect(page.locator(WHAT)).to_have_text("pinned")


def test_a_pen_that_is_lifted_is_nowhere(page, address):
    page.goto(f"{address}/?run=mnist&z=1.5,0.5")
    wait_for_plane(page)
    pen = page.context.new_cdp_session(page)
    (x, y), (left, top) = on_screen(page, -1, 1), on_screen(page, -0.4, 0.4)
    words = {"pointerType": "pen", "button": "left", "clickCount": 1}
    pen.send("Input.dispatchMouseEvent", {"type": "mousePressed", "x": x, "y": y, "buttons": 1} | words)
    pen.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": left, "y": top, "buttons": 1} | words)
    pen.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": left, "y": top, "buttons": 0} | words)
    page.get_by_label("z1").fill("-0.5")
    page.get_by_label("z1").press("Enter")
    expect(page.locator(WHAT)).to_have_text("pinned")


# A screen of other pixels, a plane without a lens, and whoever listens


def test_a_screen_of_finer_pixels_has_the_layers_drawn_anew(page, address):
    page.goto(f"{address}/?run=mnist&layers=manifold")
    wait_for_plane(page)
    before = rgba(page.locator(UNDER)).shape
    screen = page.context.new_cdp_session(page)
    size = page.viewport_size
    screen.send("Emulation.setDeviceMetricsOverride", size | {"deviceScaleFactor": 2, "mobile": False})
    wait_until(lambda: rgba(page.locator(UNDER)).shape[0] == pytest.approx(2 * before[0], abs=2), "finer layers", 20)
    assert rgba(page.locator(UNDER)).any()


def test_a_plane_without_a_lens_says_so(page, address, runs):
    broken = Path(shutil.copytree(runs / "digits", runs / "broken"))
    try:
        run = vae.load_run(broken)
        with torch.no_grad():
            for layer in run.model.decoder.modules():
                if isinstance(layer, torch.nn.Linear):  # infinity minus infinity all over the plane
                    layer.weight.fill_(3e38)
                    layer.weight[:, ::2] *= -1
        run.folder.write_model(run.model, run.step)
        page.goto(f"{address}/?run=broken")
        expect(page.get_by_text("there is no lens; train it anew")).to_be_visible()
        page.wait_for_function("window.vaeLens?.view && !window.vaeLens.expected")
        point_at(page, 1.0, 0.5)
        expect(page.locator(WHAT)).to_have_text("there is no lens on this plane")
    finally:
        shutil.rmtree(broken)


def test_keys_and_pins_are_told_and_mere_moves_are_not(page, address):
    page.goto(f"{address}/?run=mnist&z=0.5,0.25")
    wait_for_plane(page)
    said = page.locator(".st-key-lens [aria-live]")
    point_at(page, -1, 1)
    expect(page.locator(WHAT)).to_have_text("under the pointer")
    expect(said).to_have_text("")
    page.locator(".st-key-plane").focus()
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile(r"z = \(.*\), under the arrow keys"))
    page.keyboard.press("Enter")
    expect(said).to_have_text(re.compile(r"z = \(.*\), pinned"))
