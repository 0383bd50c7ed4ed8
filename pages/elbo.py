"""The page on the central equation: both of its sides, computed for the image on the screen."""

from __future__ import annotations

import streamlit as st

import vae
from ui.cache import memory, runs
from ui.cache.runs import RunVersion
from ui.elbo import cache, equation, sections, selected_image
from ui.shell import dataset_download, page_frame
from ui.state import session
from ui.state.view import FARTHEST
from vae.evidence.elbo_identity import IdentityTerms
from vae.evidence.log_joint import EvidenceError


def main() -> None:
    folder = page_frame.begin("ELBO")
    if folder is None:
        page_frame.no_runs()
        return
    version = RunVersion.now(folder)
    try:
        run = runs.load_run(version)
        if session.problem():
            st.warning(session.problem())
        page_frame.say_damage(version)
        page(version, run, session.problem())
        memory.settle_memory("elbo", run.config.dataset)
    except vae.ExplorerError as error:
        page_frame.say(error)
    session.write_address()


@st.fragment
def page(version: RunVersion, run: vae.Run, problem: str | None) -> None:
    """Everything that moving q or choosing an image draws anew. `problem` is told above it."""
    page_frame.stay_current(version, RunVersion.now(run.folder))
    shown = selected_image.subject_of(version, run, runs.snapshot_of(version))
    if session.problem() != problem:
        st.rerun()
    if shown is None:
        st.info(f"The equation is written for an image. {runs.why_absent(run)} Or draw a digit of your own on **Explore**.")
        dataset_download.offer(run.config.dataset)
        return
    choose(shown)
    try:
        if shown.has_plane:
            whole(shown)
        else:
            without_plane(shown)
    except vae.ExplorerError as error:
        page_frame.say(error)
    session.write_address()


def whole(shown: selected_image.SelectedImage) -> None:
    """With two latent dimensions: the equation, the columns that balance, and the plane with q."""
    numbers = cache.numbers_of(shown.version, shown.key, cache.gaussian_key(shown.q))
    controls, picture = st.columns([0.55, 2.5], gap="medium")
    with controls:
        equation.show_image(shown)
        equation.show_buttons(shown)
    with picture:
        equation.show_identity(shown, numbers)
    below(shown, numbers)


def without_plane(shown: selected_image.SelectedImage) -> None:
    """With any other number of dimensions: log p(x) by importance sampling, and what needs no plane."""
    if not shown.encoder.mean.abs().max() <= FARTHEST:
        raise EvidenceError(f"The encoder puts this image more than {FARTHEST:,.0f} from zero, too far for q; train it anew.")
    numbers = cache.numbers_by_sampling(shown.version, shown.key, cache.gaussian_key(shown.q))
    controls, picture = st.columns([0.62, 2.35], gap="medium")
    with controls:
        equation.show_image(shown)
        equation.show_sliders(shown)
        equation.show_buttons(shown)
    with picture:
        equation.show_identity(shown, numbers)
        st.html(f'<p class="small">{equation.without_check(shown.run.config.model.latent)}</p>')
    below(shown, numbers)


def below(shown: selected_image.SelectedImage, numbers: IdentityTerms) -> None:
    """What kind of number log p(x) is, and the section that is chosen."""
    st.html(f'<p class="small">{equation.honesty(shown, numbers.log_evidence)}</p>')
    sections.show(shown, numbers)


def choose(shown: selected_image.SelectedImage) -> None:
    """What the page is about, and which image."""
    images = runs.held_out(shown.run.config)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html('<p class="lead">The ELBO is <b>log p(x) minus a gap</b>. Move q: both sides stay equal.</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="controls"):
            equation.choose_image(shown, images.labels if images is not None else None)


main()
