"""What the browser tests read from the screen, and what it should have been."""

from __future__ import annotations

import base64
import io
import re
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

import vae
from benchmarks.browser import click_plane, on_screen
from tests.conftest import wait_until
from vae.runs.snapshots import Snapshot

IMAGE = ".pinned-image img"
LENS = ".st-key-lens canvas.decoded"
UNDER, OVER = ".st-key-plane canvas.lens-under", ".st-key-plane canvas.lens-over"
GRAPH = "document.querySelector('.st-key-plane .js-plotly-plot')"

PICTURE = """(picture) => {
    const canvas = document.createElement('canvas');
    canvas.width = picture.naturalWidth ?? picture.width;
    canvas.height = picture.naturalHeight ?? picture.height;
    canvas.getContext('2d').drawImage(picture, 0, 0);
    return canvas.toDataURL();
}"""


def new_page(context: BrowserContext) -> Page:
    """A page whose `faults` are what it asked for outside of this machine, and what it threw."""
    page = context.new_page()
    page.faults = []
    page.on("request", lambda request: None if _is_local(request.url) else page.faults.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    return page


def _is_local(url: str) -> bool:
    return re.match(r"(https?|wss?)://localhost[:/]|data:|blob:", url) is not None


def count_messages(page: Page) -> list[BackMsg]:
    """What the page tells the server from its next opening on, its look for new runs every few seconds left out."""
    messages: list[BackMsg] = []

    def hear(payload: str | bytes) -> None:
        message = BackMsg.FromString(payload)
        if not message.rerun_script.is_auto_rerun:
            messages.append(message)

    page.on("websocket", lambda socket: socket.on("framesent", hear))
    return messages


def query(page: Page) -> dict[str, str]:
    """The address's words, asked of the browser: not in a predicate that Playwright calls, which may not ask it anything."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.evaluate("window.location.href")).query).items()}


def expect_pin(page: Page, z: list[float], near: float = 1e-4) -> None:
    """The address comes to say that this z is pinned: to its four decimals, or as nearly as said."""
    wait_until(lambda: "z" in query(page) and pinned_z(page) == pytest.approx(z, abs=near), f"the pin at {z}", 60)


def pinned_z(page: Page) -> list[float]:
    """The pinned point in the address."""
    return [float(value) for value in query(page)["z"].split(",")]


def source(page: Page) -> str:
    return page.locator(IMAGE).get_attribute("src")


def expect_another_image(page: Page, before: str) -> None:
    expect(page.locator(IMAGE)).not_to_have_attribute("src", before)


def rgba(picture: Locator) -> np.ndarray:
    """The pixels of an image or a canvas, (H, W, 4)."""
    content = base64.b64decode(picture.evaluate(PICTURE).split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def grey(page: Page, selector: str) -> np.ndarray:
    """The 784 grey values of the lens or of the pinned image."""
    return rgba(page.locator(selector).first)[..., 0].flatten().astype(int)


def fingerprint(page: Page, canvas: str) -> int:
    """A number for what a canvas of the plane shows; 0 for nothing."""
    pixels = rgba(page.locator(canvas))
    return hash(pixels.tobytes()) if pixels.any() else 0


@cache
def loaded(run: Path) -> vae.Run:
    return vae.load_run(run)


def snapshot_of(run: Path) -> Snapshot:
    return loaded(run).folder.snapshot_of_step(loaded(run).step)


@torch.no_grad()
def decoded(run: Path, z: list[float]) -> np.ndarray:
    """The 784 grey values of exactly this z."""
    return (loaded(run).model.decode(torch.tensor([z])) * 255).round().flatten().int().numpy()


def expect_lens(page: Page, image: np.ndarray) -> None:
    """The lens shows this image, as nearly as an atlas can where images change fastest (elsewhere it is nearer)."""

    def near() -> bool:
        different = np.abs(grey(page, LENS) - image)
        return different.mean() < 0.012 * 255 and np.quantile(different, 0.99) < 0.12 * 255

    wait_until(near, "the lens's image", 20)


def place_under(page: Page, x: int, y: int) -> list[float]:
    """Axis coordinates of a pixel of the screen, by Plotly's own axes."""
    return page.evaluate(
        f"""([x, y]) => {{
            const graph = {GRAPH}, corner = graph.getBoundingClientRect(), {{ xaxis, yaxis }} = graph._fullLayout;
            return [xaxis.p2d(x - corner.left - xaxis._offset), yaxis.p2d(y - corner.top - yaxis._offset)];
        }}""",
        [x, y],
    )


def point_at(page: Page, x: float, y: float) -> list[float]:
    """Move the pointer to the pixel nearest to axis coordinates (x, y), and say which these are."""
    pixel = on_screen(page, x, y)
    page.mouse.move(*pixel)
    return place_under(page, *pixel)


def click_code(page: Page, run: Path, probe: int) -> int:
    """Click the code of a held-out image; the image that was pinned, for there may be codes on top of each other."""
    frame, before = snapshot_of(run), source(page)
    click_plane(page, *frame.codes.posterior.mean[probe].tolist()[:2])
    expect_another_image(page, before)
    expect(page).to_have_url(re.compile("image="))
    return int(query(page)["image"])


def x_range(page: Page) -> list[float]:
    return page.evaluate(f"{GRAPH}._fullLayout.xaxis.range.map(Number)")


def zoom(page: Page, x: float, y: float, until: float) -> None:
    """Turn the wheel over axis coordinates (x, y) until the horizontal axis is shorter than `until`."""
    page.mouse.move(*on_screen(page, x, y))
    seen = x_range(page)
    while seen[1] - seen[0] >= until:
        page.mouse.wheel(0, -200)
        wait_until(lambda seen=seen: x_range(page) != seen, "a zoom by the wheel", 20)
        seen = x_range(page)
    settle(page)


def settle(page: Page) -> None:
    """Until Plotly has finished a zoom or a pan, which it does a moment after the last event, and the plane has stood still."""
    page.wait_for_timeout(400)


def pixels_per_unit(page: Page) -> tuple[float, float]:
    """Screen pixels for one unit of z, across and up."""
    return tuple(
        page.evaluate(
            f"""() => {{ const {{ xaxis, yaxis }} = {GRAPH}._fullLayout;
                return [xaxis.d2p(1) - xaxis.d2p(0), yaxis.d2p(0) - yaxis.d2p(1)]; }}"""
        )
    )


def white_box(page: Page) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all that is drawn in white above the codes, in pixels from the plot's corner."""
    rows, columns = np.nonzero((rgba(page.locator(OVER)) > 200).all(2))
    assert len(rows), "nothing white is drawn"
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
