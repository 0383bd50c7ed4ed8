"""A prior's folder: it comes back as it was, is replaced whole, and what is wrong with it is one sentence."""

import json
import re
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import QUICK, command, small_config
from vae.data import datasets
from vae.diffusion.code_dataset import codes_of
from vae.diffusion.config import PriorConfig
from vae.diffusion.folder import PriorFolder
from vae.diffusion.job import train_prior
from vae.errors import DiffusionError, RunError
from vae.jobs.train_run import train_run
from vae.runs.folder import RunFolder, load_run

pytestmark = pytest.mark.slow


def test_a_prior_comes_back_as_it_was_trained(diffused_run):
    folder = PriorFolder.of(diffused_run)
    prior, run = folder.read(), load_run(diffused_run.path)
    assert prior.description.config == QUICK
    assert (prior.description.latent, prior.description.classes, prior.description.run_step) == (2, 10, run.step)
    fresh = codes_of(run)
    assert torch.allclose(prior.codes.train.posterior.mean, fresh.train.posterior.mean)
    assert torch.equal(prior.codes.held_out.labels, fresh.held_out.labels)
    assert len(folder.read_metrics()) == 30 and folder.read_status().state == "finished"
    figures = folder.read_figures()
    assert figures.wasserstein.train < figures.wasserstein.diffusion
    assert figures.codes == 364 and 0 <= figures.sure.normal <= 1
    assert not PriorFolder.in_training(diffused_run).exists


def test_the_run_itself_is_left_as_it_was(small_run):
    before = {path: path.read_bytes() for path in small_run.path.rglob("*") if path.is_file()}
    train_prior(small_run, QUICK, device="cpu")
    assert {path: path.read_bytes() for path in before} == before
    assert small_run.read_status().state == "finished"


def test_a_stopped_training_leaves_the_earlier_prior(diffused_run):
    weights = (PriorFolder.of(diffused_run).path / "model.safetensors").read_bytes()
    _, status = train_prior(diffused_run, PriorConfig(**{**QUICK.to_dict(), "seed": 5}), should_stop=lambda: True)
    assert status.state == "stopped" and "earlier prior stays" in status.message
    assert (PriorFolder.of(diffused_run).path / "model.safetensors").read_bytes() == weights


def test_a_stopped_first_training_leaves_what_it_has(small_run):
    looks = iter(range(1000))
    folder, status = train_prior(small_run, QUICK, should_stop=lambda: next(looks) >= 10)
    assert status.state == "stopped" and status.step == 10
    assert folder.read().description.config == QUICK
    assert folder.read_figures() is None


def test_a_watcher_stops_it(small_run):
    long, prior = PriorConfig(**{**QUICK.to_dict(), "steps": 100_000}), PriorFolder.in_training(small_run)

    def stop(report):
        if report.step >= 1000:
            prior.ask_to_stop()

    _, status = train_prior(small_run, long, on_report=stop)
    assert status.state == "stopped" and 1000 <= status.step < 10_000


def test_a_second_training_replaces_the_first(diffused_run):
    folder, status = train_prior(diffused_run, PriorConfig(**{**QUICK.to_dict(), "seed": 5}), device="cpu")
    assert status.state == "finished" and folder.read().description.config.seed == 5
    assert sorted(path.name for path in diffused_run.path.iterdir() if "diffusion" in path.name) == ["diffusion"]


def test_two_writers_are_refused(small_run):
    long = PriorConfig(**{**QUICK.to_dict(), "steps": 100_000})
    started, done = threading.Event(), threading.Event()

    def train():
        train_prior(small_run, long, on_report=lambda report: started.set(), should_stop=done.is_set)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        assert started.wait(60)
        with pytest.raises(RunError, match="being trained already"):
            train_prior(small_run, QUICK)
    finally:
        done.set()
        thread.join()


def test_without_its_images_it_learns_the_codes_of_the_frame(small_run, monkeypatch):
    def absent(*arguments, **options):
        raise datasets.DataError("not here")

    monkeypatch.setattr(datasets, "load", absent)
    folder, status = train_prior(small_run, QUICK, device="cpu")
    prior, snapshot = folder.read(), small_run.read_snapshot(small_run.snapshot_paths()[-1])
    assert status.state == "finished" and prior.description.from_snapshot
    assert len(prior.codes.train) + len(prior.codes.held_out) == len(snapshot.labels)
    assert torch.equal(prior.codes.held_out.posterior.mean, snapshot.codes.posterior.mean[5::6])
    assert folder.read_figures().sure is None


