"""The form that asks for a run."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.cache import runs
from ui.shell import actions, devices, owner
from ui.shell.status_text import duration
from ui.state import session
from ui.text import plain
from ui.train import cache
from vae.cli.arguments import command_line, widths
from vae.config import (
    ACTIVATIONS,
    ARCHITECTURES,
    BETA_SCHEDULES,
    BINARISE,
    DATASETS,
    HELD_OUT,
    LIKELIHOODS,
    PRECISIONS,
    SCHEDULES,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from vae.errors import ExplorerError, RunError
from vae.paths import from_root
from vae.runs.folder import check_name, list_runs, runs_folder
from vae.training.recipes import RECIPES, recipe

GREY = "grey"
PIXELS = "Black and white pixels, white as often as they are bright: drawn at each look (dynamic) or once (static)"
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Request:
    """What the form asks for."""

    name: str
    config: RunConfig
    device: str


@st.fragment
def show() -> None:
    """The form with its estimate and its button. Bad settings are told in one sentence and cannot be started."""
    try:
        request = _form()
    except ExplorerError as error:
        st.error(plain(error))
        request = None
    if request is not None:
        expect(request)
    button = {"type": "primary", "disabled": request is None}
    actions.button(st, "Start training", "start", lambda: _start(request), actions.NEW_RUN, **button)
    actions.tell(actions.NEW_RUN)
    if st.session_state.pop("just_started", False):
        st.rerun()
    if request is not None:
        with st.expander("As a command"):
            folder = from_root(runs_folder() / request.name)
            st.code(command_line(request.config, folder, request.device), language="bash", wrap_lines=True)


def expect(request: Request) -> None:
    """How long it will take. What is not known yet is looked for every second, and the rest of the page does not wait."""
    if not owner.may_act():  # a visitor's wishes take no processor
        st.markdown(owner.SENTENCE)
        return
    estimate = cache.estimate(request.config, request.device)
    if estimate is None:
        st.fragment(_wait, run_every=SECONDS_BETWEEN_LOOKS)(request)
    elif estimate.problem:
        st.warning(plain(estimate.problem))
    else:
        st.markdown(_expectation(estimate.seconds, request.device))


def _wait(request: Request) -> None:
    if cache.estimate(request.config, request.device) is not None:
        st.rerun()  # the whole page, once: it looks no more
    st.markdown("Estimating the time it takes ...")


def _form() -> Request:
    left, right = st.columns(2, gap="small")
    dataset = left.selectbox("Data set", DATASETS, DATASETS.index("digits"), key="ask_dataset")
    architecture = right.selectbox("Model", ARCHITECTURES, ARCHITECTURES.index("mlp"), key="ask_model")
    start = left.selectbox("Recipe", RECIPES, key="ask_recipe", help="Where the settings start from; all can be changed")
    asked = recipe(start, dataset, architecture)
    fields = _Fields(f"{start}_{dataset}_{architecture}")
    epochs = fields.number(right, "epochs", "Epochs", asked.training.epochs)
    beta = fields.number(left, "beta", "Beta", asked.training.beta, step=0.5, format="%g", help="The weight of the KL term")
    with st.expander("More settings"):
        model, held_out = _model_settings(fields, asked.model)
        training = _training_settings(fields, asked.training, epochs=epochs, beta=beta)
        device = devices.choose(st, "ask_device")
    devices.say_refusals()
    free = _free_name(f"{dataset}-{architecture}")
    name = st.text_input("Name", free, key=f"ask_name_{free}", max_chars=64, live=True)
    return Request(_check_free(name.strip()), RunConfig(dataset, model, training, held_out), device)


@dataclass(frozen=True)
class _Fields:
    """The form's fields, which begin anew when another recipe, data set or model is chosen."""

    recipe: str

    def number(self, column: DeltaGenerator, name: str, label: str, value: float | None, **options: object) -> float | None:
        """Any number: one that is out of range has to arrive, for the configuration refuses it and nothing is started."""
        return column.number_input(label, value=value, key=f"ask_{name}_{self.recipe}", **options)

    def choice(
        self, column: DeltaGenerator, name: str, label: str, choices: tuple[str, ...], value: str, help: str | None = None
    ) -> str:
        """One of several words."""
        return column.selectbox(label, choices, choices.index(value), key=f"ask_{name}_{self.recipe}", help=help)


