"""The Diffusion page: codes dissolve into noise, and noise becomes new codes; six particles are decoded on the way."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Sequence

import streamlit as st

from ui.cache import memory, runs
from ui.cache.runs import RunVersion
from ui.components.particle_player import particle_player
from ui.diffusion import cache, sections, training_panel, trajectories
from ui.diffusion.cache import PriorVersion
from ui.shell import page_frame
from ui.shell.waiting import waiting
from ui.state import choices, session
from ui.state.view import CHAIN, GREATEST_WEIGHT, NOISES
from vae.diffusion.folder import Prior
from vae.errors import ExplorerError
from vae.runs.folder import RunFolder, list_runs

OPENS_ON = "mnist-beta0"
ANY = -1  # the choice of no class

LEAD = "A decoder is good <b>where codes are</b>; diffusion learns where. <b>Dissolve them</b>, then make new ones from noise."
DIRECTIONS = {"forward": "Codes to noise", "backward": "Noise to codes"}
SAMPLERS = {"ode": "Probability-flow ODE: deterministic", "ancestral": "Ancestral chain: fresh noise at every step"}


def main() -> None:
    folder = page_frame.begin("Diffusion", opens_on=OPENS_ON)
    if folder is None:
        page_frame.no_runs()
        return
    if session.problem():
        st.warning(session.problem())
    try:
        if training_panel.is_active(folder):
            st.html(f'<p class="lead">{LEAD}</p>')
            training_panel.show(folder)
        else:
            page(folder)
    except ExplorerError as error:
        page_frame.say(error)
    memory.settle_memory("diffusion", "")
    session.write_address()


def page(folder: RunFolder) -> None:
    """The particles and what stands below them, or the way to a prior where there is none."""
    latent = folder.read_config()[0].model.latent
    version = PriorVersion.now(folder)
    if latent == 1:
        st.info(
            "This run has one latent dimension, and particles need a plane; `python -m vae diffuse` trains a prior for it too."
        )
        return
    training_panel.say_ending(folder)
    if version is None:
        without_prior(folder)
        return
    try:
        cache.load_prior(version)
    except ExplorerError as error:
        if PriorVersion.now(folder) != version:
            st.rerun()  # it came to its place just now
        page_frame.say(error)
        training_panel.show_button(folder, again=False)
        return
    st.fragment(_particles)(folder, version)
    st.fragment(_chapters)(folder, version)


def without_prior(folder: RunFolder) -> None:
    """Show that codes dissolve, which needs no prior; say what is missing for the way back, and offer it."""
    st.fragment(_dissolving)(folder, RunVersion.now(folder))
    st.info("The way from noise to codes needs a diffusion prior. Training one on these codes takes about a minute.")
    training_panel.show_button(folder, again=False)


def lead_without_prior(folder: RunFolder) -> str:
    """What this run lacks, and which runs have it; HTML."""
    names = [html.escape(other.name) for other in list_runs() if PriorVersion.now(other) is not None]
    others = f" Runs with one: <b>{', '.join(names)}</b>." if names else ""
    return (
        f"<b>Dissolve these codes.</b> {html.escape(folder.name)} has no diffusion prior yet to make new ones: train one "
        f"below.{others}"
    )


@contextlib.contextmanager
def _drawn_of(drawn: object, now: object) -> Iterator[None]:
    """A part of the page that is drawn of some weights, or one sentence in its place."""
    page_frame.stay_current(drawn, now)
    try:
        yield
    except ExplorerError as error:
        page_frame.say(error)
    session.write_address()


def _dissolving(folder: RunFolder, version: RunVersion) -> None:
    with _drawn_of(version, RunVersion.now(folder)):
        class_names = folder.read_config()[1]
        say(class_names, lead_without_prior(folder), has_prior=False)
        with waiting("Adding noise to the codes ...", "particles"):
            film = dissolving(version, class_names)
        show_film(film)


def _particles(folder: RunFolder, version: PriorVersion) -> None:
    with _drawn_of(version, PriorVersion.now(folder)):
        prior = cache.load_prior(version)
        class_names = folder.read_config()[1]
        say(class_names)
        warn(folder, prior)
        with waiting("Computing the particles' ways and their images ...", "particles"):
            film = described(version, class_names)
        show_film(film)


def _chapters(folder: RunFolder, version: PriorVersion) -> None:
    with _drawn_of(version, PriorVersion.now(folder)):
        sections.show(folder, version)


def show_film(film: dict) -> None:
    """The picture that rules the page."""
    with st.container(key="particles_stage"):
        particle_player.particles(film)


def say(class_names: tuple[str, ...], lead: str = LEAD, has_prior: bool = True) -> None:
    """What to do here, and the few things to choose."""
    backward = has_prior and session.view().direction == "backward"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{lead}</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="controls"):
            if backward:
                choose_guidance(class_names)
            with st.popover("Steps", icon=":material/tune:", help="Sampler, number of steps and noise schedule"):
                choose_steps(backward)
            if has_prior:
                choose_direction()


def choose_direction() -> None:
    """Towards noise, or back from it."""
    st.session_state["direction"] = session.view().direction
    st.segmented_control(
        "Direction", list(DIRECTIONS), format_func=DIRECTIONS.get, key="direction", label_visibility="collapsed",
        required=True, on_change=_take, args=("direction", "direction"),
    )  # fmt: skip


def _take(field: str, key: str) -> None:
    session.change(**{field: st.session_state[key]})


def _take_guide(guides: Sequence[int]) -> None:
    guide = choices.chosen("guide", guides)
    if guide is not None:
        session.change(guide=None if guide == ANY else guide)


def choose_guidance(class_names: tuple[str, ...]) -> None:
    """Which class the particles are led to, and how hard."""
    guide = guide_of(class_names)
    st.session_state["guide"] = ANY if guide is None else guide
    guides = [ANY, *range(len(class_names))]
    st.selectbox(
        "Class", guides, key="guide", label_visibility="collapsed", width=150, on_change=_take_guide, args=(guides,),
        format_func=lambda label: "any class" if label == ANY else f"only {class_names[label]}",
    )  # fmt: skip
    if guide is not None:
        st.session_state["weight"] = float(session.view().weight)
        st.html("<span>weight</span>", width="content")
        st.number_input(
            "Weight", 0.0, GREATEST_WEIGHT, step=1.0, key="weight", on_change=_take, args=("weight", "weight"), width=120,
            label_visibility="collapsed", format="%.3g",
            help="Guidance weight: 0 ignores the class, 1 is the class as it is, more overdoes it",
        )  # fmt: skip


def guide_of(class_names: tuple[str, ...]) -> int | None:
    """The class that is asked for, where this run has it."""
    guide = session.view().guide
    return guide if guide is not None and guide < len(class_names) else None


def led_to(class_names: tuple[str, ...]) -> int | None:
    """The class that the particles are led to: guidance of weight 0 leads to none."""
    return guide_of(class_names) if session.view().weight > 0 else None


def choose_steps(backward: bool) -> None:
    """How many steps, by which sampler, on which schedule."""
    st.session_state["chain"] = session.view().chain
    st.number_input("Steps", *CHAIN, key="chain", on_change=_take, args=("chain", "chain"))
    st.session_state["noise"] = session.view().noise
    st.segmented_control(
        "Noise schedule", list(NOISES), key="noise", required=True, on_change=_take, args=("noise", "noise"),
        help="At which time how much noise there is. One denoiser serves both",
    )  # fmt: skip
    if backward:
        st.session_state["sampler"] = session.view().sampler
        st.radio(
            "Sampler", list(SAMPLERS), format_func=SAMPLERS.get, key="sampler", on_change=_take, args=("sampler", "sampler")
        )


def warn(folder: RunFolder, prior: Prior) -> None:
    """What has to be said about this prior before anything is believed of it."""
    step = runs.load_run(RunVersion.now(folder)).step
    if prior.description.run_step != step:
        st.warning(
            f"This prior was trained on codes of step {prior.description.run_step:,}, and the run's weights are of step "
            f"{step:,}: train it again (**Its training**, below)."
        )


def dissolving(version: PriorVersion | RunVersion, class_names: tuple[str, ...]) -> dict:
    """The film of codes that become noise."""
    view = session.view()
    film = cache.forward_film(version, view.noise, view.chain)
    name, sense = (
        f"{version} forward {view.noise} {view.chain}",
        "Noise is added until nothing is left of the codes but N(0, I).",
    )
    return trajectories.described(film, name, cache.scene(version), class_names, None, sense)


def described(version: PriorVersion, class_names: tuple[str, ...]) -> dict:
    """The film that is asked for."""
    view, guide = session.view(), led_to(class_names)
    extent = trajectories.extent_of(cache.scene(version))
    if view.direction == "forward":
        return dissolving(version, class_names) | {"arrows": cache.arrows(version, None, 1.0, view.noise, extent)}
    weight = view.weight if guide is not None else 1.0
    asked = (guide, weight, view.chain, view.sampler, view.noise, view.epsilon)
    film = cache.backward_film(version, *asked)
    field = cache.arrows(version, guide, weight, view.noise, extent)
    sense = (
        "Noise is taken back step by step until codes are left."
        if guide is None
        else (f"Noise is taken back towards codes of class {class_names[guide]}, guidance weight {weight:g}.")
    )
    described = trajectories.described(
        film, f"{version} {asked}", cache.scene(version), class_names, field, sense, guide is not None
    )
    return described | {"ghosts": cache.ghosts(version)}


main()
