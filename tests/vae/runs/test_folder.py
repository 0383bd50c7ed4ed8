import dataclasses
import json
import math
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import vae
from tests.conftest import small_config
from vae.errors import ConfigError, RunError
from vae.runs import snapshots
from vae.runs.folder import FORMAT, RunFolder, Status, check_name, list_runs, load_run
from vae.runs.lifecycle import forget_after, thin
from vae.runs.metrics_log import MetricsFollower
from vae.runs.snapshots import Snapshot
from vae.training.report import Report


def rewrite(folder: RunFolder, name: str, change) -> None:
    path = folder.path / name
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def test_a_new_run_is_queued_and_loads_untrained(tmp_path):
    folder = RunFolder.create(tmp_path / "new", small_config())
    run = load_run(folder.path)
    assert (folder.read_status().state, run.step) == ("queued", 0)
    assert run.config == small_config()
    assert run.class_names == tuple("0123456789")
    assert folder.read_metrics() == [] and folder.snapshot_paths() == []
    assert run.model.decode(torch.zeros(1, 2)).shape == (1, 1, 28, 28)


def test_two_of_one_name_cannot_be_and_the_first_one_stays(tmp_path):
    folder = RunFolder.create(tmp_path / "one", small_config())
    with pytest.raises(RunError, match="exists already"):
        RunFolder.create(tmp_path / "one", small_config(latent=5))
    assert folder.read_config()[0].model.latent == 2
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "x" * 65, "with space", "-dash", "ü"])
def test_names_that_are_no_folder_are_refused(name):
    with pytest.raises(ConfigError, match="letters, digits"):
        check_name(name)


def test_weights_come_back_to_the_pixel(small_run):
    run = load_run(small_run.path)
    run.folder.write_model(run.model, 7)
    again = load_run(small_run.path)
    z = torch.randn(20, 2)
    assert again.step == 7
    assert torch.equal(run.model.decode(z), again.model.decode(z))


def test_a_frame_comes_back(small_run):
    run = load_run(small_run.path)
    snapshot = small_run.snapshot_of_step(run.step)
    copy = dataclasses.replace(snapshot, epoch=9, step=99)
    small_run.write_snapshot(copy)
    again = snapshots.read(small_run.snapshot_paths()[-1])
    assert (again.epoch, again.step) == (9, 99)
    assert torch.equal(again.codes.posterior.mean, snapshot.codes.posterior.mean)
    assert torch.equal(again.codes.terms.elbo, snapshot.codes.terms.elbo)
    assert torch.equal(again.labels, snapshot.labels) and torch.equal(again.grid, snapshot.grid)


def test_the_frame_belongs_to_the_weights_or_is_none(small_run):
    run = load_run(small_run.path)
    assert small_run.snapshot_of_step(run.step).step == run.step
    assert small_run.snapshot_of_step(run.step + 1) is None


def test_visitors_who_share_a_follower_read_no_line_twice(small_run, monkeypatch):
    follower, count = MetricsFollower(small_run.metrics_path), len(small_run.read_metrics())
    parse = follower._parse
    monkeypatch.setattr(follower, "_parse", lambda line: time.sleep(1e-4) or parse(line))  # others come meanwhile
    with ThreadPoolExecutor(8) as visitors:
        assert {len(reports) for reports in visitors.map(lambda _: follower.poll(), range(64))} == {count}


def test_a_follower_forgets_a_run_that_was_deleted_and_tells_one_that_took_its_name(small_run):
    path = small_run.metrics_path
    follower, old = MetricsFollower(path), small_run.read_metrics()
    assert follower.poll() == old
    new = [dataclasses.replace(report, seconds=report.seconds + 1) for report in old]
    lines = [json.dumps(report.to_dict()) + "\n" for report in [*new, *new]]
    path.write_text("".join(lines))  # in place: the file system may give a new file the number of a deleted one
    assert follower.poll() == [*new, *new]
    path.write_text(lines[0])
    assert follower.poll() == new[:1]
    path.unlink()
    assert follower.poll() == []


def test_metrics_are_followed_and_a_torn_last_line_waits(small_run):
    follower = MetricsFollower(small_run.metrics_path)
    before = len(follower.poll())
    report = Report("train", "steps", 3, 30, -100.0, 5.0, 1.0, 1e-3, 2.0)
    line = json.dumps(dataclasses.asdict(report) | {"elbo": report.elbo})
    path = small_run.path / "metrics.jsonl"
    with path.open("a") as file:
        file.write(line[:25])
    assert len(follower.poll()) == before
    with path.open("a") as file:
        file.write(line[25:] + "\n")
    assert follower.poll()[before:] == [report]
    forget_after(small_run, 0)  # replaced, as a resumed training does
    assert follower.poll() == []


