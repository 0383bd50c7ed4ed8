"""A training that is steered through its folder while it runs."""

import dataclasses
import json
import math
import os
import shutil
import threading

import pytest
import torch

import vae
from tests.conftest import command, small_config, wait_until
from vae.errors import ConfigError, RunError, TrainingError
from vae.jobs.train_run import start_process, train_run
from vae.runs import atomic_files, locks
from vae.runs.folder import RunFolder, load_run
from vae.runs.lifecycle import lengthen, queue_again, thin
from vae.training.control import ControlRequest
from vae.training.trainer import Trainer

pytestmark = pytest.mark.slow


class Training:
    """A training in a thread of its own, to be steered by its folder alone."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.error = folder, None
        self.thread = threading.Thread(target=self._train, daemon=True)
        self.thread.start()

    def _train(self) -> None:
        try:
            train_run(self.folder, device="cpu")
        except Exception as error:
            self.error = error

    def until(self, state: str) -> vae.runs.status.Status:
        wait_until(lambda: self.folder.read_status(as_written=True).state == state, f"the state {state}")
        return self.folder.read_status(as_written=True)

    def until_step(self, step: int) -> None:
        wait_until(lambda: self.folder.read_status(as_written=True).step >= step, f"step {step}")

    def end(self) -> None:
        self.folder.steer(stop=True)
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def training(tmp_path):
    started = Training(RunFolder.create(tmp_path / "run", small_config(epochs=5000, report_every=4)))
    yield started
    if started.thread.is_alive():
        started.end()


def steps(folder: RunFolder) -> list:
    return [report for report in folder.read_metrics() if report.scope == "steps"]


def test_another_beta_and_learning_rate_are_in_force_and_recorded(training):
    folder = training.folder
    training.until_step(8)
    folder.steer(beta=4.0, learning_rate=1e-4)
    wait_until(lambda: any(report.beta == 4 for report in steps(folder)), "the new beta")
    folder.steer(beta=None)
    wait_until(lambda: any("as scheduled" in report.steered for report in steps(folder)), "the schedule's beta")
    training.end()
    reports = steps(folder)
    marked = [report for report in reports if report.steered]
    assert [report.steered for report in marked] == ["beta 4, learning rate 0.0001", "beta as scheduled"]
    first, second = (reports.index(report) for report in marked)
    assert {(report.beta, report.learning_rate) for report in reports[:first]} == {(1.0, 3e-3)}
    assert {(report.beta, report.learning_rate) for report in reports[first:second]} == {(4.0, 1e-4)}
    assert {(report.beta, report.learning_rate) for report in reports[second:]} == {(1.0, 1e-4)}
    numbers = [report.step for report in reports]
    assert numbers == sorted(set(numbers))


def test_pause_steps_and_going_on(training):
    folder = training.folder
    training.until_step(8)
    folder.steer(pause_at=0)
    paused = training.until("paused")
    wait_until(lambda: load_run(folder.path).step == paused.step, "the weights of the paused step")
    assert folder.snapshot_of_step(paused.step) is not None
    folder.steer(pause_at=paused.step + 1)
    wait_until(lambda: load_run(folder.path).step == paused.step + 1, "one step")
    assert training.until("paused").step == paused.step + 1
    epoch = 12 * math.ceil((paused.step + 2) / 12)
    folder.steer(pause_at=epoch)
    wait_until(lambda: load_run(folder.path).step == epoch, "the rest of the epoch")
    assert training.until("paused").step == epoch
    assert steps(folder)[-1].step == epoch
    folder.steer(pause_at=None)
    training.until_step(epoch + 12)
    assert folder.read_status(as_written=True).state == "running"


def test_a_paused_training_can_be_stopped_and_goes_on_with_what_was_set_by_hand(training):
    folder = training.folder
    training.until_step(8)
    folder.steer(pause_at=0, beta=2.5)
    training.until("paused")
    training.end()
    assert folder.read_status().state == "stopped" and not (folder.path / "control.json").exists()
    again = Training(folder)
    at = folder.read_status(as_written=True).step
    again.until_step(at + 8)
    assert folder.read_control().beta == 2.5
    again.end()
    assert {report.beta for report in steps(folder) if report.step > at} == {2.5}


@pytest.mark.parametrize("when", ["with the pause", "while it is paused"])
def test_what_is_set_by_hand_and_never_in_force_before_a_stop_is_told_when_it_is(when, training):
    folder = training.folder
    training.until_step(8)
    folder.steer(pause_at=0, **({"beta": 2.5} if when == "with the pause" else {}))
    at = training.until("paused").step
    if when == "while it is paused":
        folder.steer(beta=2.5)
    training.end()
    assert not any(report.steered for report in steps(folder))
    again = Training(folder)
    again.until_step(at + 8)
    again.end()
    after = [report for report in steps(folder) if report.step > at]
    assert {report.beta for report in after} == {2.5}
    assert [report.steered for report in after if report.steered] == ["beta 2.5"] == [after[0].steered]


def test_what_is_set_by_hand_during_a_pause_outlives_a_training_that_is_killed(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=5000, report_every=4))
    process = start_process(folder, device="cpu")
    wait_until(lambda: folder.read_status().step >= 8, "the training")
    folder.steer(pause_at=0)
    wait_until(lambda: folder.read_status().state == "paused", "the pause")
    folder.steer(beta=2.5)
    wait_until(lambda: folder.read_trainer()[1].get("beta") == 2.5, "the wish in the trainer's state")
    process.kill()
    process.wait(60)
    at = folder.read_status().step
    again = Training(folder)
    again.until_step(at + 4)
    again.end()
    assert {report.beta for report in steps(folder) if report.step > at} == {2.5}


def test_that_a_resumed_training_follows_its_schedule_again_is_told(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=200, report_every=4))
    training = Training(folder)
    folder.steer(pause_at=24)
    training.until("paused")
    folder.steer(beta=4.0, pause_at=48)
    wait_until(lambda: folder.read_model(small_config())[1] == 48, "the weights of the second pause")
    with monkeypatch.context() as broken:
        broken.setattr(Trainer, "check_weights", raise_training_error)
        folder.steer(pause_at=None)
        training.thread.join(60)
    assert folder.read_status().state == "failed"
    again = Training(folder)
    again.until_step(60)
    again.end()
    after = [report for report in steps(folder) if report.step > 48]
    assert {report.beta for report in after} == {1.0}
    assert [report.steered for report in steps(folder) if report.steered] == ["beta 4", "beta as scheduled"]
    assert after[0].steered == "beta as scheduled"


def raise_training_error(trainer: Trainer) -> None:
    raise TrainingError("The weights are no longer finite.")


def test_it_is_lengthened_while_its_last_epoch_is_evaluated(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=2))

    def ask_for_more(report) -> None:
        if report.split == "held_out" and report.epoch == 2:
            folder.steer(epochs=4)

    status = train_run(folder, device="cpu", on_report=ask_for_more)
    assert (status.state, status.epoch, status.step) == ("finished", 4, 48)
    assert folder.read_config()[0].training.epochs == 4


def test_a_pause_changes_nothing_in_what_is_learnt(tmp_path):
    config = small_config(epochs=4, schedule="one-cycle", report_every=12)
    whole, paused = (RunFolder.create(tmp_path / name, config) for name in ("whole", "paused"))
    train_run(whole, device="cpu")
    training = Training(paused)
    paused.steer(pause_at=17)
    training.until("paused")
    paused.steer(pause_at=None)
    training.thread.join(60)
    epochs = [[dataclasses.replace(r, seconds=0.0) for r in f.read_metrics() if r.scope == "epoch"] for f in (whole, paused)]
    assert epochs[0] == epochs[1] and 17 in [report.step for report in steps(paused)]
    for ours, expected in zip(*(load_run(folder.path).model.parameters() for folder in (paused, whole)), strict=True):
        assert torch.equal(ours, expected)


def test_it_is_lengthened_while_it_runs_and_after_its_end(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=2))
    training = Training(folder)
    folder.steer(pause_at=5)
    training.until("paused")
    folder.steer(epochs=3, pause_at=None)
    training.thread.join(60)
    status = folder.read_status()
    assert (status.state, status.epoch, status.total_steps) == ("finished", 3, 36)
    assert folder.read_config()[0].training.epochs == 3
    with pytest.raises(RunError, match="3 epochs already"):
        lengthen(folder, 3)
    lengthen(folder, 4)
    status = folder.read_status()
    assert (status.state, status.step, status.total_steps) == ("stopped", 36, 48)
    assert train_run(folder, device="cpu").epoch == 4
    assert [path.stem for path in folder.snapshot_paths()] == ["0000", "0001", "0002", "0003", "0004"]
    thin(folder, 2)
    with pytest.raises(RunError, match="thinned"):
        lengthen(folder, 5)


@pytest.mark.parametrize("written", [0, 1])
def test_a_run_whose_lengthening_was_interrupted_can_be_lengthened_again(written, small_run, monkeypatch):
    write, left = atomic_files.write_json, [None] * written

    def interrupt(*arguments) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        write(*arguments)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(atomic_files, "write_json", interrupt)
        with pytest.raises(KeyboardInterrupt):
            lengthen(small_run, 3)
    lengthen(small_run, 3)
    status = train_run(small_run, device="cpu")
    assert (status.state, status.epoch, status.total_steps) == ("finished", 3, 36)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"beta": -1}, "beta is -1"),
        ({"beta": "NaN"}, "beta is 'NaN'"),
        ({"learning_rate": 1e400}, "learning rate is inf"),
        ({"learning_rate": 0}, "learning rate is 0"),
        ({"pause_at": 1.5}, "pause_at is 1.5"),
        ({"epochs": 0}, "epochs is 0"),
        ({"stop": 1}, "stop is 1"),
        ({"reboot": True}, "cannot be asked for reboot"),
    ],
)
def test_a_wish_that_cannot_be_is_one_sentence(wish, words):
    with pytest.raises(ConfigError, match=words):
        ControlRequest.from_dict(wish)


def test_of_many_who_steer_at_once_nobody_undoes_what_another_asked(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config())
    wishes = {"beta": 4.0, "learning_rate": 1e-4, "pause_at": 7, "epochs": 9, "stop": True}

    def ask(name: str, value: object) -> None:
        for turn in range(20):
            folder.steer(**{name: value if turn % 2 else getattr(ControlRequest(), name)})

    threads = [threading.Thread(target=ask, args=wish) for wish in wishes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folder.read_control() == ControlRequest(**wishes)


def test_what_is_asked_while_a_run_is_queued_again_counts_more_than_what_it_was_trained_with(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=5000, report_every=4))
    training = Training(folder)
    folder.steer(beta=2.0, learning_rate=1e-4)
    training.until_step(8)
    wait_until(lambda: any(report.beta == 2 for report in steps(folder)), "the wish")
    training.end()
    queue_again(folder)
    folder.steer(beta=4.0)
    again = Training(folder)
    wait_until(lambda: any(report.beta == 4 for report in steps(folder)), "the newer wish")
    assert folder.read_control() == ControlRequest(beta=4.0, learning_rate=1e-4)
    again.end()
    assert steps(folder)[-1].learning_rate == 1e-4


def test_a_folder_that_cannot_be_written_to_is_one_sentence_for_who_steers(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config())
    (folder.path / "control.lock").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        folder.steer(beta=2.0)


def test_a_training_says_what_it_does_not_obey_and_goes_on(training):
    folder = training.folder
    training.until_step(8)
    (folder.path / "control.json").write_text(json.dumps({"beta": -3}))
    wait_until(lambda: "beta is -3" in folder.read_status(as_written=True).notice, "the sentence")
    step = folder.read_status(as_written=True).step
    training.until_step(step + 8)
    folder.steer(beta=2.0)
    wait_until(lambda: folder.read_status(as_written=True).notice == "", "the end of the sentence")
    assert folder.read_control() == ControlRequest(beta=2.0)


def test_a_learning_rate_that_blows_up_fails_and_going_on_starts_from_the_last_good_weights(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=200, report_every=4))
    training = Training(folder)
    folder.steer(pause_at=24)
    training.until("paused")
    folder.steer(learning_rate=10.0, pause_at=None)
    training.thread.join(60)
    assert isinstance(training.error, TrainingError)
    status = folder.read_status()
    assert status.state == "failed" and "not finite" in status.message
    run = load_run(folder.path)  # would refuse weights that are not finite
    assert folder.snapshot_of_step(run.step) is not None
    again = Training(folder)
    again.until_step(run.step + 12)
    again.end()
    assert steps(folder)[-1].learning_rate == 3e-3


def test_the_command_line_steers(training):
    folder = training.folder
    training.until_step(8)
    said = command("steer", folder.path, "--beta", 3, "--pause")
    assert said.returncode == 0 and "beta = 3.0, pause_at = 0" in said.stdout
    training.until("paused")
    assert folder.read_control() == ControlRequest(beta=3.0, pause_at=0)
    assert command("steer", folder.path, "--beta", "-1").returncode == 2
    no_longer = command("steer", folder.path, "--epochs", 5000)
    assert no_longer.returncode == 2 and "5000 epochs already" in no_longer.stderr
    training.end()
    refused = command("steer", folder.path, "--go-on")
    assert refused.returncode == 2 and "is stopped" in refused.stderr


def test_a_run_that_was_deleted_is_not_steered_into_being(small_run):
    shutil.rmtree(small_run.path)
    with pytest.raises(RunError, match="there no longer"):
        small_run.steer(beta=2.0)
    assert not small_run.path.exists()


@pytest.mark.parametrize("spoil", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_training_goes_on_beside_a_control_file_that_is_none_and_says_so(training, spoil):
    folder = training.folder
    training.until_step(8)
    spoil(folder.path / "control.json")
    wait_until(lambda: "control.json cannot be read" in folder.read_status(as_written=True).notice, "the sentence")
    step = folder.read_status(as_written=True).step
    training.until_step(step + 8)
    if spoil is os.mkdir:
        (folder.path / "control.json").rmdir()  # a wish takes the place of the others by itself


def test_a_finished_training_is_finished_whatever_lies_at_control_json(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config())
    (folder.path / "control.json").mkdir()
    assert train_run(folder).state == "finished" and folder.read_status().state == "finished"


def test_a_folder_in_place_of_the_control_file_is_said_to_be_in_the_way(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config())
    (folder.path / "control.json").mkdir()
    with pytest.raises(RunError, match=r"control.json cannot be written .*move away what is in its place") as caught:
        folder.steer(beta=2.0)
    assert "make room" not in str(caught.value)


def test_a_lock_that_somebody_keeps_is_waited_for_a_while_and_then_told(tmp_path, monkeypatch):
    monkeypatch.setattr(vae.runs.control_file, "SECONDS_TO_GET_THE_LOCK", 0.1)
    folder = RunFolder.create(tmp_path / "run", small_config())
    with locks.acquire(folder.path / "control.lock", 0):
        with pytest.raises(RunError, match=r"has held .*control.lock"):
            folder.steer(beta=2.0)
        assert folder.read_control() == ControlRequest()
    folder.steer(beta=2.0)
    assert folder.read_control().beta == 2.0


def test_whoever_waits_for_a_turn_can_be_stopped_while_the_queue_is_kept_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr(vae.jobs.queue, "SECONDS_TO_GET_THE_LOCK", 0.05)
    folder = RunFolder.create(tmp_path / "run", small_config())
    with locks.acquire(tmp_path / ".queue.lock", 0):
        looks = iter(range(100))
        assert train_run(folder, queue=True, should_stop=lambda: next(looks) > 3).state == "stopped"
    assert train_run(folder, queue=True).state == "finished"
