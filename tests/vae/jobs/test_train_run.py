import dataclasses
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import torch
from safetensors.torch import load_file

import vae
from tests.conftest import ROOT, small_config, wait_until
from vae.errors import RunError, TrainingError
from vae.jobs.train_run import start_process, train_run
from vae.runs.folder import RunFolder, load_run
from vae.runs.lifecycle import lengthen, queue_again, thin
from vae.runs.status import Status

pytestmark = pytest.mark.slow


def start(folder: RunFolder, *options: str, **more) -> subprocess.Popen:
    words = [sys.executable, "-m", "vae", "train", "--resume", "--device", "cpu", "--run", str(folder.path), *options]
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def curve(folder: RunFolder) -> list:
    return [dataclasses.replace(report, seconds=0.0) for report in folder.read_metrics()]


def step_of(folder: RunFolder) -> int:
    return folder.read_status(as_written=True).step


def test_a_training_writes_the_whole_folder(small_run):
    names = {path.name for path in small_run.path.iterdir()}
    assert {"run.json", "status.json", "metrics.jsonl", "model.safetensors", "trainer.safetensors", "frames"} <= names
    assert [path.stem for path in small_run.snapshot_paths()] == ["0000", "0001", "0002"]
    status = small_run.read_status()
    assert (status.state, status.epoch, status.step, status.total_steps) == ("finished", 2, 24, 24)
    run = load_run(small_run.path)
    snapshot = small_run.snapshot_of_step(run.step)
    held_out = vae.data.datasets.load("digits").held_out
    assert torch.equal(snapshot.labels, held_out.labels)
    torch.testing.assert_close(
        snapshot.codes.posterior.mean, run.model.encode(held_out.images / 255).mean, rtol=1e-4, atol=1e-4
    )
    last = [report for report in small_run.read_metrics() if report.split == "held_out"][-1]
    assert last.elbo == pytest.approx(snapshot.codes.terms.elbo.mean().item(), rel=1e-5)


@pytest.mark.parametrize("model", [{}, {"architecture": "conv"}, {"binarise": "dynamic"}, {"encoder_lattice": 24}])
def test_stopped_and_resumed_is_as_if_never_stopped(model, tmp_path):
    config = small_config(epochs=4, schedule="one-cycle", **model)
    whole = RunFolder.create(tmp_path / "whole", config)
    train_run(whole, device="cpu")
    parts = RunFolder.create(tmp_path / "parts", config)
    for stop_at in (5, 12, 30, 1000):
        status = train_run(parts, device="cpu", should_stop=lambda limit=stop_at: step_of_last_report(parts) >= limit)
        load_run(parts.path)
        assert parts.snapshot_of_step(load_run(parts.path).step) is not None
    assert status.state == "finished"
    assert curve(parts) == curve(whole)
    for name, weights in load_file(whole.path / "model.safetensors").items():
        assert torch.equal(load_file(parts.path / "model.safetensors")[name], weights)
    assert [path.name for path in parts.snapshot_paths()] == [path.name for path in whole.snapshot_paths()]


def test_a_run_starts_from_another(small_run, tmp_path):
    folder = RunFolder.create(tmp_path / "next", small_config(start_from=str(small_run.path)))
    train_run(folder, device="cpu", should_stop=lambda: True)
    first, last = folder.read_snapshot(folder.snapshot_paths()[0]), small_run.read_snapshot(small_run.snapshot_paths()[-1])
    assert torch.equal(first.codes.posterior.mean, last.codes.posterior.mean)
    train_run(folder, device="cpu")
    before, after = load_run(small_run.path).model, load_run(folder.path).model
    z = torch.randn(9, 2)
    assert not torch.equal(before.decode(z), after.decode(z))
    assert not torch.equal(before.mean_head.weight, after.mean_head.weight)


def test_a_run_that_cannot_be_started_from_leaves_no_folder(small_run, tmp_path):
    for start_from, change in ((tmp_path / "nowhere", {}), (small_run.path, {"decoder_widths": (33,)})):
        with pytest.raises(vae.ExplorerError):
            RunFolder.create(tmp_path / "next", small_config(start_from=str(start_from), **change))
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def step_of_last_report(folder: RunFolder) -> int:
    return max((report.step for report in folder.read_metrics()), default=0)


def test_a_finished_run_is_not_trained_on(small_run):
    with pytest.raises(RunError, match="is finished"):
        train_run(small_run)


def test_a_thinned_run_that_was_not_finished_cannot_go_on(small_run):
    small_run.write_status(dataclasses.replace(small_run.read_status(), state="stopped"))
    thin(small_run, 2)
    with pytest.raises(TrainingError, match="thinned"):
        train_run(small_run)


def test_a_run_has_one_writer(small_run, monkeypatch):
    small_run.write_status(dataclasses.replace(small_run.read_status(), state="stopped"))
    monkeypatch.setattr(vae.runs.watched_folder, "SECONDS_TO_GET_THE_LOCK", 0.1)
    with small_run.lock(), pytest.raises(RunError, match="being trained by another process"):
        train_run(small_run)


def test_a_loss_that_blows_up_fails_the_run_and_keeps_the_last_good_weights(tmp_path):
    folder = RunFolder.create(tmp_path / "wild", small_config(learning_rate=10.0, epochs=30))
    with pytest.raises(TrainingError, match="not finite"):
        train_run(folder)
    status = folder.read_status()
    assert status.state == "failed" and "step" in status.message
    run = load_run(folder.path)  # would refuse weights that are not finite
    assert folder.snapshot_of_step(run.step) is not None


