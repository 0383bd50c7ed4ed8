"""What holds for every page, and the Train page, without a browser."""

import dataclasses
import os
import re
import shutil
import threading

import pytest
import torch
from streamlit.runtime.caching import clear_session_resource_cache

import vae
from tests.conftest import ROOT, small_config, wait_until
from tests.pages.conftest import address, charts, open_page, shown, tell, told
from ui.cache import memory
from ui.cache import runs as cached_runs
from ui.state.url_state import in_words
from ui.state.view import View
from ui.train import cache
from vae.data.published_files import FILES
from vae.jobs.duration_estimates import Estimate
from vae.jobs.train_run import start_process, train_run
from vae.runs import snapshots
from vae.runs.folder import RunFolder
from vae.runs.lifecycle import thin
from vae.runs.snapshots import Snapshot
from vae.runs.status import Status
from vae.training.control import ControlRequest


@pytest.mark.parametrize("page", ["app.py", "pages/train.py"])
@pytest.mark.parametrize(
    ("name", "content"), [("run.json", "{"), ("model.safetensors", "junk"), ("metrics.jsonl", "junk\n"), ("status.json", "[]")]
)
def test_a_damaged_run_is_one_sentence_and_the_others_stay_usable(runs, page, name, content):
    shutil.copytree(runs / "small", runs / "broken")
    (runs / "broken" / name).write_text(content)
    app = open_page(page, run="broken")
    assert not app.exception
    only_train_reads_status = name == "status.json" and page == "app.py"
    assert len(app.error) == (0 if only_train_reads_status else 1)
    app.selectbox(key="run_picker").set_value("small").run()
    assert not app.exception and not app.error


def of_another_shape(path):
    frame = snapshots.read(path)
    snapshots.write(path, dataclasses.replace(frame, codes=frame.codes.first(3), labels=frame.labels[:3] + 90))


DAMAGES = {"cut off": lambda path: path.write_bytes(path.read_bytes()[:1000]), "does not fit run.json": of_another_shape,
           "it is a pipe": lambda path: (path.unlink(), os.mkfifo(path))}  # fmt: skip


@pytest.mark.parametrize("page", ["app.py", "pages/elbo.py", "pages/train.py", "pages/compare.py"])
@pytest.mark.parametrize("words", DAMAGES)
@pytest.mark.parametrize("has_images", [True, False])
def test_a_damaged_frame_is_one_sentence_and_the_page_goes_on_without_it(runs, page, words, has_images, monkeypatch):
    if not has_images:
        monkeypatch.setattr(cached_runs, "held_out", lambda config: None)
    frame = RunFolder(runs / "small").snapshot_paths()[-1]
    DAMAGES[words](frame)
    app = open_page(page, run="small", runs="small")
    assert not app.exception and not app.error
    drawn = " ".join(note["text"] for note in charts(app)[0]["layout"].get("annotations", [])) if charts(app) else ""
    said = [element.value for element in [*app.warning, *app.info]] + [drawn.replace("<br>", " ")]
    assert sum(words in text and frame.name in text for text in said) == 1


def test_a_frame_that_is_mended_is_used_again(runs):
    folder = RunFolder(runs / "small")
    frame = folder.snapshot_paths()[-1]
    whole = frame.read_bytes()
    frame.write_bytes(b"junk")
    version = cached_runs.RunVersion.now(folder)
    assert "cut off" in cached_runs.snapshot_damage(version)
    frame.write_bytes(whole)
    cached_runs._snapshot_damage.clear()  # as it is after some seconds
    assert cached_runs.snapshot_damage(version) is None and cached_runs.snapshot_of(version).step == 24


@pytest.fixture
def damaged_data(tmp_path, monkeypatch) -> None:
    """Shipped runs, and a data set whose files are a web page."""
    for folder in ("MNIST", "FashionMNIST", "KMNIST"):
        raw = tmp_path / folder / "raw"
        raw.mkdir(parents=True)
        for name in FILES.values():
            (raw / f"{name}.gz").write_bytes(b"<html>Please sign in</html>")
    monkeypatch.setenv("VAE_DATA", str(tmp_path))
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))


