"""The Replay page without a browser."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import vae
from tests.conftest import ROOT, small_config
from tests.pages.conftest import address, open_page, shown
from vae.jobs.train_run import train_run
from vae.runs import atomic_files

PAGE = "pages/replay.py"


def film(app: AppTest) -> dict:
    """What the projector is told."""
    return json.loads(next(part for part in app.get("bidi_component") if part.key == "projector").proto.json)


def notes(app: AppTest) -> str:
    return " ".join(film(app)["notes"])


@pytest.mark.parametrize("name", ["mnist", "mnist-conv", "digits", "mnist-8d"])
def test_it_opens_for_every_shipped_run(monkeypatch, name):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page(PAGE, run=name)
    assert not app.exception and not app.error and not app.warning
    assert "Press Play" in shown(app) and len(film(app)["frames"]) == 10
    assert [picture.proto.imgs[0].alt for picture in app.get("image")] == [frame["id"] for frame in film(app)["frames"]]
    assert ("no manifold grid" in notes(app)) == (name == "mnist-8d")
    assert "interpolated" in notes(app)


def test_the_address_says_where_to_stand_and_the_other_run_begins_at_its_end(runs):
    shutil.copytree(runs / "small", runs / "second")
    app = open_page(PAGE, run="small", epoch="1")
    assert film(app)["epoch"] == 1 and address(app) == {"run": "small", "epoch": "1"}
    app.selectbox(key="run_picker").set_value("second").run()
    assert film(app)["epoch"] is None and address(app) == {"run": "second"}
    wrong = open_page(PAGE, run="small", epoch="last")
    assert "epoch=last" in wrong.warning[0].value and film(wrong)["epoch"] is None


def test_a_run_without_frames_says_so(runs):
    shutil.rmtree(runs / "small" / "frames")
    app = open_page(PAGE, run="small")
    assert not app.exception and "no frames to play" in shown(app)
    assert app.get("download_button")[0].proto.disabled


def test_a_gif_can_be_had_of_a_training_that_had_no_frame_when_the_page_was_drawn(runs):
    folder = vae.RunFolder(runs / "small")
    shutil.rmtree(runs / "small" / "frames")
    folder.write_status(dataclasses.replace(folder.read_status(), state="running", step=0, epoch=0))
    with folder.lock():
        app = open_page(PAGE, run="small")
        assert not app.exception and "The film begins here" in shown(app)
        assert not app.get("download_button")[0].proto.disabled


def test_one_frame_is_shown_and_said_to_be_the_only_one(runs):
    for path in vae.RunFolder(runs / "small").snapshot_paths()[1:]:
        path.unlink()
    app = open_page(PAGE, run="small")
    assert not app.exception and len(film(app)["frames"]) == 1 and "one frame, so nothing moves" in notes(app)


def test_a_damaged_frame_is_one_sentence_and_the_others_play(runs):
    paths = vae.RunFolder(runs / "small").snapshot_paths()
    paths[1].write_bytes(paths[1].read_bytes()[:1000])
    app = open_page(PAGE, run="small")
    assert not app.exception and not app.error and len(film(app)["frames"]) == len(paths) - 1
    assert notes(app).count("damaged") == 1 and f"The frame {paths[1].name} is damaged" in notes(app)
    for path in paths:
        path.write_bytes(b"junk")
    app = open_page(PAGE, run="small")
    assert not app.exception and len(app.error) == 1 and "nothing to play" in app.error[0].value


def test_frames_play_again_once_run_json_is_put_right(runs):
    path = runs / "small" / "run.json"
    right = path.read_text()
    fields = json.loads(right)
    path.write_text(json.dumps(fields | {"class_names": fields["class_names"][:5]}))
    app = open_page(PAGE, run="small")
    assert not app.exception and "nothing to play" in app.error[0].value
    path.write_text(right)
    app.run()
    assert not app.exception and not app.error and len(film(app)["frames"]) == 3 and "damaged" not in notes(app)


def test_frames_out_of_reach_are_looked_for_again_and_damaged_ones_are_not(runs, monkeypatch):
    folder = vae.RunFolder(runs / "small")
    folder.snapshot_paths()[1].write_bytes(b"junk")
    asked, open_file = [], atomic_files.open_regular

    def fail(path: Path, *modes: str, **options: object) -> object:
        if path.parent.name == "frames":
            asked.append(path.stem)
        if path.stem == "0002" and asked.count("0002") == 1:
            raise OSError(23, "Too many open files in system")
        return open_file(path, *modes, **options)

    monkeypatch.setattr(atomic_files, "open_regular", fail)
    app = open_page(PAGE, run="small")
    assert len(film(app)["frames"]) == 1 and "2 frames (0001.safetensors, 0002.safetensors) are damaged" in notes(app)
    app.run().run()
    assert len(film(app)["frames"]) == 2 and "The frame 0001.safetensors is damaged" in notes(app)
    assert asked == ["0000", "0001", "0002", "0002"]


def test_frames_without_a_manifold_play_and_say_so(runs):
    folder = vae.RunFolder(runs / "small")
    for path in folder.snapshot_paths():
        frame = folder.read_snapshot(path)
        folder.write_snapshot(vae.runs.snapshots.Snapshot(frame.epoch, frame.step, frame.codes, frame.labels, None))
    app = open_page(PAGE, run="small")
    assert not app.exception and not film(app)["manifold"] and "have no manifold grid" in notes(app)


def test_a_run_trained_anew_under_its_name_on_other_images_is_another_film(runs):
    folder = vae.RunFolder(runs / "small")
    app = open_page(PAGE, run="small")
    first = film(app)["film"]
    app.run()
    assert film(app)["film"] == first
    for path in folder.snapshot_paths():  # as with another data set or held-out split
        frame = folder.read_snapshot(path)
        folder.write_snapshot(dataclasses.replace(frame, labels=frame.labels.flip(0)))
    app.run()
    second = film(app)["film"]
    fields = json.loads((folder.path / "run.json").read_text())
    (folder.path / "run.json").write_text(json.dumps(fields | {"class_names": list("abcdefghij")}))
    app.run()
    assert len({first, second, film(app)["film"]}) == 3
    shutil.rmtree(folder.path)
    train_run(vae.RunFolder.create(folder.path, small_config(latent=1, epochs=1)))
    app.run()
    assert film(app)["strip"] and film(app)["film"] != first  # of the same images


def test_weights_and_data_are_not_needed(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "none"))
    (runs / "small" / "model.safetensors").write_bytes(b"junk")
    app = open_page(PAGE, run="small")
    assert not app.exception and not app.error and film(app)["frames"]


@pytest.mark.parametrize(("name", "plays"), [("run.json", False), ("status.json", True), ("metrics.jsonl", True)])
def test_a_damaged_file_is_one_sentence_and_what_does_not_need_it_plays(runs, name, plays):
    (runs / "small" / name).write_text("junk\n")
    app = open_page(PAGE, run="small")
    assert not app.exception and len(app.error) == 1 and name in app.error[0].value
    assert not plays or len(film(app)["frames"]) == 3


def test_one_latent_dimension_is_a_strip(runs):
    train_run(vae.RunFolder.create(runs / "strip", small_config(latent=1, epochs=1)))
    app = open_page(PAGE, run="strip")
    assert not app.exception and film(app)["strip"] and "each class has a row" in notes(app)


def test_a_run_in_training_keeps_the_whole_axis_of_epochs(runs):
    folder = vae.RunFolder(runs / "small")
    status = folder.read_status()
    for path in folder.snapshot_paths()[2:]:
        path.unlink()
    folder.write_status(
        vae.runs.folder.Status("running", epoch=1, step=status.total_steps // 2, total_steps=status.total_steps)
    )
    with folder.lock():
        app = open_page(PAGE, run="small")
        assert not app.exception and film(app)["active"] and film(app)["range"] == [0, 2]


def test_the_axes_can_be_chosen_for_more_dimensions(runs):
    train_run(vae.RunFolder.create(runs / "wide", small_config(latent=4, epochs=1)))
    app = open_page(PAGE, run="wide")
    assert film(app)["axes"] == ["z1", "z2"]
    app.selectbox(key="axis_1").set_value(4).run()
    assert film(app)["axes"] == ["z4", "z2"] and address(app)["axes"] == "4,2"
    assert not app.exception and torch.tensor(film(app)["extent"]) >= 3


@pytest.mark.parametrize(("run", "axes"), [("wide", "9,12"), ("wide", "1,9"), ("small", "1,3"), ("small", "pca")])
def test_axes_that_the_run_does_not_have_become_the_default_in_the_address_too(runs, run, axes):
    train_run(vae.RunFolder.create(runs / "wide", small_config(latent=4, epochs=1)))
    app = open_page(PAGE, run=run, axes=axes)
    assert not app.exception and film(app)["axes"] == ["z1", "z2"] and address(app) == {"run": run}
    if run == "wide":
        app.selectbox(key="axis_1").set_value(3).run()
        assert film(app)["axes"] == ["z3", "z2"] and address(app)["axes"] == "3,2"


def test_principal_components_that_are_not_there_are_a_sentence_and_the_first_axes_are_shown(runs):
    folder = vae.RunFolder.create(runs / "wide", small_config(latent=4, epochs=1))
    train_run(folder)
    status = folder.read_status()
    folder.write_status(dataclasses.replace(status, state="running"))
    with folder.lock():
        app = open_page(PAGE, run="wide", axes="pca")
        assert not app.exception and film(app)["axes"] == ["z1", "z2"] and "they come at the training's end" in notes(app)
    folder.write_status(status)
    app = open_page(PAGE, run="wide", axes="pca")
    assert film(app)["axes"] == ["PC1", "PC2"] and "principal components" not in notes(app)
    for path in folder.snapshot_paths():
        frame = folder.read_snapshot(path)
        folder.write_snapshot(dataclasses.replace(frame, codes=frame.codes.first(1), labels=frame.labels[:1]))
    app = open_page(PAGE, run="wide", axes="pca")
    assert not app.exception and not app.error and film(app)["axes"] == ["z1", "z2"]
    assert "Principal components need a last frame that can be read and holds two codes" in notes(app)


def test_no_runs_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(tmp_path / "none"))
    app = open_page(PAGE)
    assert not app.exception and "There are no runs" in shown(app)


def test_presenting_goes_with_the_address(runs):
    app = open_page(PAGE, run="small", mode="present")
    assert not app.exception and app.button(key="present").label == "End presenting"
    app.button(key="present").click().run()
    assert not app.exception and "mode" not in address(app)
