"""The classifier of images: what it learns, keeps, and says of a plane."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import small_config
from vae.config import ModelConfig
from vae.data import datasets
from vae.evaluation.classifier import FILE, class_field, load_classifier, save_classifier, train_classifier
from vae.latent.plane import plane_of_axes
from vae.model.autoencoder import build_model
from vae.model.inference import decode_points
from vae.runs.folder import RunFolder


@pytest.fixture(scope="module")
def classifier():
    before = torch.get_rng_state()
    trained = train_classifier(datasets.load("digits"))
    assert torch.equal(before, torch.get_rng_state())
    return trained


def test_it_is_right_where_it_says_so(classifier):
    held_out = datasets.load("digits").held_out
    probabilities = classifier.probabilities(held_out.images)
    assert probabilities.shape == (len(held_out), 10) and probabilities.sum(1).numpy() == pytest.approx(1, abs=1e-5)
    right = (probabilities.argmax(1) == held_out.labels).double().mean().item()
    assert classifier.accuracy == pytest.approx(right) and right > 0.95


def test_it_is_kept_with_the_run_and_a_damaged_one_is_none(classifier, tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config())
    assert load_classifier(folder, 10) is None
    save_classifier(folder, classifier)
    kept, images = load_classifier(folder, 10), datasets.load("digits").held_out.images[:5]
    assert torch.equal(kept.probabilities(images), classifier.probabilities(images)) and kept.accuracy == classifier.accuracy
    assert load_classifier(folder, 7) is None
    (folder.path / FILE).write_bytes(b"junk")
    assert load_classifier(folder, 10) is None


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_a_field_is_what_the_decoded_images_are_taken_for(classifier, latent):
    model, plane = build_model(ModelConfig("mlp", latent=latent)).eval(), plane_of_axes(latent)
    through = torch.full((latent,), 0.3)
    field = class_field(model, classifier, plane, through, 2.0, 8)
    assert field.shape == (8, 8, 10)
    place = torch.tensor([[-2 + 4 * 5.5 / 8, -2 + 4 * 2.5 / 8]])  # the third row from below, the sixth column
    image = decode_points(model, plane.points(place, through))
    assert field[2, 5].numpy() == pytest.approx(classifier.probabilities(image)[0].numpy(), abs=1e-5)
