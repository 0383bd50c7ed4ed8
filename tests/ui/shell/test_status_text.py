"""Where a training stands, in words."""

from __future__ import annotations

import pytest

from ui.shell.status_text import brief, headline
from vae.runs.status import Status


def at(state: str, step: int, **more: object) -> Status:
    """A run of 12 steps an epoch."""
    return Status(state, epoch=step // 12, step=step, total_steps=60, **more)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (at("paused", 16), "paused, in epoch 2 of 5"),
        (at("paused", 12), "paused, after epoch 1 of 5"),
        (at("stopped", 60), "stopped, after epoch 5 of 5"),
        (at("stopped", 0), "stopped, after epoch 0 of 5"),
        (at("running", 0), "running, in epoch 1 of 5"),
        (at("running", 60), "running, in epoch 5 of 5"),
        (Status("running"), "running, in epoch 1 of 5"),
        (at("queued", 12), "queued"),
        (at("finished", 60), ""),
    ],
)
def test_a_training_is_in_an_epoch_or_after_one(status, words):
    assert brief(status, 5) == words
    if status.state == "paused":
        assert headline(status, 5).endswith(words.removeprefix("paused, "))


def test_speed_and_time_are_told_once_they_are_known():
    assert headline(at("running", 0, device="cpu"), 5) == "**training** on cpu: epoch 1 of 5"
    known = at("running", 12, device="cpu", images_per_second=1234.5, seconds_left=30.0)
    assert headline(known, 5) == "**training** on cpu: epoch 2 of 5, 1,234 images a second, 30 s left"
    assert headline(at("running", 0, message="Getting the data."), 5) == "**training**: Getting the data."
    stopped = at("stopped", 16, message="Stopped after step 16 of 60; resume it to go on.")
    assert headline(stopped, 5) == "**stopped**, in epoch 2 of 5. Stopped after step 16 of 60."
