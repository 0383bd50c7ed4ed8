"""Below the plane: the road between two points, and cells as buttons for those who use no pointer."""

from __future__ import annotations

import streamlit as st
import torch

from ui.charts import markup
from ui.components.interpolation_player import interpolation_player
from ui.explore import cache
from ui.explore.scene import Scene
from ui.state import session
from vae.latent.grid import make_grid
from vae.latent.interpolation import gif, png, strip
from vae.model.inference import decode_points

BUTTONS_A_SIDE = 9


def show_road(scene: Scene) -> None:
    """Choose A and B among pinned points, and watch what lies between them; the player's place is seen on the plane."""
    view = scene.view
    with st.container(horizontal=True, vertical_alignment="center", key="road_ends"):
        st.html('<p class="small">Road</p>', width="content")
        st.button("Set A", key="set_a", on_click=_set, args=("start", view.z), help="The road starts at the pinned point")
        st.button("Set B", key="set_b", on_click=_set, args=("end", view.z), help="The road ends at the pinned point")
        st.button("Clear", key="clear_road", on_click=_clear, disabled=view.start is None and view.end is None)
    if view.start is not None and view.end is not None:
        ends = scene.plane.project(torch.tensor([view.start, view.end])).tolist()
        interpolation_player.player("road_player", cache.interpolation(scene.version, view.start, view.end), (ends[0], ends[1]))


def show_strip(scene: Scene) -> None:
    """The whole road at a glance, and to keep."""
    view = scene.view
    if view.start is None or view.end is None:
        return
    travelled = cache.interpolation(scene.version, view.start, view.end)
    st.subheader("The road from A to B")
    url = markup.png_url(strip(travelled))
    st.html(f'<div class="strip"><img src="{url}" alt="Above, along the line; below, the cross-fade"></div>')
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(
            '<p class="small">Above: decoded along the straight line from A to B. Below: the images at A and B cross-faded, '
            "pixel by pixel: two overlaid images.</p>"
        )
        words = {"on_click": "ignore"}
        st.download_button("Animation (GIF)", lambda: gif(travelled), "road.gif", "image/gif", key="road_gif", **words)
        st.download_button("Strip (PNG)", lambda: png(travelled), "road.png", "image/png", key="road_png", **words)


def _set(end: str, z: tuple[float, ...]) -> None:
    session.change(**{end: tuple(round(value, 4) for value in z)})


def _clear() -> None:
    session.change(start=None, end=None)


def show_buttons(scene: Scene) -> None:
    """The plane as a square of buttons, each with its decoded image and named by its z."""
    if not scene.view.buttons:
        return
    st.subheader("Cells as buttons")
    places = make_grid(BUTTONS_A_SIDE, scene.extent).points()
    places = places[:BUTTONS_A_SIDE] * torch.tensor([1.0, 0.0]) if scene.plane.is_strip else places
    points = scene.plane.points(places, torch.tensor(scene.rest))
    images = decode_points(scene.run.model, points)
    rows = len(places) // BUTTONS_A_SIDE
    with st.container(key="cell_buttons"):
        for row in reversed(range(rows)):
            with st.container(horizontal=True, gap=None):
                for cell in range(row * BUTTONS_A_SIDE, (row + 1) * BUTTONS_A_SIDE):
                    _cell(scene, cell, places[cell], points[cell], markup.png_url(images[cell, 0].numpy()))


def _cell(scene: Scene, cell: int, place: torch.Tensor, z: torch.Tensor, url: str) -> None:
    names = zip(scene.plane.names, place.tolist(), strict=True)
    name = ", ".join(f"{axis} {value:.2f}" for axis, value in names if axis)
    st.button(f"![{name}]({url})", key=f"cell_{cell}", on_click=session.pin, args=(tuple(z.tolist()),))
