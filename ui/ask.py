"""The form that asks for a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ui import resources, state
from vae.arguments import command_line, widths
from vae.config import (
    ACTIVATIONS,
    ARCHITECTURES,
    DATASETS,
    HELD_OUT,
    LIKELIHOODS,
    SCHEDULES,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from vae.errors import ExplorerError, describe
from vae.run import RunFolder, check_name, list_runs, runs_folder
from vae.worker import start_process

EPOCHS = {"digits": 60}
OTHER_EPOCHS = 10
MESSAGE = "start_message"


@dataclass(frozen=True)
class Request:
    """What the form asks for."""

    name: str
    config: RunConfig


@st.fragment
def show() -> None:
    """The form with its estimate and its button. Bad settings are told in one sentence and cannot be started."""
    try:
        request = _form()
    except ExplorerError as error:
        st.error(str(error))
        request = None
    expectation = st.empty()
    expectation.markdown("Estimating the time it takes ...")
    st.button("Start training", type="primary", width="stretch", disabled=request is None, on_click=_start, args=(request,))
    if message := st.session_state.pop(MESSAGE, None):
        st.error(message)
    if st.session_state.pop("just_started", False):
        st.rerun()
    if request is None:
        expectation.empty()
        return
    with st.expander("As a command"):
        st.code(command_line(request.config, Path("checkpoints") / request.name), language="bash", wrap_lines=True)
    try:
        expectation.markdown(_expectation(request))
    except (ExplorerError, RuntimeError) as error:  # a model that does not fit into memory, say
        expectation.error(str(error))


def _form() -> Request:
    left, right = st.columns(2, gap="small")
    dataset = left.selectbox("Data set", DATASETS, DATASETS.index("digits"), key="ask_dataset")
    architecture = right.selectbox("Model", ARCHITECTURES, ARCHITECTURES.index("mlp"), key="ask_model")
    epochs = left.number_input("Epochs", 1, value=EPOCHS.get(dataset, OTHER_EPOCHS), key=f"ask_epochs_{dataset}")
    beta = right.number_input("Beta", 0.0, value=1.0, step=0.5, key="ask_beta", help="The weight of the KL term")
    with st.expander("More settings"):
        model, held_out = _model_settings(architecture)
        training = _training_settings(epochs, beta)
    free = _free_name(f"{dataset}-{architecture}")
    name = st.text_input("Name", free, key=f"ask_name_{free}", max_chars=64)
    return Request(check_name(name.strip()), RunConfig(dataset, model, training, held_out))


def _model_settings(architecture: str) -> tuple[ModelConfig, str]:
    default = ModelConfig(architecture)
    left, right = st.columns(2, gap="small")
    latent = left.number_input("Latent dimensions", 1, value=2, key="ask_latent", help="The plane needs 2")
    likelihood = right.selectbox("Likelihood", LIKELIHOODS, key="ask_likelihood")
    scale = default.scale
    if likelihood == "gaussian":
        scale = left.number_input("Scale", 0.01, value=default.scale, step=0.05, key="ask_scale")
    activation = right.selectbox("Activation", ACTIVATIONS, key="ask_activation")
    fourier = left.number_input("Fourier features", 0, value=0, key="ask_fourier", help="sin and cos of z, 2z, 4z, ...")
    layers: dict[str, tuple[int, ...] | None] = {"encoder_widths": None, "decoder_widths": None}
    if architecture == "mlp":
        for column, part in zip((left, right), ("encoder", "decoder"), strict=True):
            text = column.text_input(f"{part.capitalize()} widths", "512,512", key=f"ask_{part}")
            layers[f"{part}_widths"] = widths(text)
    held_out = left.selectbox("Held out", HELD_OUT, key="ask_held_out", help="Choose settings by validation, report on test")
    return ModelConfig(
        architecture, latent, likelihood, scale, **layers, activation=activation, fourier_features=fourier
    ), held_out


def _training_settings(epochs: int, beta: float) -> TrainingConfig:
    left, right = st.columns(2, gap="small")
    batch = left.number_input("Batch size", 1, value=64, key="ask_batch")
    rate = right.number_input("Learning rate", 0.0, value=2e-3, step=1e-3, format="%.5f", key="ask_rate")
    schedule = left.selectbox("Schedule", SCHEDULES, SCHEDULES.index("one-cycle"), key="ask_schedule")
    decay = right.number_input("Weight decay", 0.0, value=0.0, step=0.01, format="%.4f", key="ask_decay")
    clip = left.number_input("Longest gradient", 0.0, value=None, key="ask_clip", placeholder="any", help="Clips its norm")
    seed = right.number_input("Seed", 0, value=0, key="ask_seed")
    return TrainingConfig(epochs, batch, rate, decay, clip, schedule, beta, seed)


def _free_name(stem: str) -> str:
    taken = {folder.name for folder in list_runs()}
    return next(name for name in (f"{stem}-{number}" for number in range(1, 10_000)) if name not in taken)


def _expectation(request: Request) -> str:
    seconds = resources.estimated_seconds(request.config)
    waiting = sum(1 for folder in list_runs() if resources.is_active(folder))
    queue = f" It starts after {waiting} other run{'s' * (waiting > 1)}." if waiting else ""
    return f"About **{duration(seconds)}** on this machine's {resources.device_name()}.{queue}"


def duration(seconds: float) -> str:
    """Seconds as a lecturer would say them."""
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} hours"


def _start(request: Request) -> None:
    """Write what is asked into a new folder and start the process that trains it."""
    try:
        folder = RunFolder.create(runs_folder() / request.name, request.config)
        start_process(folder)
    except (ExplorerError, OSError) as error:
        st.session_state[MESSAGE] = describe(error)
        return
    state.choose_run(folder.name)
    st.session_state["just_started"] = True
