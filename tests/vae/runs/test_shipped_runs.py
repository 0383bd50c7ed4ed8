"""What stands in checkpoints/: its README tells of every run, and the app opens on an ordinary one."""

import re

import pytest

from tests.conftest import ROOT
from vae.data.datasets import load_held_out
from vae.model.elbo import elbo_terms
from vae.runs.folder import load_run
from vae.runs.lifecycle import SHIPPED

pytestmark = pytest.mark.slow


def test_the_readme_has_every_shipped_run_with_its_held_out_terms():
    readme = (ROOT / "checkpoints" / "README.md").read_text()
    for name in SHIPPED:
        row = re.search(rf"^\| `{name}`.*\| (-?\d+\.\d+) \| (-?\d+\.\d+) \| (\d+\.\d+) \| \d+\.\d MB \|$", readme, re.M)
        assert row, name
        elbo, reconstruction, kl = map(float, row.groups())
        assert elbo == pytest.approx(reconstruction - kl, abs=0.011)
        report = [one for one in load_run(ROOT / "checkpoints" / name).folder.read_metrics() if one.split == "held_out"][-1]
        assert elbo == pytest.approx(report.elbo, abs=0.3), name  # with one draw of z per image


def test_the_app_opens_on_an_encoder_that_sees_pixels(mnist_present):
    run = load_run(ROOT / "checkpoints" / "mnist")
    assert (run.config.model.architecture, run.config.model.latent, run.config.model.encoder_lattice) == ("mlp", 2, None)
    assert (run.folder.path / "model.safetensors").stat().st_size < 8e6
    images = load_held_out("mnist").images[:2000] / 255
    assert elbo_terms(run.model, images).elbo.mean() > -134
