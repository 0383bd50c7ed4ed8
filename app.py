"""The Explore page: the plane, the lens, the decoded digit."""

from __future__ import annotations

import streamlit as st

import vae
from ui.cache import memory, runs
from ui.cache.runs import RunVersion
from ui.charts import style, webgl
from ui.explore import (
    decoder_panel,
    dimensions_panel,
    downloads,
    interpolation_panel,
    model_panel,
    originals,
    plane_chart,
    plane_controls,
    posterior_panel,
    prior_panel,
    scene,
    training_history,
)
from ui.glossary import term
from ui.shell import page_frame
from ui.state import session
from vae.runs.folder import RunFolder

NOUNS = {"mnist": "digit", "digits": "digit", "fashion-mnist": "piece of clothing", "kmnist": "character"}


def explore(version: RunVersion, shown: scene.Scene) -> None:
    """Left to right, as the model computes: original and posterior, the plane, the decoded image."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(
            f'<p class="lead">{sentence(NOUNS[shown.run.config.dataset], shown.run.config.training.beta)}</p>', width="content"
        )
        with st.container(horizontal=True, vertical_alignment="bottom", width="content", key="controls"):
            plane_controls.show(shown.run, shown.snapshot is not None)
    with st.container(key="stage"):
        chart(shown)
        around(shown.run.folder, version, session.problem())
        originals.show(shown.run)


def sentence(noun: str, beta: float) -> str:
    """What a newcomer has to know."""
    if beta == 0:
        return (
            f"Beta 0, an <b>autoencoder</b>: nothing pulls its codes to the {term('prior')} (dashed circles), and "
            "z drawn from there decode badly."
        )
    return f"The decoder turns every point of this plane into a {noun}. <b>Move the pointer over it</b>, and click to pin one."


def chart(shown: scene.Scene) -> None:
    """The codes on the plane, as a native chart; all other layers are drawn onto it by the lens."""
    with st.container(key=decoder_panel.CHART, height="stretch"):
        figure = webgl.drawable(plane_chart.figure_of(shown))
        config = style.CONFIG | {"toImageButtonOptions": {"filename": shown.run.folder.name}}
        st.plotly_chart(figure, key="plane_chart", config=config, height="stretch", alt="The latent plane")
        if shown.snapshot is None:
            st.info(f"The codes of this run cannot be shown. {runs.why_absent(shown.run)}")


@st.fragment
def around(folder: RunFolder, version: RunVersion, problem: str | None) -> None:
    """What a click reruns: all that belongs to the pinned point, and no chart.

    The decoded image is sent first; what takes samples or an atlas comes after it. `problem` is told above the chart.
    """
    page_frame.stay_current(version, RunVersion.now(folder))
    try:
        shown = scene.settle(version)
        if session.problem() != problem:
            st.rerun()
        summary = shown.summary()
        samples = posterior_panel.samples_of(shown, summary) if summary else None
        right, left, below = st.container(key="after"), st.container(key="before"), st.container(key="below")
        with right:
            decoder_panel.show_lens(shown, summary, samples)
        with left:
            posterior_panel.choose_source(shown)
            if shown.view.source == "prior":
                prior_panel.show(shown)
            else:
                posterior_panel.choose_image(shown)
                posterior_panel.show_posterior(shown, summary, samples)
        with right:
            interpolation_panel.show_road(shown)
            decoder_panel.show_neighbours(shown)
            decoder_panel.show_layers(shown)
            decoder_panel.show_atlas(shown)
        session.write_address()
        with below:
            dimensions_panel.show(shown)
            interpolation_panel.show_buttons(shown)
            interpolation_panel.show_strip(shown)
            model_panel.show(shown)
            downloads.show(shown)
    except vae.ExplorerError as error:
        page_frame.say(error)


def main() -> None:
    folder = page_frame.begin("Explore")
    if folder is None:
        page_frame.no_runs()
        return
    version = RunVersion.now(folder)
    try:
        shown = scene.settle(version)
        if session.problem():
            st.warning(session.problem())
        page_frame.say_damage(version)
        explore(version, shown)
        training_history.show(shown.run.folder, shown.run.config)
        memory.settle_memory("explore", shown.run.config.dataset)
    except vae.ExplorerError as error:
        page_frame.say(error)
    session.write_address()


main()
