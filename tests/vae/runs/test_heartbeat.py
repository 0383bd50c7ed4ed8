"""Heartbeats by other clocks: of a machine whose clock is wrong, and of this one after its own was put right."""

import itertools
import socket
from types import SimpleNamespace

import pytest

from tests.conftest import small_config
from vae.jobs.queue import start_when_first
from vae.jobs.train_run import train_run
from vae.runs import heartbeat, watched_folder
from vae.runs.folder import RunFolder
from vae.runs.heartbeat import Pulses
from vae.runs.status import Status

HOURS = 3600.0


class Clocks:
    """This machine's two clocks: `wall` may be set, `steady` only goes on."""

    def __init__(self) -> None:
        self.wall, self.steady = 1.7e9, 50.0

    def wait(self, seconds: float) -> None:
        self.wall, self.steady = self.wall + seconds, self.steady + seconds


@pytest.fixture
def clocks(monkeypatch) -> Clocks:
    clocks = Clocks()
    time = SimpleNamespace(time=lambda: clocks.wall, monotonic=lambda: clocks.steady)
    monkeypatch.setattr(heartbeat, "time", time)
    monkeypatch.setattr(watched_folder, "PULSES", Pulses())
    return clocks


def tell(folder: RunFolder, monkeypatch, beat: float, state: str = "running", host: str = "far-away") -> None:
    with monkeypatch.context() as patch:
        patch.setattr(watched_folder.time, "time", lambda: beat)
        folder.write_status(Status(state, host=host, asked=beat))


@pytest.mark.parametrize("ahead", [-2 * HOURS, -60.0, 0.0, 60.0, 2 * HOURS])
def test_a_training_is_alive_while_its_heartbeat_moves_and_dead_when_it_stands_still(tmp_path, clocks, monkeypatch, ahead):
    """Whatever the clock says that tells it. A page looks more often than heartbeats come."""
    folder = RunFolder.create(tmp_path / "run", small_config())
    for _ in range(3):
        tell(folder, monkeypatch, clocks.wall + ahead)
        states = []
        for _ in range(10):
            clocks.wait(0.4)
            states.append(folder.read_status().state)
    assert states == ["running"] * 10
    clocks.wait(30)
    assert folder.read_status().state == "stopped"


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_dead_run_from_the_future_blocks_nobody_for_long(tmp_path, clocks, monkeypatch, state):
    """A clock two hours ahead was put right after the training's death."""
    dead, waits = (RunFolder.create(tmp_path / name, small_config()) for name in ("dead", "waits"))
    host = "far-away" if state == "running" else socket.gethostname()
    tell(dead, monkeypatch, clocks.wall + 2 * HOURS, state, host)
    asked = Status("queued", asked=clocks.wall + 3 * HOURS)
    assert not start_when_first(waits, asked, lambda: None) and dead.read_status().state == state
    clocks.wait(61)
    assert dead.read_status().state == "stopped"
    assert start_when_first(waits, asked, lambda: None)


def test_one_on_this_machine_is_seen_to_be_dead_at_once(tmp_path, clocks, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", small_config())
    tell(folder, monkeypatch, clocks.wall + 2 * HOURS, host=socket.gethostname())
    assert folder.read_status().state == "stopped"


def test_a_clock_that_is_put_back_hides_nothing_of_a_training(tmp_path, monkeypatch):
    """It goes on to tell where it stands and to do what is asked."""
    folder, later = RunFolder.create(tmp_path / "run", small_config(epochs=400)), itertools.count()

    def put_back() -> float:
        return 1.7e9 - 10.0 * next(later)  # at every look

    monkeypatch.setattr("time.time", put_back)
    told = []

    def on_report(report) -> None:
        told.append(folder.read_status(as_written=True).step)
        if report.step > 30:
            folder.steer(stop=True)

    status = train_run(folder, device="cpu", on_report=on_report)
    assert status.state == "stopped" and status.step < 400 * 12
    assert len(set(told)) > 2
