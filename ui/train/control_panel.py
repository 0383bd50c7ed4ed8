"""Steering a run: what can be asked of a training while it goes on, and of a run that has ended."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.shell import actions, owner
from ui.text import plain
from vae.config import MOST_EPOCHS, RunConfig, TrainingConfig
from vae.errors import ExplorerError
from vae.runs.folder import RunFolder
from vae.runs.status import Status
from vae.training.control import ControlRequest

SECONDS_BETWEEN_LOOKS = 0.5
BETAS = (0, 0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100)
LEARNING_RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1)
MORE_EPOCHS = 10
BETA_LABEL = "Beta, the weight of the KL term"


def show(folder: RunFolder, active: bool, remove: Callable[[RunFolder], None]) -> None:
    """The panel of a run; it looks at the folder by itself while the run is active. `remove` asks whether to delete it."""
    st.fragment(_panel, run_every=SECONDS_BETWEEN_LOOKS if active else None)(folder, active, remove)


def _panel(folder: RunFolder, active: bool, remove: Callable[[RunFolder], None]) -> None:
    """What a training and its end have in common stands in the same place, so that stopping moves nothing."""
    try:
        (config, _), status = folder.read_config(), folder.read_status()
    except ExplorerError as error:
        if active:
            st.error(plain(error))
        return  # else the curves say so
    if status.active and not active:
        st.rerun()  # the whole page, once: it looks by itself again
    if status.active:
        _training(folder, config, status)
    else:
        _ended(folder, config, status, remove)
    actions.tell()


def _training(folder: RunFolder, config: RunConfig, status: Status) -> None:
    try:
        wish = folder.read_control()
    except ExplorerError:  # the training says what it does not obey; the next wish takes its place
        wish = ControlRequest()
    _buttons(folder, config, status, wish)
    _beta(folder, config.training, wish)
    _learning_rate(folder, config.training, wish)
    _epochs(folder, config, wish)
    words = "In force from the next step on, and marked on the curves." if owner.may_act() else owner.SENTENCE
    st.html(f'<p class="small">{words}</p>')
    if status.notice:
        st.warning(plain(status.notice))


def _buttons(folder: RunFolder, config: RunConfig, status: Status, wish: ControlRequest) -> None:
    left, right = st.columns(2, gap="small")
    ask(right, "Stop", "stop", folder, {"stop": True}, disabled=wish.stop)
    if status.state == "queued":
        left.button("Pause", disabled=True, width="stretch", key="pause")
    elif status.state == "paused":
        waiting = wish.pause_at is not None and wish.pause_at <= status.step
        steps = max(status.total_steps // config.training.epochs, 1)
        end_of_epoch = steps * (status.step // steps + 1)
        ask(left, "Go on", "go_on", folder, {"pause_at": None}, disabled=not waiting, type="primary")
        ask(left, "One batch", "one_batch", folder, {"pause_at": status.step + 1}, disabled=not waiting)
        ask(right, "One epoch", "one_epoch", folder, {"pause_at": end_of_epoch}, disabled=not waiting, help="To its end")
    else:
        ask(left, "Pause", "pause", folder, {"pause_at": 0}, disabled=wish.pause_at == 0)


def ask(place: DeltaGenerator, label: str, key: str, folder: RunFolder, changes: dict, **options: object) -> None:
    """A button that asks something of a training."""
    actions.button(place, label, key, lambda: actions.steer(folder, **changes), **options)


def _beta(folder: RunFolder, training: TrainingConfig, wish: ControlRequest) -> None:
    _slider(BETA_LABEL, "beta", folder, BETAS, wish.beta, training.beta, training.beta_schedule)


def _learning_rate(folder: RunFolder, training: TrainingConfig, wish: ControlRequest) -> None:
    rate = training.learning_rate
    _slider("Learning rate", "learning_rate", folder, LEARNING_RATES, wish.learning_rate, rate, training.schedule)


def _slider(
    label: str, field: str, folder: RunFolder, usual: tuple[float, ...], by_hand: float | None, asked: float, schedule: str
) -> None:
    """A slider over the usual values and those in use. None, its left end, leaves the value to a schedule that moves."""
    moves = schedule != "constant"
    values = sorted({*map(float, usual), float(asked), *([] if by_hand is None else [float(by_hand)])})
    options = [None, *values] if moves else values
    shown = by_hand if by_hand is not None or moves else float(asked)

    def choose(value: float | None) -> None:
        actions.attempt(lambda: actions.steer(folder, **{field: None if not moves and value == asked else value}))

    widget = actions.for_visitors(_widget_that_shows(shown, f"steer_{field}_{folder.name}", choose))
    st.select_slider(label, options, shown, format_func=lambda value: schedule if value is None else f"{value:g}", **widget)


def _epochs(folder: RunFolder, config: RunConfig, wish: ControlRequest) -> None:
    least = config.training.epochs
    shown = max(least, wish.epochs or 0)

    def lengthen(epochs: int) -> None:
        actions.attempt(lambda: actions.steer(folder, epochs=epochs))

    widget = {"help": "A run can be made longer while it is trained"}
    widget |= _widget_that_shows(shown, f"steer_epochs_{folder.name}", lengthen)
    st.number_input("Epochs in all", least, None, shown, **actions.for_visitors(widget))


def _widget_that_shows(value: float | None, name: str, choose: Callable) -> dict:
    """Key and callback of the widget in use, or of a new one where that does not show `value`: it was wished for elsewhere.

    Such a widget has its value by default, which every message about it repeats. A value that is set reaches the browser in a
    single message, and that goes wrong twice: a press that the browser is about to tell of is undone, and while the browser
    still loads what draws the widget the next look's message takes the place of this one, so that the first option is shown
    and reported as chosen.
    """
    key = _key(name)
    if st.session_state.get(key, value) != value:
        st.session_state[name] = st.session_state.get(name, 0) + 1
        key = _key(name)

    def take() -> None:
        if key == _key(name):  # else the browser still told of the widget before
            choose(st.session_state[key])

    return {"key": key, "on_change": take}


def _key(name: str) -> str:
    return f"{name}_{st.session_state.get(name, 0)}"


def can_go_on(folder: RunFolder, status: Status) -> bool:
    """Whether a run that was stopped or has failed can be taken up again."""
    return status.step == 0 or folder.can_go_on()


def _ended(folder: RunFolder, config: RunConfig, status: Status, remove: Callable[[RunFolder], None]) -> None:
    _ended_buttons(folder, status, remove)
    if folder.can_go_on():
        _rest(config.training)
        _longer(folder, config)


def _ended_buttons(folder: RunFolder, status: Status, remove: Callable[[RunFolder], None]) -> None:
    left, right = st.columns(2, gap="small")
    if status.state == "finished":
        if left.button("Explore it", type="primary", width="stretch", key="explore"):
            st.switch_page("app.py")
    elif can_go_on(folder, status):
        actions.button(left, "Go on", "resume", lambda: actions.resume(folder), type="primary")
    if status.state == "failed":
        if right.button("Remove it", key="remove_failed", **actions.for_visitors({"width": "stretch"})):
            remove(folder)
    elif status.state == "stopped":
        right.button("Stop", disabled=True, width="stretch", key="stop")


def _rest(training: TrainingConfig) -> None:
    """The sliders of a training, at rest."""
    for label, value in ((BETA_LABEL, training.beta), ("Learning rate", training.learning_rate)):
        options = sorted({*map(float, BETAS if label == BETA_LABEL else LEARNING_RATES), float(value)})
        st.select_slider(
            label, options, float(value), format_func=lambda one: f"{one:g}", disabled=True, key=f"rest_{label}_{value}"
        )


def _longer(folder: RunFolder, config: RunConfig) -> None:
    """More epochs than the run has; fewer cannot be asked for."""
    epochs = config.training.epochs
    key = f"lengthen_{folder.name}_{epochs + 1}"
    number, button = st.columns(2, gap="small", vertical_alignment="bottom")
    asked = number.number_input("Epochs in all", **actions.for_visitors({"value": epochs + MORE_EPOCHS, "key": key}))
    more = asked is not None and epochs < asked <= MOST_EPOCHS
    actions.button(
        button, "Train longer", "lengthen", lambda: actions.lengthen(folder, int(st.session_state[key])), disabled=not more
    )
    if not more:
        st.error(f"This run has {epochs:,} epochs; ask for more than that, {MOST_EPOCHS:,} at most.")