@pytest.mark.parametrize("line", ["{}", "garbage", '{"elbo": 1}', "[1, 2]", '"x"'])
def test_a_line_that_is_no_report_is_told(small_run, line):
    with (small_run.path / "metrics.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match="is no report"):
        small_run.read_metrics()


def test_status_comes_back_and_a_killed_training_reads_as_stopped(small_run):
    small_run.write_status(Status("finished", epoch=2, step=24))
    assert small_run.read_status().step == 24
    small_run.write_status(Status("running", epoch=1, step=12, host=vae.runs.folder.socket.gethostname()))
    assert small_run.read_status().state == "stopped"
    assert small_run.read_status(as_written=True).state == "running"
    with small_run.lock():
        assert small_run.read_status().state == "running"


def test_a_training_on_another_machine_is_judged_by_its_heartbeat(small_run, monkeypatch):
    small_run.write_status(Status("running", step=5, host="far-away"))
    assert small_run.read_status().state == "running"
    now = vae.runs.folder.time.time()
    monkeypatch.setattr(vae.runs.folder.time, "time", lambda: now + 60)
    assert small_run.read_status().state == "stopped"


def test_a_training_of_another_account_is_judged_by_its_heartbeat(small_run, monkeypatch):
    def refuse(self) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(RunFolder, "is_locked", refuse)
    small_run.write_status(Status("running", step=5, host=vae.runs.folder.socket.gethostname()))
    assert small_run.read_status().state == "running"
    now = vae.runs.folder.time.time()
    monkeypatch.setattr(vae.runs.folder.time, "time", lambda: now + 60)
    assert small_run.read_status().state == "stopped"


def test_a_missing_run_says_so(tmp_path):
    with pytest.raises(RunError, match="is no run"):
        load_run(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"format": 1}', b"[" * 100_000, b" " * 1_000_001])
@pytest.mark.parametrize("name", ["run.json", "status.json"])
def test_damaged_descriptions_are_told(small_run, name, content):
    (small_run.path / name).write_bytes(content)
    with pytest.raises(RunError):
        load_run(small_run.path)
        small_run.read_status()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda fields: fields.update(format=FORMAT + 1), "update the explorer"),
        (lambda fields: fields.update(format="1"), "does not describe a run"),
        (lambda fields: fields.pop("config"), "does not describe a run"),
        (lambda fields: fields["config"].update(dataset="cifar"), "'cifar' is unknown"),
        (lambda fields: fields["config"]["model"].update(latent=10**6), "latent dimensions"),
        (lambda fields: fields["config"]["model"].update(encoder_widths=[33]), "does not fit run.json"),
        (lambda fields: fields["config"]["model"].update(latent=3), "does not fit run.json"),
        (lambda fields: fields["config"]["model"].update(encoder_widths=[8192] * 16), "parameters"),
        (lambda fields: fields.update(class_names="abc"), "class names"),
    ],
)
def test_tampered_descriptions_are_told(small_run, change, words):
    rewrite(small_run, "run.json", change)
    with pytest.raises(vae.ExplorerError, match=words):
        load_run(small_run.path)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
@pytest.mark.parametrize("name", ["learning_rate", "epochs", "latent"])
def test_descriptions_with_numbers_without_end_are_told(small_run, name, number):
    path = small_run.path / "run.json"
    path.write_text(re.sub(rf'"{name}": [^,\n]*', f'"{name}": {number}', path.read_text()))
    with pytest.raises(RunError, match="is not JSON of finite numbers"):
        load_run(small_run.path)


