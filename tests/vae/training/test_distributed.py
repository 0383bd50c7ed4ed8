"""Two processes on this machine beside one: the same training, one writer, and no hang when one of them is lost."""

import os
import signal
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import ROOT, small_config, wait_until
from vae.errors import ConfigError, TrainingError
from vae.jobs.train_run import train_run
from vae.runs.folder import RunFolder, load_run
from vae.runs.status import Status
from vae.training.distributed import SOLO, Ranks, device_of_rank

pytestmark = pytest.mark.slow

LONG = 100_000
"""Epochs of a run that does not end by itself."""


def words(folder: RunFolder) -> list[str]:
    return ["-m", "vae", "train", "--resume", "--device", "cpu", "--folder", str(folder.path)]


def start(command: list[str], **variables: str) -> subprocess.Popen:
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"} | variables
    return subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_two(folder: RunFolder) -> list[subprocess.Popen]:
    """Two ranks as torchrun starts them, without torchrun itself, which takes its time to start."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    group = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    group |= {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
    return [start(words(folder), RANK=rank, LOCAL_RANK=rank, **group) for rank in "01"]


def end_of(processes: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of each."""
    outputs = [process.communicate(timeout=120) for process in processes]
    return [(process.returncode, *output) for process, output in zip(processes, outputs, strict=True)]


def status_of(folder: RunFolder) -> Status:
    return folder.read_status(as_written=True)


def held_out_elbos(folder: RunFolder) -> list[float]:
    return [report.elbo for report in folder.read_metrics() if report.split == "held_out"]


def assert_the_same_training(ours: RunFolder, expected: RunFolder) -> None:
    for name, weights in load_file(expected.path / "model.safetensors").items():
        torch.testing.assert_close(load_file(ours.path / "model.safetensors")[name], weights, rtol=1e-3, atol=1e-4)
    assert held_out_elbos(ours) == pytest.approx(held_out_elbos(expected), abs=0.05)  # nats; 0.5 would do
    steps = [[(r.split, r.scope, r.step, r.beta) for r in folder.read_metrics()] for folder in (ours, expected)]
    assert steps[0] == steps[1]
    for one, other in zip(ours.read_metrics(), expected.read_metrics(), strict=True):
        assert (one.reconstruction, one.kl) == pytest.approx((other.reconstruction, other.kl), rel=1e-3, abs=0.01)


@pytest.mark.parametrize("more", [{"binarise": "dynamic"}, {"encoder_lattice": 24}])
def test_torchrun_trains_what_one_process_trains(more, tmp_path):
    """1,433 images in batches of 204 leave 5 for the last step of an epoch: shares of 3 and 2."""
    config = small_config(epochs=3, batch_size=204, clip_norm=500.0, weight_decay=0.01, **more)
    one, two = (RunFolder.create(tmp_path / name, config) for name in ("one", "two"))
    train_run(one, device="cpu")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    [(code, output, errors)] = end_of([start([*torchrun, *words(two)])])
    assert code == 0 and "FutureWarning" not in errors, errors
    assert output.count("nats per image") == 1 and output.count("held_out") == 3  # one of them prints
    assert two.read_status().state == "finished"
    assert_the_same_training(two, one)


def test_pause_and_stop_are_obeyed_by_all_and_resumed(tmp_path):
    """A batch of 716 leaves one image for the last step: the second process has none."""
    config = small_config(epochs=5, batch_size=716, report_every=1, binarise="dynamic")
    one, two = (RunFolder.create(tmp_path / name, config) for name in ("one", "two"))
    train_run(one, device="cpu")
    two.steer(pause_at=1)  # before it begins: however quick the machine is, it is asked in time
    processes = start_two(two)
    wait_until(lambda: status_of(two).state == "paused", "the pause")
    assert all(process.poll() is None for process in processes)
    step = status_of(two).step
    assert step < 5 * 3
    two.steer(pause_at=step + 1)
    wait_until(lambda: status_of(two).step == step + 1 and status_of(two).state == "paused", "a single step")
    two.steer(stop=True)
    results = end_of(processes)
    assert [code for code, *_ in results] == [0, 0], results
    assert status_of(two).state == "stopped" and load_run(two.path).step == step + 1
    assert [code for code, *_ in end_of(start_two(two))] == [0, 0]
    assert two.read_status().state == "finished"
    assert_the_same_training(two, one)


def test_a_killed_process_ends_the_run_with_a_sentence(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=LONG))
    first, second = start_two(folder)
    wait_until(lambda: status_of(folder).step > 20, "training")
    second.kill()
    [(code, _, errors)] = end_of([first])
    assert code == 2 and "Traceback" not in errors and errors.count("vae: ") == 1
    status = folder.read_status()
    assert status.state == "failed" and status.message in errors and "ended or no longer answers" in status.message
    assert load_run(folder.path).step > 0


def test_a_termination_of_one_process_stops_all(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(epochs=LONG))
    processes = start_two(folder)
    wait_until(lambda: status_of(folder).step > 20, "training")
    for _ in range(2):  # torchrun tells its processes again what the terminal told them
        processes[1].send_signal(signal.SIGTERM)
    results = end_of(processes)
    assert [code for code, *_ in results] == [0, 0], results
    assert folder.read_status().state == "stopped"
    assert load_run(folder.path).step == folder.read_status().step


def test_what_the_first_process_cannot_do_ends_the_others_without_a_word(monkeypatch):
    heard = []
    monkeypatch.setattr(Ranks, "broadcast", lambda ranks, value: heard.append(value) or False)
    with pytest.raises(SystemExit):
        Ranks(1, 2).run_on_rank_zero(lambda: pytest.fail("only the first process asks"))
    with pytest.raises(ZeroDivisionError):
        Ranks(0, 2).run_on_rank_zero(lambda: 1 / 0)
    assert heard[-1] is False


def test_shares_make_up_the_batch():
    batch = torch.arange(11)
    shares = [Ranks(rank, 4).share_of(batch) for rank in range(4)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert SOLO.share_of(batch) is batch


def test_alone_nothing_is_exchanged():
    assert SOLO.broadcast({"beta": 2}) == {"beta": 2} and SOLO.any_rank(True) and not SOLO.any_rank(False)
    assert SOLO.run_on_rank_zero(lambda: 3) == 3 and SOLO.steps_between_talks == 1
    with pytest.raises(RuntimeError, match="gloo"), SOLO.noticing_losses():
        raise RuntimeError("gloo")


def test_a_lost_connection_is_a_sentence_and_other_errors_stay():
    ranks = Ranks(0, 2)
    with pytest.raises(TrainingError, match="ended or no longer answers"), ranks.noticing_losses():
        raise RuntimeError("[pair.cc:534] Connection closed by peer [127.0.0.1]:1234")
    with pytest.raises(RuntimeError, match="shape"), ranks.noticing_losses():
        raise RuntimeError("shape mismatch")


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of_rank(torch.device("cuda")) == torch.device("cuda", 1)
    assert device_of_rank(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="2 processes here cannot train on cuda"):
        device_of_rank(torch.device("cuda"))
