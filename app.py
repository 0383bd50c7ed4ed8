"""The Explore page: the plane, the manifold, the decoded digit."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import vae
from ui import detail, figures, frame, history, resources, state
from ui.pick import Cells, listen
from ui.resources import RunVersion
from vae.frames import Frame
from vae.latent import make_grid

NOUNS = {"mnist": "digit", "digits": "digit", "fashion-mnist": "piece of clothing", "kmnist": "character"}


def explore(version: RunVersion, run: vae.Run, codes: Frame | None) -> None:
    """The two planes side by side, and beside them what is pinned."""
    noun = NOUNS[run.config.dataset]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{sentence(noun)}</p>', width="content")
        size, extent, layout = manifold_settings()
    planes, side = st.columns([2, 0.5], gap="small")
    with planes:
        left, right = st.columns(2, gap="small")
        band = st.empty()
    with left:
        if codes is None:
            st.info(f"The codes of this run cannot be shown. {resources.how_to_get(run)}.")
        else:
            chart(figures.scatter(codes, run.class_names, noun), "plane", "Codes of the held-out images, by class")
    with right:
        picture = resources.manifold_picture(version, size, extent, layout)
        chart(figures.manifold(picture, size, extent, layout), "manifold", "Grid of decoded images on the plane")
    values = make_grid(size, extent, layout).z1.tolist()
    positions = list(range(size)) if layout == "quantile" else values
    with side:
        pinned(version, Cells(positions, values), codes is not None, band)


def sentence(noun: str) -> str:
    """What a newcomer has to know."""
    return (
        f"Every point on this plane is a {noun}. <b>Click one.</b> Left: where the encoder puts real pictures. "
        "Right: what the decoder draws there."
    )


def chart(figure: go.Figure, key: str, description: str) -> None:
    """One of the planes, as large as its column allows."""
    with st.container(key=key, height="stretch"):
        st.plotly_chart(figure, key=f"{key}_chart", config=figures.CONFIG, height="stretch", alt=description)


def manifold_settings() -> tuple[int, float, str]:
    """Cells a side, extent in z and layout of the manifold grid."""
    with st.popover("Manifold", icon=":material/tune:"):
        size = st.slider("Cells a side", 5, 40, 20, key="cells")
        layout = st.segmented_control("Cells lie", ["evenly", "by the prior's quantiles"], default="evenly", key="layout")
        quantile = layout == "by the prior's quantiles"
        extent = st.slider("Extent in z", 0.5, 6.0, 3.0, 0.5, disabled=quantile, key="extent")
    return size, extent, "quantile" if quantile else "linear"


@st.fragment
def pinned(version: RunVersion, cells: Cells, with_codes: bool, band: DeltaGenerator) -> None:
    """What a click reruns: this column alone, with no chart in it."""
    detail.settle(version)
    listen({"plane": None, "manifold": cells} if with_codes else {"manifold": cells}, state.pin)
    detail.show(version, band)


def main() -> None:
    folder = frame.begin("Explore")
    if folder is None:
        frame.no_runs()
        return
    version = RunVersion.now(folder)
    try:
        run = resources.load_run(version)
        codes = resources.frame_of(version)
        if run.config.model.latent == 2:
            explore(version, run, codes)
        else:
            no_plane(run)
        history.show(run.folder, run.config)
        detail.warm_up(version)
        resources.settle_memory("explore", run.config.dataset)
    except vae.ExplorerError as error:
        frame.say(error)
    state.write_address()


def no_plane(run: vae.Run) -> None:
    st.info(
        f"This run has {run.config.model.latent} latent dimensions; the plane is drawn for runs with 2. Its curves are "
        "below; choose another run at the top to explore a plane."
    )


main()
