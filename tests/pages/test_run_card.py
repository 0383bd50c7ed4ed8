"""The card behind a run's name, on the pages that show one run."""

from __future__ import annotations

import pytest

import vae
from tests.conftest import ROOT, small_config
from tests.pages.conftest import open_page, shown


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("mnist-beta0", ["0: an autoencoder", "2 latent dimensions", "yes, see Diffusion", "-204.2"]),
        ("mnist-8d", ["8 latent dimensions", "gaussian of scale 0.2", "none yet", "387."]),
        ("mnist-lattice", ["encoder that looks images up", "-119."]),
        ("mnist-binarised", ["black and white pixels (dynamic)"]),
    ],
)
def test_a_shipped_runs_card_says_what_it_is(monkeypatch, run, words):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page("pages/train.py", run=run)
    assert not app.exception
    card = next(element.body for element in app.get("html") if "numbers card" in element.body).replace("−", "-")
    assert [word for word in words if word not in card] == []


def test_a_run_without_an_epoch_or_with_a_damaged_file_has_a_card(runs):
    vae.RunFolder.create(runs / "new", small_config(latent=1))
    app = open_page("pages/train.py", run="new")
    assert not app.exception and "none yet: no epoch is finished" in shown(app) and "1 latent dimension," in shown(app)
    (runs / "new" / "run.json").write_text("{")
    app = open_page("pages/train.py", run="new")
    assert not app.exception and any("run.json" in error.value for error in app.error)


def test_the_list_of_runs_says_what_each_is_and_where_its_training_stands(runs):
    vae.RunFolder.create(runs / "new", small_config(latent=1))
    app = open_page("pages/train.py", run="new")
    assert "new (queued; digits, 1-D, beta 1)" in app.selectbox(key="run_picker").options
    assert "small (digits, 2-D, beta 1)" in app.selectbox(key="run_picker").options
    app.selectbox(key="run_picker").set_value("small").run()
    assert app.selectbox(key="run_picker").value == "small" and not app.exception
    (runs / "new" / "run.json").write_text("{")
    assert "new (queued)" in open_page("pages/train.py", run="small").selectbox(key="run_picker").options
