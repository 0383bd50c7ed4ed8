import os
import subprocess
import sys
import threading

import pytest
import torch

from tests.conftest import ROOT, small_config
from vae.errors import RunError
from vae.runs import atomic_files
from vae.runs.folder import RunFolder, list_runs


@pytest.fixture
def refused(monkeypatch) -> list[str]:
    """Windows, where somebody reads a file: as many moves and removals are refused as are in the list."""
    left = ["refused"] * 3

    def unless_it_is_open(change):
        def changed(*arguments, **more):
            if left:
                left.pop()
                raise PermissionError(13, "Access is denied", str(arguments[0]))
            return change(*arguments, **more)

        return changed

    for name in ("replace", "unlink"):
        monkeypatch.setattr(os, name, unless_it_is_open(getattr(os, name)))
    return left


def test_a_file_that_is_being_read_is_replaced_a_moment_later(tmp_path, refused):
    atomic_files.write_json(tmp_path / "status.json", {"step": 1})
    assert atomic_files.read_json(tmp_path / "status.json") == {"step": 1} and not refused
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_one_that_stays_open_is_told(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(atomic_files, "SECONDS_TO_READ", (0.001,) * 5)
    refused.extend(["refused"] * 3)
    with pytest.raises(RunError, match=r"cannot be written \(Access is denied\)"):
        atomic_files.write_json(tmp_path / "status.json", {"step": 1})
    assert list(tmp_path.iterdir()) == []


def test_requests_that_are_being_read_are_taken_back_a_moment_later(small_run, monkeypatch, request):
    small_run.steer(beta=2.0)
    request.getfixturevalue("refused")
    small_run.forget_requests()
    assert small_run.read_control().beta is None


def test_replacing_beside_readers_loses_nothing(tmp_path):
    path, ended = tmp_path / "status.json", threading.Event()
    atomic_files.write_json(path, {"step": 0})
    seen = []

    def read() -> None:
        while not ended.is_set():
            seen.append(atomic_files.read_json(path)["step"])

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(1, 51):
        atomic_files.write_json(path, {"step": step})
    ended.set()
    reader.join()
    assert seen == sorted(seen) and atomic_files.read_json(path) == {"step": 50}


OVERWRITTEN = """
import os, sys
from pathlib import Path
import torch
from vae.runs import atomic_files
path = Path(sys.argv[1])
atomic_files.write_tensors(path, {"z": torch.arange(100_000.0)}, {})
tensors, _ = atomic_files.read_tensors(path)
os.truncate(path, 0)  # as cp does, before it writes
print(int(tensors["z"].sum()))
"""


def test_what_was_read_stays_when_the_file_is_overwritten(tmp_path):
    words = [sys.executable, "-c", OVERWRITTEN, str(tmp_path / "model.safetensors")]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.returncode
    assert int(result.stdout) == pytest.approx(int(torch.arange(100_000.0).sum()))


@pytest.mark.parametrize("there", [True, False], ids=["the folder is there", "it is not there yet"])
@pytest.mark.parametrize("link", ["runs", "run"])
def test_a_run_is_made_where_a_link_leads_to_another_disk(tmp_path, one_disk_each, link, there):
    runs, elsewhere = one_disk_each
    if there:
        elsewhere.mkdir()
    path = runs / "mine"
    if link == "runs":
        runs.symlink_to(elsewhere)
    else:
        runs.mkdir()
        path.symlink_to(elsewhere)
    folder = RunFolder.create(path, small_config())
    assert folder.path == path and folder.read_status().state == "queued"
    assert [run.name for run in list_runs(runs)] == ["mine"] and path.is_symlink() == (link == "run")
    with pytest.raises(RunError, match="exists already"):
        RunFolder.create(path, small_config())
    assert not list(tmp_path.rglob(".*"))
