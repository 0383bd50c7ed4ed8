"""Below the plane of a run with more than two latent dimensions: a row for each, with what it costs and what it does."""

from __future__ import annotations

import streamlit as st
import torch

from ui.charts import markup
from ui.explore import cache
from ui.explore.scene import Scene
from ui.state import session
from vae.latent.dimensions import Dimension, traverse
from vae.latent.grid import tile

MOST_ROWS = 20
PLACES = 13
REACH = 3.0
"""A row's pictures go from minus to plus so many sigmas of the prior."""

COLUMNS = (0.7, 1.0, 4.0)


def show(scene: Scene) -> None:
    """The rows, that of the greatest KL first, each with a slider and the images along it."""
    if scene.plane.latent <= 2:
        return
    ranked = cache.dimensions(scene.version)
    rows = ranked[:MOST_ROWS] or [Dimension(index, float("nan"), True) for index in range(min(scene.plane.latent, MOST_ROWS))]
    st.subheader("One dimension at a time")
    st.caption(_sentence(scene, ranked))
    images = traverse(scene.run.model, scene.z, [row.index for row in rows], torch.linspace(-REACH, REACH, PLACES))
    for row, along in zip(rows, images, strict=True):
        with st.container(key=f"dimension_{row.index}"):
            name, slider, strip = st.columns(COLUMNS, vertical_alignment="center", gap="medium")
            name.html(_name(row))
            with slider:
                _slider(scene, row.index)
            url = markup.png_url(tile(along, PLACES).numpy())
            strip.html(f'<div class="strip"><img src="{url}" alt="Decoded along z{row.index + 1}, from −3 to 3"></div>')


def _sentence(scene: Scene, ranked: list[Dimension]) -> str:
    """What the rows show, and how many dimensions the run uses."""
    along = "Each row decodes the pinned z with one number changed, from −3 to 3; the slider sets that number."
    if not ranked:
        return along
    active = sum(row.is_active for row in ranked)
    more = f" The {MOST_ROWS} with the greatest KL are shown." if len(ranked) > MOST_ROWS else ""
    return (
        f"{along} KL: what the dimension costs, in nats per held-out image, the greatest first. {active} of "
        f"{scene.plane.latent} are active; a grey one says nothing about the image, and its row hardly changes.{more}"
    )


def _name(row: Dimension) -> str:
    kl = "" if row.kl != row.kl else f"KL {row.kl:.2f} nats"
    return f'<p class="dimension{"" if row.is_active else " inactive"}"><b>z{row.index + 1}</b> {kl}</p>'


def _slider(scene: Scene, index: int) -> None:
    value, key = scene.view.z[index], f"along_{index}"
    reach = max(REACH, abs(value))
    st.session_state[key] = value
    st.slider(
        f"z{index + 1}", -reach, reach, step=0.01, key=key, label_visibility="collapsed", on_change=_move, args=(scene, index)
    )


def _move(scene: Scene, index: int) -> None:
    """Change one number of the pinned z; the others stay exactly what they were."""
    z = list(scene.view.z)
    z[index] = st.session_state[f"along_{index}"]
    session.pin(tuple(z), exactly=True)
