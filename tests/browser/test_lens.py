"""The plane under a visitor's hands: the lens follows, a click pins, layers come and go. Pointer, keys and fingers are real."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import CDPSession, Page, expect

from benchmarks.browser import click_plane, on_screen, wait_for_plane
from tests.browser.screen import (
    GRAPH,
    IMAGE,
    LENS,
    OVER,
    UNDER,
    click_code,
    count_messages,
    decoded,
    expect_another_image,
    expect_lens,
    expect_pin,
    fingerprint,
    grey,
    new_page,
    pinned_z,
    pixels_per_unit,
    place_under,
    point_at,
    query,
    settle,
    snapshot_of,
    source,
    white_box,
    x_range,
    zoom,
)
from tests.conftest import wait_until
from vae.latent.plane import plane_of_axes

PLACES = ((0.0, 0.0), (1.37, -0.62), (-2.05, 1.9), (0.4, 2.6), (-0.3, -0.8))


# The lens


def test_the_lens_shows_what_lies_under_the_pointer_also_after_zoom_and_pan(page, address, runs):
    page.goto(address)
    wait_for_plane(page)
    for place in PLACES:
        expect_lens(page, decoded(runs / "mnist", point_at(page, *place)))
    different = np.abs(decoded(runs / "mnist", list(PLACES[1])) - decoded(runs / "mnist", list(PLACES[2])))
    assert different.mean() > 0.05 * 255  # so `expect_lens` can tell one place from another

    zoom(page, 1.0, 1.0, until=2)
    expect_lens(page, decoded(runs / "mnist", point_at(page, 1.1, 0.8)))
    drag(page, (1.1, 0.8), (80, -60))
    settle(page)
    middle = sum(x_range(page)) / 2
    expect_lens(page, decoded(runs / "mnist", point_at(page, middle, 0.7)))


def test_moving_sends_nothing_and_leaving_brings_the_pinned_image_back(page, address, runs):
    messages = count_messages(page)
    page.goto(f"{address}/?run=mnist&z=1.5,0.5")
    wait_for_plane(page)
    settle(page)
    before = len(messages)
    assert before  # the page was heard when it opened
    for place in PLACES * 4:
        point_at(page, *place)
    expect_lens(page, decoded(runs / "mnist", list(PLACES[-1])))
    assert messages[before:] == []
    page.mouse.move(5, 5)
    pinned = decoded(runs / "mnist", [1.5, 0.5])
    wait_until(lambda: (grey(page, LENS) == pinned).all(), "the pinned image in the lens", 20)


def test_the_lens_draws_nothing_that_was_not_decoded(page, address):
    page.goto(address)
    wait_for_plane(page)
    extent = page.evaluate("window.vaeLens.state.atlas.extent")
    drag(page, (extent - 1, 0), (-300, 0))
    settle(page)
    point_at(page, extent + 0.5, 0)
    expect(page.locator(".st-key-lens .what")).to_have_text(re.compile("beyond the atlas"))
    assert not grey(page, LENS).any()


def drag(page: Page, start: tuple[float, float], by: tuple[int, int]) -> None:
    """Press at axis coordinates, move by so many pixels, and let go."""
    x, y = on_screen(page, *start)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0], y + by[1], steps=6)
    page.mouse.up()


# Pinning


def test_a_click_pins_exactly_the_z_under_it(page, address, runs):
    page.goto(f"{address}/?run=mnist&layers=manifold")
    wait_for_plane(page)
    before, pixel = source(page), on_screen(page, 0.7, -1.3)
    z = place_under(page, *pixel)
    page.mouse.click(*pixel)
    expect_another_image(page, before)
    expect_pin(page, z)
    assert (grey(page, IMAGE) == decoded(runs / "mnist", pinned_z(page))).all()
    assert white_box_middle(page) == pytest.approx(z, abs=0.02)


def test_a_click_means_the_same_after_zoom_and_on_quantile_axes(page, address):
    page.goto(f"{address}/?run=mnist&layers=manifold")
    wait_for_plane(page)
    zoom(page, 1.3, 1.3, until=3)
    pixel = on_screen(page, 1.25, 1.35)
    z = place_under(page, *pixel)
    page.mouse.click(*pixel)
    expect_pin(page, z)

    page.get_by_role("button", name="Plane", exact=False).first.click()
    page.get_by_text("The prior's quantiles").click()
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => {GRAPH}._fullLayout.xaxis.range.join() === '0,1'")
    expect(page).to_have_url(re.compile("scale=quantile"))
    wait_for_plane(page)
    settle(page)
    pixel = on_screen(page, 0.025, 0.975)
    z = torch.special.ndtri(torch.tensor(place_under(page, *pixel), dtype=torch.float64)).tolist()
    page.mouse.click(*pixel)
    expect_pin(page, z, 2e-4)
    assert z == pytest.approx([-1.96, 1.96], abs=0.05)


def test_a_click_on_a_code_pins_its_image(page, address, runs):
    page.goto(address)
    wait_for_plane(page)
    probe = click_code(page, runs / "mnist", 7)
    posterior = snapshot_of(runs / "mnist").codes.posterior
    z = posterior.mean[probe].tolist()
    assert z == pytest.approx(posterior.mean[7].tolist(), abs=0.05)  # number 7, or one on top of it
    expect_pin(page, z)
    assert (grey(page, IMAGE) == decoded(runs / "mnist", z)).all()
    deviation = posterior.standard_deviation[probe]
    expect(page.locator(".moments")).to_contain_text(f"sigma ({deviation[0]:.3f}, {deviation[1]:.3f})")
    expect(page.locator(".terms")).to_contain_text("ELBO")
    expect(page.locator(".st-key-before")).to_contain_text("python -m vae download mnist")


def test_without_the_layer_of_clusters_a_click_in_a_cluster_pins_the_place(page, address, runs):
    page.goto(f"{address}/?run=mnist&layers=prior")
    wait_for_plane(page)
    before, pixel = source(page), on_screen(page, *snapshot_of(runs / "mnist").codes.posterior.mean[7].tolist())
    z = place_under(page, *pixel)
    page.mouse.click(*pixel)
    expect_another_image(page, before)
    expect_pin(page, z)
    assert "image" not in query(page)


def test_a_drag_is_a_pan_and_pins_nothing(page, address):
    messages = count_messages(page)
    page.goto(address)
    wait_for_plane(page)
    settle(page)
    before, url, sent = source(page), page.url, len(messages)
    drag(page, (-1, 1), (60, 40))
    page.wait_for_function(f"() => {GRAPH}._fullLayout.xaxis.range.reduce((a, b) => a + Number(b), 0) < -0.2")
    settle(page)
    assert (source(page), page.url, messages[sent:]) == (before, url, [])


def test_a_link_to_an_image_marks_its_code(page, address, runs):
    page.goto(f"{address}/?run=mnist&image=15&layers=none")
    wait_for_plane(page)
    z = snapshot_of(runs / "mnist").codes.posterior.mean[15].tolist()
    expect(page).to_have_url(re.compile(f"z={z[0]:.4f}%2C{z[1]:.4f}&image=15"))
    assert white_box_middle(page) == pytest.approx(z, abs=0.03)


def white_box_middle(page: Page) -> list[float]:
    """Axis coordinates of the middle of the marks on the plane."""
    left, top, right, bottom = white_box(page)
    return page.evaluate(
        f"([x, y]) => {{ const {{ xaxis, yaxis }} = {GRAPH}._fullLayout; return [xaxis.p2d(x), yaxis.p2d(y)]; }}",
        [(left + right) / 2, (top + bottom) / 2],
    )


# Keys and fingers


def test_arrow_keys_move_the_lens_enter_pins_and_escape_goes_back(page, address, runs):
    page.goto(f"{address}/?run=mnist&z=0.5,0.25&layers=manifold")
    wait_for_plane(page)
    page.locator(".st-key-plane").focus()
    low, high = x_range(page)
    step = (high - low) / 60
    marks = fingerprint(page, OVER)
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    z = [0.5 + 6 * step, 0.25 - step]
    expect_lens(page, decoded(runs / "mnist", z))
    assert fingerprint(page, OVER) != marks  # the lens's own mark

    page.keyboard.press("Escape")
    assert fingerprint(page, OVER) == marks
    assert (grey(page, LENS) == decoded(runs / "mnist", [0.5, 0.25])).all()
    assert pinned_z(page) == [0.5, 0.25]

    for key in ["ArrowRight"] * 6 + ["ArrowDown"]:
        page.keyboard.press(key)
    before = source(page)
    page.keyboard.press("Enter")
    expect_another_image(page, before)
    expect_pin(page, z)
    assert (grey(page, IMAGE) == decoded(runs / "mnist", pinned_z(page))).all()


def test_a_tap_pins_and_a_finger_moves_the_lens_without_a_pan(new_context, address, runs):
    context = new_context(has_touch=True, viewport={"width": 1180, "height": 820})
    page = new_page(context)
    page.goto(f"{address}/?run=mnist&layers=manifold")
    wait_for_plane(page)
    finger = context.new_cdp_session(page)
    before, seen = source(page), x_range(page)

    start, end = on_screen(page, -1, 1), on_screen(page, 0.8, -0.9)
    touch(finger, "touchStart", start)
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        touch(finger, "touchMove", tuple(round(a + share * (b - a)) for a, b in zip(start, end, strict=True)))
    expect_lens(page, decoded(runs / "mnist", place_under(page, *end)))
    touch(finger, "touchEnd")
    settle(page)
    expect_lens(page, decoded(runs / "mnist", place_under(page, *end)))  # it stays when the finger is lifted
    assert (x_range(page), source(page)) == (seen, before)

    pixel = on_screen(page, 1.4, 0.3)
    z = place_under(page, *pixel)
    touch(finger, "touchStart", pixel)
    touch(finger, "touchEnd")
    expect_another_image(page, before)
    expect_pin(page, z)
    expect_lens(page, decoded(runs / "mnist", z))
    expect(page.locator(".st-key-lens")).to_contain_text("pinned")  # the finger is nowhere
    field = page.get_by_label("z1")
    field.fill("-0.5")
    field.press("Enter")
    expect_lens(page, decoded(runs / "mnist", [-0.5, float(page.get_by_label("z2").input_value())]))
    assert page.faults == []


def touch(finger: CDPSession, kind: str, pixel: tuple[int, int] | None = None) -> None:
    """One finger."""
    points = [] if pixel is None else [{"x": pixel[0], "y": pixel[1]}]
    finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


# Layers


def test_each_layer_changes_what_it_is_drawn_on_and_the_address(page, address):
    page.goto(f"{address}/?run=mnist&layers=none")
    wait_for_plane(page)
    empty = {canvas: fingerprint(page, canvas) for canvas in (UNDER, OVER)}
    for name, canvas in {"Manifold": UNDER, "Density": UNDER, "Change": UNDER, "Prior": OVER}.items():
        switch(page, name)
        expect(page).to_have_url(re.compile(f"layers={name.lower()}(&|$)"))
        wait_until(lambda canvas=canvas: fingerprint(page, canvas) != empty[canvas], f"the layer {name}", 30)
        other = OVER if canvas == UNDER else UNDER
        assert fingerprint(page, other) == empty[other], name
        expect(page.locator(".st-key-sentences")).to_contain_text(name)
        switch(page, name)
        wait_until(lambda canvas=canvas: fingerprint(page, canvas) == empty[canvas], f"the end of the layer {name}", 30)
    codes = page.locator(".st-key-plane .gl-container canvas").first
    expect(codes).to_be_hidden()
    switch(page, "Clusters")
    expect(codes).to_be_visible()
    expect(page).to_have_url(re.compile("layers=clusters"))


def switch(page: Page, layer: str) -> None:
    page.locator(".st-key-layers").get_by_role("button", name=layer).click()


def test_the_legend_takes_a_class_and_its_name_off_the_plane(page, address):
    page.goto(address)
    wait_for_plane(page)
    page.locator(".st-key-plane .legendtoggle").nth(1).click()
    page.wait_for_function(f"() => {GRAPH}._fullData[1].visible === 'legendonly'")
    expect(page.locator('.st-key-plane .annotation[data-index="1"]')).to_be_hidden()
    expect(page.locator('.st-key-plane .annotation[data-index="0"]')).to_be_visible()


def test_the_posterior_is_drawn_at_the_axes_true_scale(page, address, runs):
    page.goto(f"{address}/?run=mnist&layers=clusters")
    wait_for_plane(page)
    probe = click_code(page, runs / "mnist", 15)
    posterior = snapshot_of(runs / "mnist").codes.posterior
    sigma = posterior.standard_deviation[probe]
    zoom(page, *posterior.mean[probe].tolist(), until=12 * sigma.max().item())
    left, top, right, bottom = white_box(page)
    across, up = pixels_per_unit(page)
    line = 2
    assert right - left > 100  # the ellipse, and not the ring around the pinned point
    assert right - left == pytest.approx(4 * sigma[0].item() * across + line, abs=3)  # from -2 sigma to 2 sigma
    assert bottom - top == pytest.approx(4 * sigma[1].item() * up + line, abs=3)


# A latent space of eight dimensions


def test_the_lens_on_a_slice_decodes_that_very_vector(page, address, runs):
    run = runs / "mnist-8d"
    page.goto(f"{address}/?run=mnist-8d")
    wait_for_plane(page)
    assert pinned_z(page) == [0.0] * 8
    expect_lens(page, decoded(run, vector(point_at(page, 1.2, -0.7), [0.0] * 8)))
    first = page.evaluate("window.vaeLens.state.atlas.id")

    click_code(page, run, 3)
    page.wait_for_function("(before) => window.vaeLens.state.atlas && window.vaeLens.state.atlas.id !== before", arg=first)
    through = snapshot_of(run).codes.posterior.mean[int(query(page)["image"])].tolist()
    assert pinned_z(page) == pytest.approx(through, abs=1e-4)
    for place in ((-0.9, 1.1), (0.8, 0.3)):
        z = vector(point_at(page, *place), through)
        assert z[2:] == pytest.approx(through[2:]) and any(z[2:])
        expect_lens(page, decoded(run, z))


def vector(place: list[float], through: list[float]) -> list[float]:
    """z at a place of the slice through a point."""
    return plane_of_axes(8).points(torch.tensor([place]), torch.tensor(through))[0].tolist()


# Coming and going

COUNT_EARS = """
window.ears = {};
for (const [name, by] of [['addEventListener', 1], ['removeEventListener', -1]]) {
    const original = window[name].bind(window);
    window[name] = (type, ...rest) => {
        window.ears[type] = (window.ears[type] ?? 0) + by;
        return original(type, ...rest);
    };
}
"""
TYPES = ("pointermove", "pointerdown", "pointerup", "keydown", "touchstart", "vae-travel")


def test_coming_back_leaves_one_set_of_listeners_and_a_lens_that_works(page, address, runs):
    page.add_init_script(COUNT_EARS)
    messages = count_messages(page)
    page.goto(f"{address}/?run=mnist&layers=manifold")
    wait_for_plane(page)
    first = ears(page)
    assert first["vae-travel"] == 1
    for _ in range(3):
        page.get_by_role("link", name="Train").click()
        expect(page.get_by_role("button", name="Start training")).to_be_visible()
        wait_until(lambda: ears(page)["vae-travel"] == 0, "the end of the lens", 20)
        assert page.evaluate("window.vaeLens === undefined")  # whose atlas is large
        page.get_by_role("link", name="Explore").click()
        expect(page.locator(LENS)).to_be_visible()
        wait_for_plane(page)
        wait_until(lambda: ears(page) == first, f"one set of listeners, {first}, not {ears(page)}", 20)
    expect_lens(page, decoded(runs / "mnist", point_at(page, 1.37, -0.62)))
    settle(page)
    before, sent = source(page), len(messages)
    click_plane(page, -1.0, 0.5)
    expect_another_image(page, before)
    settle(page)
    assert len(messages) - sent == 1


def ears(page: Page) -> dict[str, int]:
    return page.evaluate("(types) => Object.fromEntries(types.map((type) => [type, window.ears[type] ?? 0]))", list(TYPES))