def test_a_run_without_images_and_frames_is_one_sentence(small_run, monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda *arguments, **options: (_ for _ in ()).throw(datasets.DataError("not here")))
    for path in small_run.snapshot_paths():
        path.unlink()
    with pytest.raises(DiffusionError, match="of its images: not here"):
        train_prior(small_run, QUICK)
    assert PriorFolder.in_training(small_run).read_status().state == "failed"


@pytest.mark.parametrize("latent", [1, 3])
def test_other_latent_sizes_have_priors_too(tmp_path, latent):
    folder = RunFolder.create(tmp_path / "wide", small_config(latent=latent, epochs=1))
    train_run(folder)
    prior, status = train_prior(folder, QUICK, device="cpu")
    assert status.state == "finished" and prior.read().description.latent == latent


DAMAGES = {
    "prior.json": (lambda path: path.write_text('{"format": 1}'), "does not describe a diffusion prior"),
    "model.safetensors": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "cut off"),
    "codes.safetensors": (lambda path: path.write_bytes(b"no"), "cut off"),
    "figures.json": (lambda path: path.write_text('{"codes": 3}'), "train the prior again"),
    "status.json": (lambda path: path.write_text('{"state": "dancing"}'), "status"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_one_sentence(diffused_run, name):
    folder = PriorFolder.of(diffused_run)
    damage, words = DAMAGES[name]
    damage(folder.path / name)
    with pytest.raises(RunError, match=words) as caught:
        folder.read()
        folder.read_figures()
        folder.read_status()
    assert name in str(caught.value)


def test_numbers_without_end_are_one_sentence(diffused_run):
    folder = PriorFolder.of(diffused_run)
    for name, field in [("prior.json", "run_step"), ("prior.json", "scale"), ("prior.json", "learning_rate"),
                        ("prior.json", "centre"), ("figures.json", "density")]:  # fmt: skip
        path = folder.path / name
        whole = path.read_text()
        for number in ("Infinity", "NaN", "1e999", "9" * 400):
            value = f"[{number}, 0]" if field == "centre" else number
            path.write_text(re.sub(rf'"{field}": (\[[^]]*\]|[^,\n]*)', f'"{field}": {value}', whole))
            with pytest.raises(RunError, match=f"{name} is not JSON of finite numbers"):
                (folder.read if name == "prior.json" else folder.read_figures)()
        path.write_text(whole)


SPOILT_CODES = (
    {"train_labels": torch.tensor(1, dtype=torch.uint8)},
    {"train_labels": torch.full((100,), torch.inf)},
    {"train_mean": torch.zeros(100, 1)},
    {"train_mean": torch.tensor(0.0)},
)


def test_codes_of_another_shape_are_one_sentence(diffused_run):
    path = PriorFolder.of(diffused_run).path / "codes.safetensors"
    whole = load_file(path)
    for spoilt in SPOILT_CODES:
        save_file(whole | spoilt, path)
        with pytest.raises(RunError, match="holds no codes of this prior"):
            PriorFolder.of(diffused_run).read()


def test_a_prior_of_another_run_is_one_sentence(diffused_run):
    wide = RunFolder.create(diffused_run.path.parent / "wide", small_config(latent=3))
    shutil.copytree(PriorFolder.of(diffused_run).path, PriorFolder.of(wide).path)
    with pytest.raises(RunError, match="for 2 latent dimensions and 10 classes, and its run has 3 and 10"):
        PriorFolder.of(wide).read()
    path = diffused_run.path / "run.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"class_names": ["one", "two"]}))
    with pytest.raises(RunError, match="its run has 2 and 2; it was made for another run, so train it again"):
        PriorFolder.of(diffused_run).read()


def test_a_newer_format_says_so(diffused_run):
    path = PriorFolder.of(diffused_run).path / "prior.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(RunError, match="update the explorer"):
        PriorFolder.of(diffused_run).read()


def test_weights_of_another_shape_are_refused(diffused_run):
    path = PriorFolder.of(diffused_run).path / "prior.json"
    fields = json.loads(path.read_text())
    fields["config"]["width"] = 32
    path.write_text(json.dumps(fields))
    with pytest.raises(RunError, match="does not fit"):
        PriorFolder.of(diffused_run).read()


def test_the_command_trains_and_prints(small_run):
    words = ("--steps", 30, "--batch-size", 64, "--width", 16, "--layers", 1, "--features", 8)
    result = command("diffuse", "--run", small_run.path, *words, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    assert "distance to 364 held-out codes" in result.stdout and "finished" in result.stdout
    assert PriorFolder.of(small_run).read().description.config.steps == 30


def test_the_command_says_what_is_wrong(tmp_path, small_run):
    assert "is no run" in command("diffuse", "--run", tmp_path / "nothing").stderr
    assert "steps is 0" in command("diffuse", "--run", small_run.path, "--steps", 0).stderr
