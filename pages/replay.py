"""The Replay page: a training as a film. Dots, manifold, curves and figures move together, in the browser."""

from __future__ import annotations

import streamlit as st

from ui.cache import memory, runs
from ui.replay import film_panel
from ui.shell import axes, page_frame
from ui.state import session
from vae.errors import ExplorerError
from vae.runs.folder import RunFolder

INVITATION = "Watch the clusters find their places, epoch by epoch. <b>Press Play.</b>"
TRAINED_NOW = "This run is being trained: <b>watch the clusters find their places</b>, epoch by epoch."


def main() -> None:
    folder = page_frame.begin("Replay")
    if folder is None:
        page_frame.no_runs()
        return
    if session.problem():
        st.warning(session.problem())
    try:
        latent = folder.read_config()[0].model.latent
        axes.settle_axes(latent, with_codes=True)
        say(folder, latent)
        with st.container(key="replay"):
            film_panel.show(folder)
    except ExplorerError as error:
        page_frame.say(error)
    memory.settle_memory("replay", "")
    session.write_address()


def say(folder: RunFolder, latent: int) -> None:
    """What to do here, and the few things to choose."""
    lead = TRAINED_NOW if runs.is_active(folder) else INVITATION
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{lead}</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="controls"):
            if latent > 2:
                with st.popover("Plane", icon=":material/tune:", help="Which axes of the latent space are seen"):
                    axes.choose_axes(latent, with_codes=True)
            film_panel.show_download(folder)


main()
