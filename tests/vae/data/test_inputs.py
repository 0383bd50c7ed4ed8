"""What a caller hands in by mistake is refused in one sentence that says what to do, wherever it is handed in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import vae
from tests.conftest import small_config
from vae.config import ModelConfig
from vae.data import datasets
from vae.data.datasets import Dataset, Split, to_uint8
from vae.data.inputs import InputError, as_pixels
from vae.data.nearest_images import PixelNeighbours
from vae.errors import DataError
from vae.evidence import monte_carlo
from vae.evidence.elbo_identity import elbo_identity
from vae.evidence.importance_sampling import importance_log_evidence
from vae.evidence.optimal_gaussian import optimal_gaussian
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.latent.posterior_summary import summarise_posterior
from vae.model import reconstruction
from vae.model.autoencoder import VAE, Posterior, build_model
from vae.model.inference import decode_points, encode_images
from vae.model.reconstruction import reconstruction_term
from vae.training.trainer import Trainer

IMAGES = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model() -> VAE:
    return build_model(ModelConfig("mlp", encoder_widths=(16,), decoder_widths=(16,)))


@pytest.fixture(scope="module")
def quadrature(model) -> PlaneQuadrature:
    return PlaneQuadrature(model, spacing=0.25, extent=5.0)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


Q = Posterior(torch.zeros(1, 2), torch.zeros(1, 2))

OF_MANY: dict[str, Callable] = {
    "encode": lambda model, quadrature, x: model.encode(x).mean,
    "elbo_terms": lambda model, quadrature, x: vae.elbo_terms(model, x).elbo,
    "log_evidence": lambda model, quadrature, x: quadrature.log_evidence(x).log_evidence,
    "importance sampling": lambda model, quadrature, x: importance_log_evidence(model, x, 20, generator()).log_evidence,
}
OF_ONE: dict[str, Callable] = {
    "true_posterior": lambda model, quadrature, x: quadrature.true_posterior(x, 8).mean,
    "sides": lambda model, quadrature, x: elbo_identity(quadrature, x, Q).elbo,
    "optimal_gaussian": lambda model, quadrature, x: optimal_gaussian(model, x, Q, steps=2).elbo,
    "reconstruction term": lambda model, quadrature, x: reconstruction_term(model, x, Q).value,
    "reconstruction": lambda model, quadrature, x: reconstruction.reconstruction_draws(model, x, Q, 4, generator()),
    "pathwise": lambda model, quadrature, x: monte_carlo.pathwise_gradients(model, x, Q, 4, generator()),
    "score function": lambda model, quadrature, x: monte_carlo.score_function_gradients(model, x, Q, 4, generator()),
    "quadrature": lambda model, quadrature, x: monte_carlo.quadrature_gradient(model, x, Q).gradient,
}
EVERYTHING = OF_MANY | OF_ONE

MISTAKES: dict[str, tuple[object, str]] = {
    "no channel": (IMAGES[:, 0], r"shape \(8, 28, 28\); expected \(N, 1, 28, 28\): add a channel axis by images\[:, None\]"),
    "one picture": (IMAGES[0, 0], r"shape \(28, 28\); .* by images\[None, None\]"),
    "no batch": (IMAGES[0], r"shape \(1, 28, 28\); expected \(N, 1, 28, 28\): add a channel axis"),
    "rows of pixels": (IMAGES.flatten(1), r"shape \(8, 784\); .* by images\.reshape\(-1, 1, 28, 28\)"),
    "channels last": (IMAGES.permute(0, 2, 3, 1), r"shape \(8, 28, 28, 1\); .* by images\.reshape\(-1, 1, 28, 28\)"),
    "colour": (torch.rand(8, 3, 28, 28), r"shape \(8, 3, 28, 28\); expected \(N, 1, 28, 28\): models take grey images"),
    "another size": (torch.rand(8, 1, 32, 32), r"shape \(8, 1, 32, 32\); expected \(N, 1, 28, 28\)"),
    "bytes": (to_uint8(IMAGES), r"of type uint8; expected pixel values in \[0, 1\]: .*vae\.data\.datasets\.pixels"),
    "0 to 255": (to_uint8(IMAGES).float(), r"from 0 to 255; expected \[0, 1\]: divide by 255"),
    "0 to 16": (IMAGES * 16, r"expected \[0, 1\]: divide by the value that stands for white"),
    "standardised": ((IMAGES - 0.13) / 0.31, r"values from -0\.4.* to 2\.8.*; expected \[0, 1\]: undo what standardised them"),
    "-1 to 1": (2 * IMAGES - 1, r"values from -(1|0.99.*) to (1|0.99.*); expected \[0, 1\]: undo what standardised them"),
    "NaN": (IMAGES.index_fill(2, torch.tensor(3), torch.nan), r"not finite .*; expected \[0, 1\]"),
    "infinity": (IMAGES / IMAGES.new_tensor([0.0, *[1.0] * 27]), r"not finite .*; expected \[0, 1\]"),
    "whole numbers": (torch.ones(8, 1, 28, 28, dtype=torch.long), r"of type int64; expected pixel values in \[0, 1\]"),
    "complex": (IMAGES.to(torch.complex64), r"of type complex64; expected pixel values in \[0, 1\]"),
    "a list": (IMAGES.tolist(), r"The images are of type list; expected a tensor or an array"),
    "an array of text": (np.full((8, 1, 28, 28), "white"), r"An array of <U5 is no tensor; convert it"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", EVERYTHING)
def test_images_of_another_shape_or_range_are_refused_everywhere(name, mistake, model, quadrature):
    images, sentence = MISTAKES[mistake]
    with pytest.raises(InputError, match=sentence) as told:
        EVERYTHING[name](model, quadrature, images)
    assert "\n" not in str(told.value) and str(told.value).endswith(".")


@torch.no_grad()
@pytest.mark.parametrize("name", EVERYTHING)
def test_arrays_and_other_precisions_give_what_tensors_give(name, model, quadrature):
    images = IMAGES[:1]
    expected = EVERYTHING[name](model, quadrature, images)
    reversed_twice = images.numpy()[:, :, ::-1].copy()[:, :, ::-1]  # negative strides, which torch does not have
    for given in (images.numpy(), images.numpy().astype(np.float64), images.double(), reversed_twice):
        assert EVERYTHING[name](model, quadrature, given) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", OF_ONE)
def test_what_holds_for_one_image_takes_one(name, model, quadrature):
    with pytest.raises(InputError, match=r"There are 8 images; expected one at a time, such as images\[:1\]"):
        OF_ONE[name](model, quadrature, IMAGES)


def test_pixels_that_are_off_by_rounding_are_taken_and_so_are_binary_ones(model):
    for off, taken in ((1e-6, True), (1e-2, False)):
        for images in (IMAGES.round() + off, IMAGES.round() - off):
            if taken:
                assert model.encode(images).mean.shape == (8, 2)
            else:
                with pytest.raises(InputError, match="expected"):
                    model.encode(images)
    assert torch.equal(model.encode(IMAGES > 0.5).mean, model.encode((IMAGES > 0.5).float()).mean)
    assert model.encode(IMAGES[:0]).mean.shape == (0, 2)


def test_the_evidence_of_a_run_is_refused_as_well(model):
    with pytest.raises(InputError, match="channel axis"):
        vae.log_evidence(model, IMAGES[:1, 0])


@pytest.mark.parametrize("decode", [VAE.decode, decode_points])
def test_codes_of_another_shape_are_refused(decode, model):
    for z, sentence in {
        (2,): r"z has the shape \(2,\); expected \(N, 2\), .*: add an axis by z\[None\]",
        (5, 3): r"z has the shape \(5, 3\); expected \(N, 2\), for this model's latent space",
        (5, 2, 2): r"expected \(N, 2\)",
    }.items():
        with pytest.raises(InputError, match=sentence):
            decode(model, torch.zeros(z))
    with pytest.raises(InputError, match=r"z is of type int64; .* z\.float\(\)"):
        decode(model, torch.zeros(5, 2, dtype=torch.long))


def test_an_array_decodes_as_a_tensor_does(model):
    z = torch.randn(5, 2, generator=generator())
    assert torch.equal(model.decode(z.numpy().astype(np.float64)), model.decode(z))
    with pytest.raises(InputError, match="z is of type list"):
        model.decode([[0.0, 0.0]])


STORED = to_uint8(IMAGES)
LABELS = torch.arange(8)

OF_STORED: dict[str, Callable[[VAE, object], object]] = {
    "a split": lambda model, images: Split(images, LABELS),
    "encode_images": lambda model, images: encode_images(model, images),
    "neighbours": lambda model, images: PixelNeighbours(images, LABELS),
    "their images": lambda model, images: PixelNeighbours(STORED, LABELS).agreement(images, 2),
    "story_of": lambda model, images: summarise_posterior(model, images),
}


@pytest.mark.parametrize("name", OF_STORED)
def test_stored_images_are_bytes_of_the_right_shape(name, model):
    take = OF_STORED[name]
    with pytest.raises(InputError, match=r"of type float32; expected bytes from 0 to 255: .*vae\.data\.datasets\.to_uint8"):
        take(model, IMAGES)
    with pytest.raises(InputError, match=r"shape \(8, 28, 28\); .* by images\[:, None\]"):
        take(model, STORED[:, 0])
    take(model, STORED[:1].numpy() if name == "story_of" else STORED.numpy())


def test_pixels_divides_bytes_alone():
    with pytest.raises(InputError, match="of type float32; expected bytes"):
        datasets.pixels(IMAGES)
    assert datasets.pixels(STORED[:, 0]).max() <= 1
    assert torch.equal(datasets.pixels(STORED.numpy()), datasets.pixels(STORED))


def split_of(images: Tensor) -> Split:
    return Split(images, torch.zeros(len(images), dtype=torch.long))


def test_a_trainer_trains_on_what_was_meant_or_says_what_was_not(digits):
    """Floats in [0, 1] were divided by 255, and (N, 28, 28) broadcast."""
    few = digits.train.select(slice(64))
    for wrong in (datasets.pixels(few.images), few.images[:, 0], few.images.int()):
        with pytest.raises(InputError):
            Trainer(small_config(), Dataset("digits", split_of(wrong), split_of(wrong), digits.class_names))
    by_arrays = Split(few.images.numpy(), few.labels.numpy().astype(np.uint8))
    curves = []
    for split in (few, by_arrays):
        trainer = Trainer(small_config(epochs=1), Dataset("digits", split, split, digits.class_names))
        curves.append([report.elbo for report in trainer.reports()])
    assert curves[0] == curves[1]


def test_labels_are_one_whole_number_for_each_image():
    for labels in (LABELS[:7], LABELS.float(), LABELS[:, None]):
        with pytest.raises(InputError, match="expected one whole number for each of the 8 images"):
            Split(STORED, labels)
    assert Split(STORED, LABELS.numpy().astype(np.int32)).labels.dtype == torch.int64


def test_a_data_set_has_images_on_either_side():
    some, none = split_of(STORED), split_of(STORED[:0])
    for train, held_out in ((some, none), (none, some)):
        with pytest.raises(DataError, match=r"training images and . held-out ones; both are needed"):
            Dataset("digits", train, held_out, ())


def test_training_is_not_held_up_by_the_check(digits, monkeypatch):
    """What a step is given was checked when the data set was made; to look at it again would wait for a GPU."""
    looked = []
    monkeypatch.setattr(vae.model.autoencoder, "as_pixels", lambda *given: looked.append(0) or as_pixels(*given))
    few = digits.train.select(slice(64))
    trainer = Trainer(small_config(epochs=1, batch_size=8), Dataset("digits", few, few, digits.class_names))
    reports = trainer.reports(lambda: trainer.step == trainer.steps_per_epoch - 1)
    assert list(reports) and trainer.step == 7 and not looked