DAMAGE = "t10k-images-idx3-ubyte.gz is a web page"


def test_a_damaged_data_set_takes_no_more_than_the_originals(damaged_data):
    app = open_page("pages/train.py", run="mnist-beta0")
    assert not app.exception and not app.error and DAMAGE in shown(app)
    assert "Start training" in [button.label for button in app.button] and "decoded" in shown(app)
    app.selectbox(key="ask_dataset").set_value("fashion-mnist").run()
    assert not app.exception and not app.error
    assert not next(button for button in app.button if button.label == "Start training").disabled


def test_with_a_damaged_data_set_explore_keeps_lens_and_drawing(damaged_data):
    app = open_page(run="mnist", image="3")
    assert not app.exception and not app.error
    assert DAMAGE in shown(app) and "Nearest codes on the plane, decoded" in shown(app)
    assert told(app)["posterior"] and len(app.get("plotly_chart")) == 2
    app.segmented_control(key="source").set_value("draw").run()
    assert not app.exception and [part for part in app.get("bidi_component") if part.key == "own_canvas"]
    app.segmented_control(key="source").set_value("upload").run()
    assert not app.exception and app.get("file_uploader")


def test_with_a_damaged_data_set_the_equation_says_so_and_takes_an_own_image(damaged_data):
    app = open_page("pages/elbo.py", run="mnist")
    assert not app.exception and not app.error and DAMAGE in shown(app)
    stroke = torch.zeros(28, 28, dtype=torch.uint8)
    stroke[5:23, 13:16] = 255
    app = open_page("pages/elbo.py", run="mnist", own=in_words(View(own=stroke.numpy().tobytes()))["own"])
    assert not app.exception and not app.error and DAMAGE not in shown(app)


@pytest.mark.parametrize("page", ["pages/compare.py", "pages/replay.py", "pages/diffusion.py"])
def test_the_other_pages_do_without_the_data_set(damaged_data, page):
    app = open_page(page)
    assert not app.exception and not app.error


def test_a_thinned_run_is_not_offered_to_go_on(runs):
    folder = RunFolder(runs / "small")
    folder.write_status(Status("stopped", epoch=1, step=12, total_steps=24, message="Stopped."))
    assert "Go on" in [button.label for button in open_page("pages/train.py", run="small").button]
    thin(folder, 1)
    app = open_page("pages/train.py", run="small")
    assert "Go on" not in [button.label for button in app.button] and "thinned" in app.get("progress")[0].proto.text


def test_a_frame_without_codes_is_no_plane(runs):
    folder = RunFolder(runs / "small")
    frame = folder.read_snapshot(folder.snapshot_paths()[-1])
    folder.write_snapshot(Snapshot(frame.epoch, frame.step, frame.codes.first(0), frame.labels[:0], frame.grid))
    app = open_page("pages/train.py", run="small")
    assert not app.exception and "Start training" in [button.label for button in app.button]


