"""Every page, without a browser."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import vae
from tests.conftest import ROOT, small_config, wait_until
from vae.run import load_run
from vae.worker import train_run


@pytest.fixture
def runs(small_run, monkeypatch) -> Path:
    """A folder of runs with one small run in it, which the pages look at."""
    monkeypatch.setenv("VAE_RUNS", str(small_run.path.parent))
    return small_run.path.parent


def open_page(page: str = "app.py", **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if page != "app.py":
        app.switch_page(page)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def shown(app: AppTest) -> str:
    return " ".join(element.body for element in app.get("html")) + " ".join(e.value for e in [*app.markdown, *app.info])


def test_explore_opens(runs):
    app = open_page()
    assert not app.exception and not app.error and not app.warning
    assert len(app.get("plotly_chart")) == 3
    assert "Every point on this plane is a digit" in shown(app) and "decoded at z" in shown(app)
    assert app.query_params["run"] == "small"


def test_typing_z_decodes_there(runs):
    app = open_page()
    before = shown(app)
    app.number_input(key="z1").set_value(1.5).run()
    assert app.query_params["z"] == "1.5000,0.0000"
    assert shown(app) != before


def test_a_data_points_numbers_are_the_runs(runs):
    run = load_run(runs / "small")
    image = vae.data.load("digits").held_out.images[5:6] / 255
    posterior, terms = run.model.encode(image), vae.elbo_terms(run.model, image, samples=64)
    text = shown(open_page(run="small", z="0,0", image="5")).replace("−", "-")
    for number in (terms.elbo, terms.reconstruction, terms.kl):
        assert f"{number.item():.2f}" in text
    for number in (*posterior.mean[0], *posterior.standard_deviation[0]):
        assert f"{number.item():.3f}" in text
    assert "original: 5" in text and "reconstruction" in text


def test_without_the_data_set_everything_but_the_originals(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "nothing"))
    description = json.loads((runs / "small" / "run.json").read_text())
    description["config"]["dataset"] = "mnist"  # the same weights, of a data set that is not there
    (runs / "small" / "run.json").write_text(json.dumps(description))
    app = open_page(image="5")
    assert not app.exception and not app.error
    assert len(app.get("plotly_chart")) == 3
    assert "python -m vae download mnist" in shown(app)
    assert "estimated with one sample" in shown(app)
    assert "posterior" in shown(app)


def test_the_manifold_can_be_changed(runs):
    app = open_page()
    app.slider(key="cells").set_value(8).run()
    assert not app.exception
    app.segmented_control(key="layout").set_value("by the prior's quantiles").run()
    assert not app.exception and app.slider(key="extent").disabled
    app.segmented_control(key="layout").set_value(None).run()
    assert not app.exception


@pytest.mark.parametrize("page", ["app.py", "pages/train.py"])
@pytest.mark.parametrize(
    ("name", "content"), [("run.json", "{"), ("model.safetensors", "junk"), ("metrics.jsonl", "junk\n"), ("status.json", "[]")]
)
def test_a_damaged_run_is_one_sentence_and_the_others_stay_usable(runs, page, name, content):
    shutil.copytree(runs / "small", runs / "broken")
    (runs / "broken" / name).write_text(content)
    app = open_page(page, run="broken")
    assert not app.exception
    only_explore_reads_weights = name == "model.safetensors" and page != "app.py"
    only_train_reads_status = name == "status.json" and page == "app.py"
    assert len(app.error) == (0 if only_explore_reads_weights or only_train_reads_status else 1)
    app.selectbox(key="run_picker").set_value("small").run()
    assert not app.exception and not app.error


def test_a_run_that_is_not_there_is_told(runs):
    app = open_page(run="../../etc")
    assert not app.exception and "There is no run called" in app.warning[0].value
    assert app.selectbox(key="run_picker").value == "small"


def test_an_address_that_is_no_point_is_told(runs):
    app = open_page(run="small", z="north")
    assert not app.exception and "which is no point" in app.warning[0].value


def test_no_runs_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(tmp_path / "none"))
    for page in ("app.py", "pages/train.py"):
        app = open_page(page)
        assert not app.exception and "There are no runs" in shown(app)


@pytest.mark.parametrize("latent", [1, 8])
def test_other_latent_sizes_have_their_curves(runs, latent):
    train_run(vae.RunFolder.create(runs / "wide", small_config(latent=latent, epochs=1)))
    app = open_page(run="wide")
    assert not app.exception and len(app.get("plotly_chart")) == 1
    assert f"{latent} latent dimensions" in shown(app)
    app = open_page("pages/train.py", run="wide")
    assert not app.exception and f"{latent} latent dimensions" in shown(app)


def test_a_decoder_without_finite_numbers_is_told(runs):
    run = load_run(runs / "small")
    with torch.no_grad():
        run.model.decoder[1][-2].weight.fill_(3e38)
        run.model.decoder[1][-2].bias.fill_(3e38)
    run.folder.write_model(run.model, run.step)
    app = open_page(z="3,3")
    assert not app.exception and any("no finite numbers" in warning.value for warning in app.warning)


def test_the_pages_are_linked_and_the_view_is_kept(runs):
    app = open_page(z="0.5,0.25")
    app.switch_page("pages/train.py").run()
    assert not app.exception and "Training makes the ELBO rise" in shown(app)
    app.switch_page("app.py").run()
    assert app.query_params["z"] == "0.5000,0.2500"


def test_the_form_says_what_it_cannot_do(runs):
    app = open_page("pages/train.py")
    assert not app.exception and "About" in shown(app)
    app.text_input(key="ask_encoder").set_value("wide").run()
    assert "whole numbers between commas" in app.error[0].value
    assert next(button for button in app.button if button.label == "Start training").disabled
    app.text_input(key="ask_encoder").set_value("16").run()
    assert not app.error
    app.number_input(key="ask_rate").set_value(0.0).run()
    assert "learning rate is 0.0" in app.error[0].value


def test_a_training_started_in_the_page_ends_in_the_picker(runs):
    app = open_page("pages/train.py")
    app.number_input(key="ask_epochs_digits").set_value(2).run()
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    folder = vae.RunFolder(runs / "digits-mlp-1")
    wait_until(lambda: folder.read_status().state == "finished", "the end of the training")
    assert folder.read_config()[0].training.epochs == 2
    app.run()
    assert "digits-mlp-1" in app.selectbox(key="run_picker").options
    assert not app.exception and "finished" in app.get("progress")[0].proto.text


def test_a_name_that_is_taken_loses_nothing(runs):
    app = open_page("pages/train.py")
    weights = (runs / "small" / "model.safetensors").read_bytes()
    app.text_input(key="ask_name_digits-mlp-1").set_value("small").run()
    next(button for button in app.button if button.label == "Start training").click().run()
    assert any("exists already" in error.value for error in app.error)
    assert (runs / "small" / "model.safetensors").read_bytes() == weights