def test_too_little_memory_on_a_gpu_is_one_sentence_and_keeps_the_last_good_weights(tmp_path):
    def fill_up(report):
        if report.epoch == 2:
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of which 12.50 MiB "
                "is free. Process 1 has 79.00 GiB memory in use."
            )

    folder = RunFolder.create(tmp_path / "large", small_config())
    with pytest.raises(torch.OutOfMemoryError):
        train_run(folder, on_report=fill_up)
    status = folder.read_status()
    assert status.state == "failed" and status.message.count(".") == 3  # two of them in the figures
    for words in ("20.00 MiB wanted, 12.50 MiB free", "smaller batch", "--device cpu"):
        assert words in status.message
    assert load_run(folder.path).step == 12


def test_a_data_set_that_cannot_be_had_fails_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr(vae.data.datasets, "_answers", lambda mirror: False)
    folder = RunFolder.create(tmp_path / "far", small_config(dataset="kmnist"))
    with pytest.raises(vae.DataError):
        train_run(folder)
    assert folder.read_status().state == "failed"
    assert "no server" in folder.read_status().message


def test_a_watcher_can_stop_a_training_and_it_goes_on_later(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=2000))
    process = start_process(folder, device="cpu")
    wait_until(lambda: step_of(folder) > 20, "training")
    folder.steer(stop=True)
    process.wait(60)
    status = folder.read_status()
    assert status.state == "stopped" and status.step > 20
    assert load_run(folder.path).step == status.step
    queue_again(folder)
    process = start_process(folder, device="cpu")
    wait_until(lambda: step_of(folder) > status.step, "going on")
    folder.steer(stop=True)
    process.wait(60)
    steps = [report.step for report in folder.read_metrics() if report.scope == "steps"]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_run_that_loads(tmp_path, number):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=2000))
    process = start(folder)
    wait_until(lambda: step_of(folder) > 20, "training")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "stopped" in output and "Traceback" not in errors
    assert folder.read_status().state == "stopped"
    assert load_run(folder.path).step == folder.read_status().step


def test_killed_at_any_moment_it_loads_and_resumes(tmp_path):
    """SIGKILL at spread-out moments, from before the first step on; each resume goes on from the last saved state."""
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=400, batch_size=50))
    generator = torch.Generator().manual_seed(0)
    for attempt in range(7):
        process = start(folder)
        if attempt:
            wait_until(folder.is_locked, "the process's start")
        time.sleep(torch.rand(1, generator=generator).item() * (0.5 if attempt < 3 else 2.0))
        process.kill()
        process.communicate()
        run = load_run(folder.path)
        assert run.model.decode(torch.zeros(1, 2)).isfinite().all()
        snapshot = folder.snapshot_of_step(run.step)
        assert snapshot is not None or run.step == 0
        folder.read_metrics()
    process = start(folder)
    before = step_of(folder)
    wait_until(lambda: step_of(folder) > before + 50, "going on after the kills")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert folder.read_status().state == "stopped"
    steps = [report.step for report in folder.read_metrics() if report.scope == "steps"]
    assert steps == sorted(set(steps))


def test_weights_saved_after_the_trainers_state_are_taken_back_with_their_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(vae.jobs.run_writer, "SECONDS_BETWEEN_TRAINER_STATES", 1e9)  # at the first save alone

    def end_at(step: int) -> None:
        """As a kill would: nothing more is saved."""

        def end(report) -> None:
            if report.step >= step:
                raise SystemExit

        with pytest.raises(SystemExit):
            train_run(folder, device="cpu", on_report=end)

    folder = RunFolder.create(tmp_path / "run", small_config(epochs=50))
    train_run(folder, device="cpu", should_stop=lambda: step_of_last_report(folder) >= 13)
    end_at(50)
    assert (load_run(folder.path).step, folder.read_trainer()[1]["step"]) == (48, 24)
    end_at(0)
    assert (load_run(folder.path).step, folder.read_trainer()[1]["step"]) == (24, 24)
    assert folder.snapshot_of_step(24) is not None
    assert [path.stem for path in folder.snapshot_paths()] == ["0000", "0001", "0002"]


def test_weights_that_are_gone_are_written_anew_by_going_on(small_run):
    """With their frame, before a step is taken."""
    lengthen(small_run, 3)
    (small_run.path / "model.safetensors").unlink()
    train_run(small_run, device="cpu", should_stop=lambda: True)
    assert load_run(small_run.path).step == 24
    assert small_run.snapshot_of_step(24) is not None


def test_two_started_at_once_are_trained_one_after_the_other(tmp_path):
    folders = [RunFolder.create(tmp_path / name, small_config(epochs=60)) for name in ("first", "second")]
    seen = []
    processes = [start(folder, "--queue") for folder in reversed(folders)]
    while any(process.poll() is None for process in processes):
        seen.append(tuple(folder.read_status(as_written=True).state for folder in folders))
        time.sleep(0.05)
    assert all(process.communicate()[1] == "" and process.returncode == 0 for process in processes)
    assert ("running", "running") not in seen
    assert ("running", "queued") in seen  # the one that was asked for first
    assert [folder.read_status().state for folder in folders] == ["finished", "finished"]


def test_a_queued_training_can_be_stopped(tmp_path):
    busy, waiting = (RunFolder.create(tmp_path / name, small_config()) for name in ("busy", "waiting"))
    busy.write_status(Status("running", host=socket.gethostname()))
    with busy.lock():
        threading.Timer(1.0, lambda: waiting.steer(stop=True)).start()
        assert train_run(waiting, queue=True).state == "stopped"
    assert load_run(waiting.path).step == 0


def test_no_room_on_the_disk_is_one_sentence(tmp_path):
    """A limit on the size of files makes the system refuse a write, as a full disk does."""
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=5))
    process = start(folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.count("\n") == 1 and "cannot be written" in errors
    assert folder.read_status().state == "failed"
    load_run(folder.path)
