"""Explore in a browser: originals beside the lens, thumbnails, names beside the pin."""

from playwright.sync_api import expect

from benchmarks.browser import wait_for_plane
from tests.browser.screen import GRAPH, expect_pin, point_at, rgba, snapshot_of, zoom
from tests.conftest import wait_until

NAMES = """() => [...document.querySelectorAll('.st-key-plane .annotation')].map((name) => {
    const { left, right, top, bottom } = name.getBoundingClientRect();
    return [left, right, top, bottom];
})"""


def test_a_dots_original_stands_beside_the_lens_and_dots_become_pictures(page, address, runs, digits):
    page.goto(f"{address}/?run=digits")
    wait_for_plane(page)
    wait_until(lambda: page.evaluate("window.vaeLens.originals?.count > 0"), "the originals", 20)
    place = snapshot_of(runs / "digits").codes.posterior.mean[3].tolist()
    point_at(page, *place)
    caption = page.locator(".st-key-lens figcaption")
    expect(caption).to_be_visible()
    number = int(caption.inner_text().removeprefix("image ").replace(",", ""))
    shown = rgba(page.locator(".st-key-lens .original"))[..., 0]
    assert (shown == digits.held_out.images[number, 0].numpy()).all()

    zoom(page, *place, until=1.0)
    wait_until(lambda: page.evaluate("window.vaeLens.thumbnails"), "thumbnails", 20)


def test_the_pin_hides_no_name(page, address):
    page.goto(f"{address}/?run=mnist")
    wait_for_plane(page)
    x, y = page.evaluate(f"(({{ x, y }}) => [x, y])({GRAPH}._fullLayout.annotations[1])")
    page.goto(f"{address}/?run=mnist&z={x:.4f},{y:.4f}")
    wait_for_plane(page)
    expect_pin(page, [x, y])
    ring = page.evaluate(
        f"""([x, y]) => {{ const corner = {GRAPH}.getBoundingClientRect(), {{ xaxis, yaxis }} = {GRAPH}._fullLayout;
            return [corner.left + xaxis._offset + xaxis.d2p(x), corner.top + yaxis._offset + yaxis.d2p(y)]; }}""",
        [x, y],
    )

    def is_free() -> bool:
        names = page.evaluate(NAMES)
        over = [n for n in names if n[0] - 10 < ring[0] < n[1] + 10 and n[2] - 10 < ring[1] < n[3] + 10]
        return len(names) >= 10 and not over

    wait_until(is_free, "names beside the pin", 20)
