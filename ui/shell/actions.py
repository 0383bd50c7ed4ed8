"""All that a page can do to runs: for the owner alone and within this server's limits, wherever the button is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import text
from ui.shell import limits, owner
from vae.config import RunConfig
from vae.diffusion import job as prior_worker
from vae.diffusion.folder import PriorFolder
from vae.errors import ExplorerError, describe, telling_of_memory
from vae.jobs.train_run import start_process
from vae.runs import lifecycle
from vae.runs.disk_size import bytes_on_disk
from vae.runs.folder import RunFolder, check_name, runs_folder

MESSAGE = "action_message"
RUN, NEW_RUN, UPKEEP = "run", "new run", "upkeep"
"""What a message is about, and so where on the page it is told."""

Asked, Given = ParamSpec("Asked"), TypeVar("Given")


def for_the_owner(action: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """Refuse an action to visitors, whoever calls it. Raises `NotTheOwner`."""

    @functools.wraps(action)
    def checked(*args: Asked.args, **words: Asked.kwargs) -> Given:
        owner.check()
        return action(*args, **words)

    return checked


# Each raises `ExplorerError`


@for_the_owner
def start(name: str, config: RunConfig, device: str) -> RunFolder:
    """Write what is asked into a new folder and start the process that trains it."""
    root = runs_folder()
    root.resolve().mkdir(parents=True, exist_ok=True)  # a link may lead to a folder that is not there yet
    limits.check_run(config)
    limits.check_room(root, bytes_on_disk(config))
    folder = RunFolder.create(root / check_name(name), config)
    start_process(folder, device)
    return folder


@for_the_owner
def resume(folder: RunFolder) -> None:
    """Go on with a run that was stopped or has failed."""
    limits.check_room(folder.path.parent)
    lifecycle.queue_again(folder)
    start_process(folder)


@for_the_owner
def lengthen(folder: RunFolder, epochs: int) -> None:
    """Train a run that has ended for so many epochs in all."""
    limits.check_run(folder.read_config()[0].with_epochs(epochs))
    limits.check_room(folder.path.parent)
    lifecycle.lengthen(folder, epochs)
    lifecycle.queue_again(folder)
    start_process(folder)


@for_the_owner
def steer(folder: RunFolder, **wish: object) -> None:
    """Ask something of a training, fields of `vae.training.control.ControlRequest`."""
    if wish.get("epochs") is not None:
        limits.check_run(folder.read_config()[0].with_epochs(wish["epochs"]))
    folder.steer(**wish)


@for_the_owner
def start_prior(folder: RunFolder, device: str) -> None:
    """Train a diffusion prior on a run's codes."""
    limits.check_room(folder.path.parent)
    prior_worker.start_process(folder, device)


@for_the_owner
def stop_prior(folder: RunFolder) -> None:
    """End the training of a run's prior."""
    PriorFolder.in_training(folder).ask_to_stop()


@for_the_owner
def rename(folder: RunFolder, name: str) -> RunFolder:
    """Give a run another name."""
    return lifecycle.rename_run(folder, name)


@for_the_owner
def delete(folder: RunFolder) -> None:
    """Remove a run for good."""
    lifecycle.delete_run(folder)


# How a page asks for them


def attempt(action: Callable[[], object], about: str = RUN) -> None:
    """Do what a button asks; what goes wrong is told at the next drawing."""
    try:
        with telling_of_memory():
            action()
    except (ExplorerError, OSError) as error:
        st.session_state[f"{MESSAGE} {about}"] = describe(error)


def tell(about: str = RUN) -> None:
    """What went wrong with the last button."""
    if message := st.session_state.pop(f"{MESSAGE} {about}", None):
        st.error(text.plain(message))


def button(
    place: DeltaGenerator, label: str, key: str, action: Callable[[], object], about: str = RUN, **options: object
) -> bool:
    """A button that attempts something, and whether it was pressed; visitors see it, cannot press it, and read why."""
    options = {"width": "stretch"} | for_visitors(options)
    return place.button(label, key=key, on_click=attempt, args=(action, about), **options)


def for_visitors(options: dict) -> dict:
    """A widget's options, and for visitors that it is disabled, and why."""
    return options if owner.may_act() else options | {"disabled": True, "help": owner.SENTENCE}
