"""The Diffusion page without a browser."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from streamlit.testing.v1 import AppTest

import vae
from tests.conftest import QUICK, ROOT, small_config, wait_until
from tests.pages.conftest import address, open_page, shown
from ui.diffusion.cache import Balance
from ui.diffusion.sections import story
from vae.diffusion.config import PriorConfig
from vae.diffusion.folder import PriorFolder
from vae.diffusion.job import train_prior
from vae.diffusion.variational_bound import Ledger
from vae.jobs.train_run import train_run
from vae.runs.folder import RunFolder
from vae.runs.status import Status

PAGE = "pages/diffusion.py"


@pytest.fixture
def diffused(runs):
    train_prior(RunFolder(runs / "small"), QUICK, device="cpu")
    return runs


def film(app: AppTest) -> dict:
    """What the particles are told."""
    return json.loads(next(part for part in app.get("bidi_component") if part.key == "particles").proto.json)


def has_film(app: AppTest) -> bool:
    return any(part.key == "particles" for part in app.get("bidi_component"))


@pytest.mark.parametrize("name", ["mnist", "mnist-beta0"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_it_opens_for_the_shipped_priors(monkeypatch, name, direction):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page(PAGE, run=name, direction=direction)
    assert not app.exception and not app.error and not app.warning
    assert film(app)["forward"] == (direction == "forward")
    assert len(film(app)["times"]) == 51 and film(app)["handful"] == 6


def test_who_has_chosen_no_run_sees_one_whose_codes_are_far_from_the_prior(monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    assert address(open_page(PAGE))["run"] == "mnist-beta0"
    assert address(open_page(PAGE, run="mnist"))["run"] == "mnist"
    assert address(open_page())["run"] == "mnist"


@pytest.mark.parametrize("chapter", ["why", "field", "ledger", "story", "training"])
def test_every_chapter_opens(diffused, chapter):
    app = open_page(PAGE, run="small", chapter=chapter)
    assert not app.exception and not app.error
    words = {
        "why": "distance to held-out codes", "field": "At 364 held-out codes", "ledger": "KL with the chain",
        "story": "One latent", "training": "30 steps",
    }  # fmt: skip
    assert words[chapter] in shown(app)


def test_the_noise_prediction_loss_and_its_formula_are_both_per_dimension():
    books = Balance(Ledger(prior=0.1, diffusion=1.0, first_step=-0.5, noise_prediction=0.25, error=0.01), kl=2.0, codes=10)
    words, formula = story(books)[-1]
    assert "each of z's d dimensions, 0.250" in words and r"\tfrac1d\, \mathbb{E}" in formula


def test_guidance_is_asked_for_and_kept_in_the_address(diffused):
    app = open_page(PAGE, run="small", direction="backward")
    assert len(set(film(app)["labels"])) > 4
    app.selectbox(key="guide").set_value(7).run()
    assert address(app)["class"] == "7"
    assert "class 7, guidance weight 1" in film(app)["sense"]
    before = film(app)["places"]
    app.number_input(key="weight").set_value(0.0).run()
    assert address(app)["weight"] == "0" and film(app)["places"] != before
    app.selectbox(key="guide").set_value(-1).run()
    assert "class" not in address(app)


def test_guidance_of_weight_0_is_no_class(diffused):
    without = film(open_page(PAGE, run="small", direction="backward"))
    app = open_page(PAGE, run="small", direction="backward", weight="0", **{"class": "7"})
    seen = film(app)
    assert app.selectbox(key="guide").value == 7 and app.number_input(key="weight").value == 0
    assert all(seen[name] == without[name] for name in ("places", "labels", "sense", "notes", "arrows"))
    assert "class 7" not in seen["sense"] and len(set(seen["labels"])) > 4


@pytest.mark.parametrize(("steps", "moments"), [(1, 2), (1000, 101)])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_one_step_and_a_thousand(diffused, steps, moments, direction):
    app = open_page(PAGE, run="small", direction=direction, steps=str(steps), noise="linear", sampler="ancestral")
    assert not app.exception and not app.error
    assert len(film(app)["times"]) == moments


def test_guidance_at_its_extreme_is_a_picture_or_a_sentence(diffused):
    app = open_page(PAGE, run="small", direction="backward", weight="20", steps="3", **{"class": "1"})
    assert not app.exception
    assert has_film(app) or "smaller guidance weight" in app.error[0].value


@pytest.mark.parametrize("query", [{"steps": "0"}, {"weight": "-1"}, {"weight": "nan"}, {"class": "x"}, {"sampler": "dice"}])
def test_an_address_that_makes_no_sense_is_told(diffused, query):
    app = open_page(PAGE, run="small", direction="backward", **query)
    (name, value), *_ = query.items()
    assert f"{name}={value}" in app.warning[0].value and has_film(app)


def test_a_class_that_the_run_lacks_is_no_class(diffused):
    app = open_page(PAGE, run="small", direction="backward", **{"class": "77"})
    assert not app.exception and app.selectbox(key="guide").value == -1


def test_a_run_without_a_prior_offers_to_train_one(runs):
    app = open_page(PAGE, run="small")
    assert "has no diffusion prior yet" in shown(app)
    assert film(app)["forward"] and film(app)["arrows"] is None and film(app)["handful"] == 6
    app.button(key="diffuse").click().run()
    assert not app.exception and not app.error
    prior = PriorFolder.in_training(RunFolder(runs / "small"))
    prior.ask_to_stop()
    wait_until(lambda: not prior.exists or not prior.read_status().active, "the training to stop")
    assert PriorFolder.of(RunFolder(runs / "small")).exists or prior.read_status().state == "stopped"


def test_a_run_without_a_prior_dissolves_and_names_the_runs_that_have_one(diffused):
    folder = RunFolder.create(diffused / "wide", small_config(latent=8, epochs=1))
    train_run(folder)
    app = open_page(PAGE, run="wide", direction="backward")
    assert not app.exception and not app.error and film(app)["forward"]
    assert "Runs with one: <b>small</b>" in shown(app)


def test_a_training_is_watched_and_can_be_stopped(runs):
    folder = RunFolder(runs / "small")
    prior, opened = PriorFolder.in_training(folder), []

    def look(report):
        if report.step == 2000:
            opened.append(open_page(PAGE, run="small"))
            opened[0].button(key="stop_prior").click().run()

    _, status = train_prior(folder, PriorConfig(**{**QUICK.to_dict(), "steps": 100_000}), device="cpu", on_report=look)
    assert status.state == "stopped" and not prior.exists
    app = opened[0]
    assert not app.exception and not app.error
    assert "half-trained" not in shown(open_page(PAGE, run="small", chapter="training"))
    assert "stopped" in shown(open_page(PAGE, run="small", chapter="training"))


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_retraining_that_gave_nothing_says_why_beside_the_earlier_prior(diffused, state):
    retrained = PriorFolder.in_training(RunFolder(diffused / "small"))
    retrained.path.mkdir()
    retrained.write_status(Status(state, message="The disk is full."))
    app = open_page(PAGE, run="small")
    assert not app.exception and has_film(app)
    assert [error.value for error in app.error] == ["The disk is full."]


def test_a_retraining_whose_status_is_damaged_leaves_the_earlier_prior_on_the_page(diffused):
    retrained = PriorFolder.in_training(RunFolder(diffused / "small"))
    retrained.path.mkdir()
    (retrained.path / "status.json").write_text("{")
    app = open_page(PAGE, run="small")
    assert not app.exception and has_film(app) and "is not JSON" in app.error[0].value


def test_a_prior_of_other_weights_says_so(diffused):
    folder = RunFolder(diffused / "small")
    model = vae.load_run(folder.path).model
    folder.write_model(model, 99_999)
    app = open_page(PAGE, run="small")
    assert "train it again" in app.warning[0].value


def test_three_latent_dimensions_are_drawn_by_their_first_two(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "wide", small_config(latent=3, epochs=1))
    train_run(folder)
    train_prior(folder, QUICK, device="cpu")
    monkeypatch.setenv("VAE_RUNS", str(tmp_path))
    app = open_page(PAGE, run="wide", direction="backward", chapter="field")
    assert not app.exception and not app.error
    assert film(app)["arrows"] is None and "the first two are drawn" in " ".join(film(app)["notes"])
    assert "has 3 dimensions" in shown(app)


def test_one_latent_dimension_is_one_sentence(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "line", small_config(latent=1, epochs=1))
    train_run(folder)
    monkeypatch.setenv("VAE_RUNS", str(tmp_path))
    app = open_page(PAGE, run="line")
    assert not app.exception and "particles need a plane" in shown(app)


def test_a_damaged_prior_is_one_sentence(diffused):
    path = PriorFolder.of(RunFolder(diffused / "small")).path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    app = open_page(PAGE, run="small")
    assert not app.exception and "cut off" in app.error[0].value


def test_a_prior_of_another_run_is_one_sentence_and_can_be_trained_again(diffused):
    wide = RunFolder.create(diffused / "wide", small_config(latent=3))
    shutil.copytree(PriorFolder.of(RunFolder(diffused / "small")).path, PriorFolder.of(wide).path)
    app = open_page(PAGE, run="wide")
    assert not app.exception and "made for another run" in app.error[0].value and app.button(key="diffuse")


def test_a_prior_goes_with_its_run(diffused):
    shutil.copytree(diffused / "small", diffused / "twin")
    app = open_page(PAGE, run="twin")
    assert not app.exception and torch.is_tensor(PriorFolder.of(RunFolder(diffused / "twin")).read().standard.centre)