@pytest.mark.parametrize("first", ["app.py", "pages/compare.py", "pages/elbo.py"])
def test_diffusion_opens_on_its_own_run_for_who_only_looked_around(first, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page(first)
    app.button(key="present").click().run()
    app.switch_page("pages/diffusion.py").run()
    assert app.selectbox(key="run_picker").value == "mnist-beta0"
    app.switch_page("app.py").run()
    assert app.selectbox(key="run_picker").value == "mnist"
    app.selectbox(key="run_picker").set_value("digits").run()
    app.switch_page("pages/diffusion.py").run()
    assert app.selectbox(key="run_picker").value == "digits"


def test_a_word_about_the_address_goes_with_the_next_choice(runs):
    shutil.copytree(runs / "small", runs / "other")
    app = open_page("pages/replay.py", run="small", epoch="last")
    assert "The address asks for" in app.warning[0].value
    app.selectbox(key="run_picker").set_value("other").run()
    assert not app.warning


def test_a_run_is_picked_by_the_label_that_it_had_a_moment_ago(runs):
    """The list says where a run stands; a browser may still show, and repeat, what it said before."""
    shutil.copytree(runs / "small", runs / "other")
    app = open_page("pages/train.py", run="other")
    tell(app, "run_picker", "other (queued)")
    assert app.selectbox(key="run_picker").value == "other" and not app.warning
    tell(app, "run_picker", "small (training)")
    assert app.selectbox(key="run_picker").value == "small" and not app.warning
    tell(app, "run_picker", "gone (training)")
    assert app.selectbox(key="run_picker").value == "small" and not app.warning and not app.exception


def test_an_option_that_is_no_more_is_no_choice(monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page("pages/diffusion.py", run="mnist-beta0", direction="backward", **{"class": "3"})
    tell(app, "guide", "only Sandal")
    assert not app.exception and app.selectbox(key="guide").value == 3
    app = open_page(run="mnist-8d", axes="2,3")
    tell(app, "axis_1", "z20")
    assert not app.exception and address(app)["axes"] == "2,3"


def test_a_run_that_is_not_there_is_told(runs):
    app = open_page(run="../../etc")
    assert not app.exception and "There is no run called" in app.warning[0].value
    assert app.selectbox(key="run_picker").value == "small"


def test_no_runs_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(tmp_path / "none"))
    for page in ("app.py", "pages/train.py"):
        app = open_page(page)
        assert not app.exception and "There are no runs" in shown(app)


def test_the_pages_are_linked_and_the_view_is_kept(runs):
    app = open_page(z="0.5,0.25")
    app.switch_page("pages/train.py").run()
    assert not app.exception and "Training makes the ELBO rise" in shown(app)
    app.switch_page("app.py").run()
    assert not app.exception and address(app) == {"run": "small", "z": "0.5000,0.2500"}


def test_the_whole_view_goes_along_to_the_other_page(runs):
    query = {"run": "small", "z": "0.5000,0.2500", "layers": "prior", "scale": "quantile", "cells": "7", "a": "1.0000,0.0000"}
    app = open_page(**query)
    app.switch_page("pages/train.py").run()
    app.switch_page("app.py").run()
    assert address(app) == query


def test_another_latent_size_has_its_plane_in_training(runs):
    train_run(vae.RunFolder.create(runs / "wide", small_config(latent=8, epochs=1)))
    app = open_page("pages/train.py", run="wide")
    assert not app.exception and "two of 8 latent dimensions" in shown(app)
    assert len(charts(app)) == 2
    train_run(vae.RunFolder.create(runs / "strip", small_config(latent=1, epochs=1)))
    assert not open_page("pages/train.py", run="strip").exception


@pytest.mark.parametrize("page", ["app.py", "pages/train.py"])
def test_presenting_goes_with_the_address_and_ends_by_its_button(runs, page):
    plain, app = open_page(page, run="small"), open_page(page, run="small", mode="present")
    sheets = [next(e.body for e in one.get("html") if e.body.startswith("<style>")) for one in (plain, app)]
    assert len(sheets[1]) > len(sheets[0]) and sheets[1].startswith(sheets[0].removesuffix("</style>"))
    assert not app.exception and app.button(key="present").label == "End presenting"
    app.button(key="present").click().run()
    assert app.button(key="present").label == "Present" and "mode" not in address(app)
    app.button(key="present").click().run()
    assert app.button(key="present").label == "End presenting" and (page != "app.py" or address(app)["mode"] == "present")


def test_the_form_says_what_it_cannot_do(runs):
    cache._estimates.clear()
    app = open_page("pages/train.py")
    assert not app.exception and "Estimating" in shown(app)
    wait_until(lambda: "About" in shown(app.run()), "the estimate")
    app.text_input(key="ask_encoder_fast_digits_mlp").set_value("wide").run()
    assert "whole numbers between commas" in app.error[0].value
    assert next(button for button in app.button if button.label == "Start training").disabled
    app.text_input(key="ask_encoder_fast_digits_mlp").set_value("16").run()
    assert not app.error
    app.number_input(key="ask_rate_fast_digits_mlp").set_value(0.0).run()
    assert "learning rate is 0.0" in app.error[0].value


def test_a_model_too_large_for_an_estimate_is_told_in_one_sentence_and_can_be_started(runs, monkeypatch):
    monkeypatch.setattr(cache, "estimate", lambda config, device: Estimate(problem="No estimate: too large."))
    app = open_page("pages/train.py")
    assert [warning.value for warning in app.warning] == ["No estimate: too large."] and not app.error
    assert not next(button for button in app.button if button.label == "Start training").disabled


def test_a_training_started_in_the_page_ends_in_the_picker(runs):
    app = open_page("pages/train.py")
    app.number_input(key="ask_epochs_fast_digits_mlp").set_value(2).run()
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    folder = vae.RunFolder(runs / "digits-mlp-1")
    wait_until(lambda: folder.read_status().state == "finished", "the end of the training")
    assert folder.read_config()[0].training.epochs == 2
    app.run()
    assert any(label.startswith("digits-mlp-1 (") for label in app.selectbox(key="run_picker").options)
    assert not app.exception and "finished" in app.get("progress")[0].proto.text


def test_a_recipe_fills_in_the_settings_and_every_schedule_can_be_asked_for(runs):
    app = open_page("pages/train.py")
    app.selectbox(key="ask_recipe").set_value("textbook").run()
    assert app.number_input(key="ask_batch_textbook_digits_mlp").value == 128
    assert app.number_input(key="ask_rate_textbook_digits_mlp").value == 1e-3
    app.selectbox(key="ask_beta_schedule_textbook_digits_mlp").set_value("cyclical").run()
    app.selectbox(key="ask_schedule_textbook_digits_mlp").set_value("cosine").run()
    assert not app.exception and not app.error
    command = next(code.value for code in app.code if "vae train" in code.value)
    assert "--schedule cosine" in command and "--beta-schedule cyclical" in command
    app.number_input(key="ask_beta_cycles_textbook_digits_mlp").set_value(9999).run()
    assert "number of beta's cycles is 9999" in app.error[0].value


def test_the_best_recipe_looks_images_up_and_needs_a_plane(runs):
    app = open_page("pages/train.py")
    app.selectbox(key="ask_recipe").set_value("best").run()
    command = next(code.value for code in app.code if "vae train" in code.value)
    assert "--encoder-lattice" in command
    app.number_input(key="ask_latent_best_digits_mlp").set_value(8).run()
    assert "its lattice takes an mlp with 2 latent dimensions" in app.error[0].value
    app.number_input(key="ask_lattice_best_digits_mlp").set_value(0).run()
    assert not app.error, app.error[0].value
    assert "--encoder-lattice" not in next(code.value for code in app.code if "vae train" in code.value)


def test_a_training_is_steered_by_the_page(runs):
    folder = vae.RunFolder.create(runs / "live", small_config(epochs=100_000))
    process = start_process(folder, device="cpu")
    wait_until(lambda: folder.read_status().step > 12, "the training")
    app = open_page("pages/train.py", run="live")
    assert not app.exception
    app.select_slider(key="steer_beta_live_0").set_value(4.0).run()
    wait_until(lambda: any(report.beta == 4 for report in folder.read_metrics()), "the new beta")
    app.button(key="pause").click().run()
    wait_until(lambda: folder.read_status().state == "paused", "the pause")
    step = folder.read_status().step
    app.run()
    assert "paused" in app.get("progress")[0].proto.text and app.select_slider(key="steer_beta_live_0").value == 4.0
    app.button(key="one_batch").click().run()
    after, config = step + 1, folder.read_config()[0]
    wait_until(lambda: folder.read_model(config)[1] == after, "one batch, and the weights after it")
    app.run()
    assert f"paused** after step {after:,} of" in app.get("progress")[0].proto.text
    assert f"The plane after {f'step {after:,}' if after % 12 else f'epoch {after // 12}'}" in shown(app)  # 12 steps an epoch
    app.button(key="go_on").click().run()
    wait_until(lambda: folder.read_status().step > step + 12, "going on")
    app.run()
    app.button(key="stop").click().run()
    process.wait(60)
    app.run()
    assert not app.exception and app.button(key="resume").label == "Go on"
    assert app.number_input(key="lengthen_live_100001").value > 100_000


def test_looking_again_leaves_the_sliders_to_the_hand_on_them_until_another_wish_is_made(runs):
    folder = vae.RunFolder.create(runs / "waiting", small_config())
    app = open_page("pages/train.py", run="waiting")
    beta, rate, epochs = "steer_beta_waiting", "steer_learning_rate_waiting", "steer_epochs_waiting"
    for _ in range(2):
        app.run()
        slider, number = app.select_slider(key=f"{beta}_0").proto, app.number_input(key=f"{epochs}_0").proto
        assert not slider.set_value and not number.set_value
        # What the browser shows, and reports, if this message is the first that it draws
        assert slider.options[int(slider.default[0])] == "1" and number.default == 2
    folder.steer(beta=2.0, epochs=7)
    app.run()
    slider, number = app.select_slider(key=f"{beta}_1").proto, app.number_input(key=f"{epochs}_1").proto
    assert slider.options[int(slider.default[0])] == "2" and number.default == 7
    assert not slider.set_value and not number.set_value
    app.select_slider(key=f"{rate}_0").set_value(0.01).run()
    assert folder.read_control() == ControlRequest(beta=2.0, learning_rate=0.01, epochs=7)
    assert app.select_slider(key=f"{rate}_0").value == 0.01  # its own wish is no reason for another widget


def test_a_wish_that_cannot_be_leaves_the_panel_usable(runs):
    folder = vae.RunFolder.create(runs / "waiting", small_config())
    (folder.path / "control.json").write_text('{"beta": -3}')
    app = open_page("pages/train.py", run="waiting")
    assert not app.exception and not app.error
    app.select_slider(key="steer_beta_waiting_0").set_value(2.0).run()
    assert folder.read_control().beta == 2.0


def test_a_finished_run_is_trained_for_longer(runs):
    app = open_page("pages/train.py", run="small")
    app.number_input(key="lengthen_small_3").set_value(3).run()
    app.button(key="lengthen").click().run()
    folder = vae.RunFolder(runs / "small")
    wait_until(lambda: folder.read_status().state == "finished" and folder.read_status().epoch == 3, "the third epoch")
    assert folder.read_config()[0].training.epochs == 3
    assert [report.steered for report in folder.read_metrics() if report.steered] == ["lengthened here to 3 epochs"]
    notes = charts(open_page("pages/train.py", run="small"))[0]["layout"]["annotations"]
    assert [(note["x"], note["text"].strip()) for note in notes] == [(2, "lengthened here to 3 epochs")]


def test_a_name_that_is_taken_loses_nothing(runs):
    app = open_page("pages/train.py")
    weights = (runs / "small" / "model.safetensors").read_bytes()
    app.text_input(key="ask_name_digits-mlp-1").set_value("small").run()
    assert any("A run is called small already" in error.value for error in app.error)
    assert app.button(key="start").disabled
    app.text_input(key="ask_name_digits-mlp-1").set_value("free").run()
    assert not app.error and not app.button(key="start").disabled
    assert (runs / "small" / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize(("name", "value", "words"), [("epochs", 0, "epochs"), ("beta", -1.0, "beta"), ("seed", -1, "seed")])
def test_a_setting_out_of_range_blocks_the_start(runs, name, value, words):
    app = open_page("pages/train.py")
    app.number_input(key=f"ask_{name}_fast_digits_mlp").set_value(value).run()
    assert words in app.error[0].value and app.button(key="start").disabled


def test_a_run_cannot_be_asked_to_be_shorter(runs):
    app = open_page("pages/train.py", run="small")
    app.number_input(key="lengthen_small_3").set_value(2).run()
    assert "ask for more than that" in app.error[0].value and app.button(key="lengthen").disabled


def test_a_failed_run_can_be_removed_where_it_says_so(runs):
    shutil.copytree(runs / "small", runs / "failed")
    folder = RunFolder(runs / "failed")
    folder.write_status(dataclasses.replace(folder.read_status(), state="failed", message="The loss is not finite."))
    app = open_page("pages/train.py", run="failed")
    app.button(key="remove_failed").click().run()
    app.button(key="delete").click().run()
    assert not app.exception and not folder.path.exists()
    assert app.selectbox(key="run_picker").value == "small"


def test_the_first_epochs_can_be_seen(runs):
    app = open_page("pages/train.py", run="small")
    least = min(charts(app)[0]["data"][0]["y"])
    app.checkbox(key="whole_curves").check().run()
    low, high = charts(app)[0]["layout"]["yaxis"]["range"]
    assert not app.exception and low < least < high


def test_a_page_hears_that_its_visitor_left(runs, monkeypatch):
    settled = threading.Event()
    monkeypatch.setattr(memory, "SECONDS_AFTER_LEAVING", 0.0)
    monkeypatch.setattr(memory, "settle", settled.set)
    open_page()
    settled.clear()
    clear_session_resource_cache("test session id")  # as Streamlit does when a session's websocket closes
    assert settled.wait(60)


@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        ("app.py", {"z": "0,5,-1,2"}, "asks for z of 4 numbers"),
        ("app.py", {"image": "364"}, "held-out images have the numbers 0 to 363"),
        ("app.py", {"a": "0,5,1,2"}, "asks for a of 4 numbers"),
        ("pages/elbo.py", {"image": "364"}, "held-out images have the numbers 0 to 363"),
        ("pages/replay.py", {"epoch": "3"}, "asks for epoch=3"),
        ("pages/diffusion.py", {"class": "10"}, "asks for class=10"),
    ],
)
def test_what_the_address_asks_for_and_the_run_lacks_is_told_until_something_is_chosen(runs, page, query, words):
    app = open_page(page, run="small", **query)
    assert not app.exception and len(app.warning) == 1 and words in app.warning[0].value
    if page == "app.py":
        app.number_input(key="z1").set_value(0.25).run()
        assert not app.warning and not app.exception


