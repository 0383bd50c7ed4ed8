"""The Explore page: the plane, the lens, the decoded digit."""

from __future__ import annotations

import streamlit as st

import vae
from ui import controls, decoded, downloads, figures, frame, history, journey, point, resources, scene, state, webgl
from ui.resources import RunVersion
from vae.run import RunFolder

NOUNS = {"mnist": "digit", "digits": "digit", "fashion-mnist": "piece of clothing", "kmnist": "character"}


def explore(version: RunVersion, shown: scene.Scene) -> None:
    """Left to right, as the model computes: original and posterior, the plane, the decoded image."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{sentence(NOUNS[shown.run.config.dataset])}</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="bottom", width="content", key="controls"):
            controls.show(shown.run, shown.frame is not None)
    with st.container(key="stage"):
        chart(version, shown)
        around(shown.run.folder, version, state.problem())


def sentence(noun: str) -> str:
    """What a newcomer has to know."""
    return f"The decoder turns every point of this plane into a {noun}. <b>Move the pointer over it</b>, and click to pin one."


def chart(version: RunVersion, shown: scene.Scene) -> None:
    """The codes on the plane, as a native chart; all other layers are drawn onto it by the lens."""
    view = shown.view
    axes = figures.Axes(shown.plane.names, shown.extent, view.scale, shown.plane.is_strip)
    if shown.frame is None:
        figure = figures.empty_plane(axes)
    else:
        terms = shown.frame.codes.terms
        colour = None if view.colour == "class" else getattr(terms, view.colour).numpy()
        name = controls.COLOUR_NAMES[view.colour].removesuffix(" term") + " term"
        places = resources.places(version, view.axes)
        figure = figures.scatter(places, shown.frame.labels, shown.run.class_names, axes, colour, name)
    with st.container(key=decoded.CHART, height="stretch"):
        figure = webgl.drawable(figure)
        st.plotly_chart(figure, key="plane_chart", config=figures.CONFIG, height="stretch", alt="The latent plane")
        if shown.frame is None:
            st.info(f"The codes of this run cannot be shown. {resources.why_absent(shown.run)}")


@st.fragment
def around(folder: RunFolder, version: RunVersion, problem: str | None) -> None:
    """What a click reruns: all that belongs to the pinned point, and no chart.

    The decoded image is sent first; what takes samples or an atlas comes after it. `problem` is told above the chart.
    """
    resources.stay_current(version, RunVersion.now(folder))
    try:
        shown = scene.settle(version)
        if state.problem() != problem:
            st.rerun()
        story = shown.story()
        samples = point.samples_of(shown, story) if story else None
        right, left, below = st.container(key="after"), st.container(key="before"), st.container(key="below")
        with right:
            decoded.show_lens(shown, story, samples)
        with left:
            point.show_original(shown)
            point.show_posterior(shown, story, samples)
        with right:
            journey.show_road(shown)
            decoded.show_neighbours(shown)
            decoded.show_layers(shown)
            decoded.show_atlas(shown)
        state.write_address()
        with below:
            journey.show_buttons(shown)
            journey.show_strip(shown)
            downloads.show(shown)
    except vae.ExplorerError as error:
        frame.say(error)


def main() -> None:
    folder = frame.begin("Explore")
    if folder is None:
        frame.no_runs()
        return
    version = RunVersion.now(folder)
    try:
        shown = scene.settle(version)
        if state.problem():
            st.warning(state.problem())
        frame.say_damage(version)
        explore(version, shown)
        history.show(shown.run.folder, shown.run.config)
        resources.settle_memory("explore", shown.run.config.dataset)
    except vae.ExplorerError as error:
        frame.say(error)
    state.write_address()


main()