def test_truncated_foreign_and_missing_weights_are_told(small_run):
    path = small_run.path / "model.safetensors"
    whole = path.read_bytes()
    for content in (b"", whole[:7], whole[: len(whole) // 2], b"\x80\x04\x95 a pickle", b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(RunError, match="cut off or is not a safetensors file"):
            load_run(small_run.path)
    path.unlink()
    with pytest.raises(RunError, match="is missing"):
        load_run(small_run.path)


def test_weights_that_are_not_finite_or_of_another_kind_are_told(small_run):
    path = small_run.path / "model.safetensors"
    weights = load_file(path)
    name = next(iter(weights))
    save_file(weights | {name: torch.full_like(weights[name], math.nan)}, path)
    with pytest.raises(RunError, match="not finite"):
        load_run(small_run.path)
    save_file(weights | {name: weights[name].double()}, path)
    with pytest.raises(RunError, match="not float32"):
        load_run(small_run.path)


@pytest.mark.parametrize("spoil", [
    lambda tensors: tensors.pop("mean"),
    lambda tensors: tensors.update(labels=torch.tensor(1, dtype=torch.uint8)),
    lambda tensors: tensors.update(mean=tensors["mean"][:3]),
    lambda tensors: tensors.update(mean=tensors["mean"] * math.nan),
    lambda tensors: tensors.update(grid=tensors["grid"][:, :, :5].contiguous()),
    lambda tensors: tensors.update(grid=tensors["grid"].float()),
    lambda tensors: tensors.update(mean=tensors["mean"].double()),
])  # fmt: skip
def test_a_spoilt_frame_is_told(small_run, spoil):
    path = small_run.snapshot_paths()[-1]
    tensors = load_file(path)
    spoil(tensors)
    save_file(tensors, path, {"epoch": "2", "step": "24"})
    with pytest.raises(RunError):
        snapshots.read(path)


def test_a_frame_whose_numbers_have_no_end_is_told(small_run):
    path = small_run.snapshot_paths()[-1]
    save_file(load_file(path), path, {"epoch": "9" * 400, "step": "24"})
    with pytest.raises(RunError):
        snapshots.read(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", ["epoch", "step"])
def test_a_frame_whose_numbers_are_not_finite_is_told(name, number, small_run):
    path = small_run.snapshot_paths()[-1]
    save_file(load_file(path), path, {"epoch": "2", "step": "24"} | {name: number})
    with pytest.raises(RunError, match="not finite"):
        snapshots.read(path)


@pytest.mark.parametrize("spoil", [
    lambda tensors: tensors.update(labels=tensors["labels"] + 200),
    lambda tensors: tensors.update({name: tensors[name][:, :1].contiguous() for name in ("mean", "log_variance")}),
])  # fmt: skip
def test_a_frame_of_another_run_is_told(small_run, spoil):
    path = small_run.snapshot_paths()[-1]
    tensors = load_file(path)
    spoil(tensors)
    save_file(tensors, path, {"epoch": "2", "step": "24"})
    with pytest.raises(RunError, match=r"does not fit run\.json"):
        small_run.snapshot_of_step(24)


def test_a_damaged_run_leaves_the_others_usable(small_run):
    broken = shutil.copytree(small_run.path, small_run.path.parent / "broken")
    (broken / "run.json").write_text("{")
    runs = list_runs(small_run.path.parent)
    assert [folder.name for folder in runs] == ["broken", "small"]
    assert load_run(runs[1].path).config == small_config()


def test_listing_passes_over_what_is_no_run(tmp_path):
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "real", small_config())
    assert [folder.name for folder in list_runs(tmp_path)] == ["real"]
    assert list_runs(tmp_path / "nowhere") == []


def test_listing_passes_over_a_folder_that_cannot_be_looked_into(small_run, monkeypatch):
    (small_run.path.parent / "lost+found").mkdir()
    exists = Path.exists

    def refuse(path: Path) -> bool:
        if path.parent.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return exists(path)

    monkeypatch.setattr(Path, "exists", refuse)
    assert [folder.name for folder in list_runs(small_run.path.parent)] == ["small"]


def test_thinning_keeps_the_first_and_the_last_frame_and_drops_the_trainer(small_run):
    run = load_run(small_run.path)
    last = small_run.snapshot_of_step(run.step)
    for epoch in range(3, 12):
        small_run.write_snapshot(dataclasses.replace(last, epoch=epoch, step=last.step + epoch))
    thin(small_run, 4)
    assert [path.stem for path in small_run.snapshot_paths()] == ["0000", "0004", "0007", "0011"]
    assert not list(small_run.path.glob("trainer.*"))
    load_run(small_run.path)


def test_frames_are_in_the_order_of_their_epochs_and_the_last_one_is_always_kept(small_run):
    run = load_run(small_run.path)
    last = small_run.snapshot_of_step(run.step)
    for epoch in (9_999, 10_000):
        small_run.write_snapshot(dataclasses.replace(last, epoch=epoch, step=epoch))
    assert [path.stem for path in small_run.snapshot_paths()] == ["0000", "0001", "0002", "9999", "10000"]
    assert small_run.snapshot_of_step(10_000).epoch == 10_000
    thin(small_run, 1)
    assert [path.stem for path in small_run.snapshot_paths()] == ["10000"]


def test_a_run_in_training_is_not_thinned(small_run):
    small_run.write_status(Status("running", step=3, host=vae.runs.folder.socket.gethostname()))
    with small_run.lock(), pytest.raises(RunError, match="being trained"):
        thin(small_run, 1)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="cannot be written"):
        RunFolder.create(tmp_path / "file" / "run", small_config())


def test_a_full_disk_is_told_and_leaves_the_old_file(small_run, monkeypatch):
    before = (small_run.path / "model.safetensors").read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vae.runs.atomic_files.os, "fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        small_run.write_model(load_run(small_run.path).model, 99)
    assert (small_run.path / "model.safetensors").read_bytes() == before
    assert not [path for path in small_run.path.iterdir() if path.name.startswith(".")]


def test_wide_runs_have_frames_without_a_grid(tmp_path, digits):
    folder = RunFolder.create(tmp_path / "wide", small_config(latent=5, epochs=1))
    vae.train_run(folder)
    snapshot = snapshots.read(folder.snapshot_paths()[-1])
    assert isinstance(snapshot, Snapshot) and snapshot.grid is None
    assert snapshot.codes.posterior.mean.shape == (len(digits.held_out), 5)


def test_a_training_that_ends_between_two_looks_is_not_taken_for_killed(small_run, monkeypatch):
    finished = small_run.read_status()
    small_run.write_status(dataclasses.replace(finished, state="running", host=vae.runs.folder.socket.gethostname()))

    def end(self) -> bool:
        self.write_status(finished)
        return False

    monkeypatch.setattr(RunFolder, "is_locked", end)
    assert small_run.read_status().state == "finished"
