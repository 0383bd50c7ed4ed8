"""Runs are renamed and deleted; never a shipped one, never one in training."""

from __future__ import annotations

import re
import shutil
import socket

import pytest

from tests.conftest import ROOT, small_config
from vae.diffusion.folder import PriorFolder
from vae.errors import ConfigError, RunError
from vae.runs import lifecycle
from vae.runs.folder import RunFolder, list_runs, load_run
from vae.runs.lifecycle import SHIPPED, delete_run, is_shipped, rename_run
from vae.runs.status import Status


def new(root, name: str = "old", state: str = "finished", **more: object) -> RunFolder:
    folder = RunFolder.create(root / name, small_config())
    folder.write_status(Status(state, **more))
    return folder


def names(root) -> list[str]:
    return [folder.name for folder in list_runs(root)]


def test_a_renamed_run_is_the_same_by_another_name(tmp_path):
    old = new(tmp_path)
    weights = (old.path / "model.safetensors").read_bytes()
    renamed = rename_run(old, "new")
    assert names(tmp_path) == ["new"] and renamed.path == tmp_path / "new"
    assert (renamed.path / "model.safetensors").read_bytes() == weights
    assert load_run(renamed.path).config == small_config()


@pytest.mark.parametrize("name", ["", "../other", ".hidden", "a b", "x" * 65, "a/b", "-a"])
def test_a_name_is_checked_as_at_creation(tmp_path, name):
    old = new(tmp_path)
    with pytest.raises(ConfigError, match="cannot be a run's folder"):
        rename_run(old, name)
    assert names(tmp_path) == ["old"]


def test_a_name_that_is_taken_is_refused(tmp_path):
    old = new(tmp_path)
    new(tmp_path, "taken")
    (tmp_path / "empty").mkdir()
    for name in ("taken", "empty", "old"):
        with pytest.raises(RunError, match="exists already"):
            rename_run(old, name)
    assert names(tmp_path) == ["old", "taken"]


def test_a_deleted_run_is_gone_and_nothing_is_left(tmp_path):
    old = new(tmp_path)
    new(tmp_path, "other")
    delete_run(old)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    with pytest.raises(RunError, match="there no longer"):
        delete_run(old)


def test_a_damaged_run_can_be_deleted(tmp_path):
    old = new(tmp_path)
    for name in ("run.json", "status.json"):
        (old.path / name).write_text("{")
    delete_run(old)
    assert list(tmp_path.iterdir()) == []


def test_a_deletion_that_is_ended_in_the_middle_leaves_no_half_run_and_the_next_one_clears_up(tmp_path, monkeypatch):
    old, other = new(tmp_path), new(tmp_path, "other")

    def end(path: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "rmtree", end)
        delete_run(old)
    assert names(tmp_path) == ["other"] and len(list(tmp_path.iterdir())) == 2
    delete_run(other)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_run_in_training_is_left_alone(tmp_path, state):
    old = new(tmp_path, state=state, host="another", asked=1.0)
    for change in (lambda: rename_run(old, "new"), lambda: delete_run(old)):
        with pytest.raises(RunError, match="is being trained or waits"):
            change()
    assert names(tmp_path) == ["old"]


def test_a_run_whose_prior_is_in_training_is_left_alone(tmp_path):
    old = new(tmp_path)
    prior = PriorFolder.in_training(old)
    prior.path.mkdir()
    prior.write_status(Status("running", host="another"))
    with pytest.raises(RunError, match="is being trained or waits"):
        delete_run(old)


@pytest.mark.parametrize("change", [lambda run: rename_run(run, "new"), delete_run])
def test_a_training_that_takes_the_run_up_at_that_moment_keeps_it(tmp_path, monkeypatch, change):
    old = new(tmp_path)
    looks = iter([False, True])
    monkeypatch.setattr(lifecycle, "_is_busy", lambda run: next(looks))
    with pytest.raises(RunError, match="is being trained or waits"):
        change(old)
    assert names(tmp_path) == ["old"]


def test_a_run_that_a_process_writes_is_left_alone_whatever_its_status(tmp_path):
    old = new(tmp_path, host=socket.gethostname())
    with old.lock(), pytest.raises(RunError, match="is being trained or waits"):
        delete_run(old)


def test_of_a_link_the_link_is_deleted(tmp_path):
    elsewhere = new(tmp_path / "disk")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(elsewhere.path)
    delete_run(RunFolder(tmp_path / "runs" / "link"))
    assert list((tmp_path / "runs").iterdir()) == [] and names(tmp_path / "disk") == ["old"]


def test_shipped_runs_are_those_that_are_tracked_and_stay_as_they_are(tmp_path):
    tracked = re.findall(r"^!/checkpoints/([\w-]+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE)
    assert sorted(SHIPPED) == sorted(tracked)
    for name in SHIPPED:
        run = RunFolder(ROOT / "checkpoints" / name)
        for change in (lambda run=run: rename_run(run, "new"), lambda run=run: delete_run(run)):
            with pytest.raises(RunError, match="came with the explorer"):
                change()
        assert run.path.is_dir()
    assert not is_shipped(new(tmp_path, "mnist"))
