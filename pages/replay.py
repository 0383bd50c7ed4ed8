"""The Replay page: a training as a film. Dots, manifold, curves and figures move together, in the browser."""

from __future__ import annotations

import streamlit as st

from ui import controls, frame, replay, resources, state
from vae.errors import ExplorerError
from vae.run import RunFolder

INVITATION = "Watch the clusters find their places, epoch by epoch. <b>Press Play.</b>"
TRAINED_NOW = "This run is being trained: <b>watch the clusters find their places</b>, epoch by epoch."


def main() -> None:
    folder = frame.begin("Replay")
    if folder is None:
        frame.no_runs()
        return
    if state.problem():
        st.warning(state.problem())
    try:
        latent = folder.read_config()[0].model.latent
        controls.settle_axes(latent, with_codes=True)
        say(folder, latent)
        with st.container(key="replay"):
            replay.show(folder)
    except ExplorerError as error:
        frame.say(error)
    resources.settle_memory("replay", "")
    state.write_address()


def say(folder: RunFolder, latent: int) -> None:
    """What to do here, and the few things to choose."""
    lead = TRAINED_NOW if resources.is_active(folder) else INVITATION
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{lead}</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="controls"):
            if latent > 2:
                with st.popover("Plane", icon=":material/tune:", help="Which axes of the latent space are seen"):
                    controls.choose_axes(latent, with_codes=True)
            replay.show_download(folder)


main()