def _model_settings(fields: _Fields, asked: ModelConfig) -> tuple[ModelConfig, str]:
    left, right = st.columns(2, gap="small")
    latent = fields.number(left, "latent", "Latent dimensions", asked.latent, help="2 are a plane, more are explored in slices")
    likelihood = fields.choice(right, "likelihood", "Likelihood", LIKELIHOODS, asked.likelihood)
    scale = asked.scale
    if likelihood == "gaussian":
        scale = fields.number(left, "scale", "Scale", asked.scale, step=0.05, format="%g")
    activation = fields.choice(right, "activation", "Activation", ACTIVATIONS, asked.activation)
    features = {"help": "sin and cos of z, 2z, 4z, ..."}
    fourier = fields.number(left, "fourier", "Fourier features", asked.fourier_features, **features)
    layers: dict[str, tuple[int, ...] | None] = {"encoder_widths": None, "decoder_widths": None}
    if asked.architecture == "mlp":
        for column, part in zip((left, right), ("encoder", "decoder"), strict=True):
            before = ",".join(map(str, getattr(asked, f"{part}_widths")))
            text = column.text_input(f"{part.capitalize()} widths", before, key=f"ask_{part}_{fields.recipe}")
            layers[f"{part}_widths"] = widths(text)
    lattice = _lattice(fields, left, asked) if asked.architecture == "mlp" else None
    held_out = left.selectbox("Held out", HELD_OUT, key="ask_held_out", help="Choose settings by validation, report on test")
    shape = {"activation": activation, "fourier_features": fourier, "encoder_lattice": lattice}
    return ModelConfig(asked.architecture, latent, likelihood, scale, **layers, **shape), held_out


def _lattice(fields: _Fields, column: DeltaGenerator, asked: ModelConfig) -> int | None:
    words = "N x N points of the plane (N from 16 to 256) among whose images the encoder looks; 0: a network that sees pixels"
    side = fields.number(column, "lattice", "Encoder's lattice", asked.encoder_lattice or 0, step=16, help=words)
    return side or None


def _training_settings(fields: _Fields, asked: TrainingConfig, **main: object) -> TrainingConfig:
    left, right = st.columns(2, gap="small")
    settings = {
        "batch_size": fields.number(left, "batch", "Batch size", asked.batch_size),
        "learning_rate": fields.number(right, "rate", "Learning rate", asked.learning_rate, step=1e-3, format="%.5f"),
        "schedule": fields.choice(left, "schedule", "Learning-rate schedule", SCHEDULES, asked.schedule),
        "beta_schedule": fields.choice(right, "beta_schedule", "Beta's schedule", BETA_SCHEDULES, asked.beta_schedule),
    }
    if settings["beta_schedule"] != "constant":
        rise = {"step": 0.1, "format": "%g", "help": "The share of the run, or of each cycle, in which beta rises from 0"}
        settings["beta_rise"] = fields.number(left, "beta_rise", "Beta rises for", asked.beta_rise, **rise)
    if settings["beta_schedule"] == "cyclical":
        settings["beta_cycles"] = fields.number(right, "beta_cycles", "Cycles", asked.beta_cycles)
    settings |= {
        "weight_decay": fields.number(right, "decay", "Weight decay", asked.weight_decay, step=0.01, format="%.4f"),
        "clip_norm": fields.number(
            left, "clip", "Gradient-norm limit", asked.clip_norm, placeholder="any", help="Clips its norm"
        ),
        "precision": fields.choice(right, "precision", "Precision", PRECISIONS, asked.precision),
        "seed": fields.number(left, "seed", "Seed", asked.seed),
    }
    pixels = fields.choice(right, "pixels", "Pixels", (GREY, *BINARISE), asked.binarise or GREY, help=PIXELS)
    settings["binarise"] = None if pixels == GREY else pixels
    return dataclasses.replace(asked, **settings, **main)


def _check_free(name: str) -> str:
    """The name again where a new run can have it. Raises `ExplorerError`."""
    if os.path.lexists(runs_folder() / check_name(name)):
        raise RunError(f"A run is called {name} already; choose another name.")
    return name


def _free_name(stem: str) -> str:
    taken = {folder.name for folder in list_runs()}
    return next(name for name in (f"{stem}-{number}" for number in range(1, 10_000)) if name not in taken)


def _expectation(seconds: float, device: str) -> str:
    waiting = sum(1 for folder in list_runs() if runs.is_ahead(folder))
    queue = f" It starts after {waiting} other run{'s' * (waiting > 1)}." if waiting else ""
    return f"About **{duration(seconds)}** on this machine's {devices.name_of(device)}.{queue}"


def _start(request: Request) -> None:
    """Start the training that is asked for, and look at it."""
    session.choose_run(actions.start(request.name, request.config, request.device).name)
    st.session_state["just_started"] = True