def test_a_run_of_another_size_that_is_chosen_by_hand_is_nobodys_slip(runs):
    vae.RunFolder.create(runs / "wide", small_config(latent=8))
    app = open_page(run="small", z="0.5,-1.2")
    app.selectbox(key="run_picker").set_value("wide").run()
    assert not app.exception and not app.warning


def test_a_training_that_dies_as_it_starts_says_why_on_the_page(runs, tmp_path, monkeypatch):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "tqdm.py").write_text("raise ImportError('libcudart.so.12: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    app = open_page("pages/train.py")
    app.text_input(key="ask_name_digits-mlp-1").set_value("dies").run()
    app.button(key="start").click().run()
    folder = vae.RunFolder(runs / "dies")
    wait_until(lambda: not folder.read_status().active, "the end", 50)
    app.run()
    assert not app.exception and any("ImportError: libcudart" in error.value for error in app.error)


def test_the_command_names_the_folder_that_is_used(runs, monkeypatch, tmp_path):
    (tmp_path / "my runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_RUNS", "my runs")
    app = open_page("pages/train.py")
    command = next(code.value for code in app.code if "vae train" in code.value)
    assert command.endswith(f"--run '{tmp_path / 'my runs' / 'digits-mlp-1'}'")
    monkeypatch.setenv("VAE_RUNS", "")
    app.run()
    assert re.search(r"--run checkpoints/digits-mlp-\d+$", next(code.value for code in app.code if "vae train" in code.value))
