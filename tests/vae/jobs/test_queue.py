"""Whose turn it is, and behind whom a queued run waits."""

from __future__ import annotations

import time

import pytest

from tests.conftest import small_config, wait_until
from vae.jobs.queue import runs_ahead, start_when_first
from vae.jobs.train_run import start_process
from vae.runs.folder import RunFolder
from vae.runs.lifecycle import queue_again
from vae.runs.status import Status

pytestmark = pytest.mark.slow


def standing(root, name: str, state: str, asked: float = 0.0) -> RunFolder:
    folder = RunFolder.create(root / name, small_config())
    folder.write_status(Status(state, asked=asked, host="another"))
    return folder


def ahead_of(folder: RunFolder) -> list[str]:
    return [ahead.run.name for ahead in runs_ahead(folder, folder.read_status())]


def test_a_run_waits_for_those_that_run_and_then_for_those_that_asked_earlier(tmp_path):
    now = time.time()
    last = standing(tmp_path, "a-last", "queued", asked=now)
    standing(tmp_path, "b-second", "queued", asked=now - 5)
    standing(tmp_path, "c-first", "queued", asked=now - 9)
    standing(tmp_path, "d-later", "queued", asked=now + 1)
    standing(tmp_path, "e-running", "running", asked=now)
    for state in ("finished", "stopped", "failed", "paused"):
        standing(tmp_path, f"f-{state}", state)
    damaged = standing(tmp_path, "g-damaged", "running")
    (damaged.path / "status.json").write_text("{")
    assert ahead_of(last) == ["e-running", "c-first", "b-second"]


def test_a_paused_run_gives_up_its_turn(tmp_path):
    waiting, taken = standing(tmp_path, "waiting", "queued", asked=time.time()), []
    other = standing(tmp_path, "other", "running")
    assert not start_when_first(waiting, waiting.read_status(), lambda: taken.append(1)) and not taken
    other.write_status(Status("paused", host="another"))
    assert start_when_first(waiting, waiting.read_status(), lambda: taken.append(1)) and taken


def test_a_run_that_was_paused_goes_on_at_once_beside_the_one_that_had_its_turn(tmp_path):
    paused, other = (RunFolder.create(tmp_path / name, small_config(epochs=100_000)) for name in ("paused", "other"))
    paused.steer(pause_at=3)
    processes = [start_process(paused, device="cpu")]
    try:
        wait_until(lambda: paused.read_status().state == "paused", "the pause")
        processes.append(start_process(other, device="cpu"))
        wait_until(lambda: other.read_status().step > 3, "the other's turn")
        paused.steer(pause_at=None)
        wait_until(lambda: paused.read_status().step > 12, "going on")
        step = other.read_status().step
        wait_until(lambda: other.read_status().step > step, "the other beside it")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_queued_run_whose_process_is_gone_can_be_asked_for_again(tmp_path, monkeypatch):
    folder = standing(tmp_path, "stale", "queued", asked=1.0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert folder.read_status().state == "stopped"
    queue_again(folder)
    assert folder.read_status().state == "queued" and ahead_of(folder) == []
