"""The encoder that looks images up, against comparing an image with every decoded one."""

import copy
import dataclasses
import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from tests.conftest import ROOT, small_config
from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.data import datasets
from vae.errors import RunError, TrainingError
from vae.evidence.plane_quadrature import log_evidence
from vae.jobs.train_run import train_run
from vae.model.autoencoder import build_model
from vae.model.elbo import elbo_terms
from vae.model.lattice_encoder import BESIDE, REACH, refresh_is_due, refreshes_before
from vae.runs.folder import RunFolder, load_run
from vae.training.trainer import Trainer

pytestmark = pytest.mark.slow

SIDE = 20


def looking_up(seed: int = 0, **changes):
    config = {"encoder_lattice": SIDE, "encoder_widths": (16,), "decoder_widths": (32,), "fourier_features": 2} | changes
    return build_model(ModelConfig("mlp", **config), seed)


def log_joint(model, image, z, beta):
    """log p(x given z) + beta log p(z) but for a constant, the likelihood's own formula."""
    parameters = model.decode_parameters(z)
    likelihood = model.likelihood.log_prob(parameters, image.expand(len(z), -1, -1, -1))
    return likelihood + beta * torch.distributions.Normal(0, 1).log_prob(z).sum(1)


@pytest.mark.parametrize("beta", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@torch.no_grad()
def test_an_image_is_found_where_the_decoder_draws_it_best(likelihood, beta):
    model, draw = looking_up(likelihood=likelihood).double(), torch.Generator().manual_seed(0)
    images = torch.rand(12, 1, 28, 28, generator=draw, dtype=torch.float64)
    images[:6] = model.decode(torch.randn(6, 2, generator=draw, dtype=torch.float64))
    model.refresh_lookup()
    model.lookup.set_beta(beta)
    found = model.lookup.find(images)
    line = [-REACH + (index + 0.5) * 2 * REACH / SIDE for index in range(SIDE)]
    inner = torch.tensor([(a, b) for a in line for b in line]).double()
    steps = [step * model.lookup.spacing for step in range(-BESIDE, BESIDE + 1)]
    around = torch.tensor([(a, b) for a in steps for b in steps]).double()
    for image, place, seen in zip(images, found.place, found.seen, strict=True):
        scores = log_joint(model, image, inner, beta)
        torch.testing.assert_close(place, inner[scores.argmax()])
        beside = (log_joint(model, image, place + around, beta) - scores.max()) / max(beta, 1)
        features, wide, narrow = seen.split([10, len(around), len(around)])
        torch.testing.assert_close(features, model.decoder[0](place[None])[0])
        torch.testing.assert_close(wide, (beside / 10).clamp(-3, 3))
        torch.testing.assert_close(narrow, (beside / 3).exp().clamp(max=3))


@torch.no_grad()
def test_the_lattice_of_a_training_moves_by_less_than_its_spacing_and_evenly():
    model, shifts = looking_up(), []
    centred = model.lookup.places.clone()
    for shift in range(64):
        model.refresh_lookup(shift)
        moved = (model.lookup.places - centred) / model.lookup.spacing
        torch.testing.assert_close(moved, moved[:1].expand_as(moved), rtol=0, atol=1e-5)
        shifts.append(moved[0])
    shifts = torch.stack(shifts)
    assert shifts[0].abs().max() < 1e-6 and shifts.abs().max() <= 0.5
    counts = torch.histogramdd(shifts, bins=[4, 4], range=[-0.5, 0.5, -0.5, 0.5]).hist
    assert counts.min() >= 2  # of 4 in the mean
    expected = model.decode_parameters(model.lookup.places).flatten(1)
    torch.testing.assert_close(model.lookup.natural, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_posterior_lies_beside_the_place_in_units_of_the_spacing():
    model, images = looking_up(), torch.rand(5, 1, 28, 28)
    posterior = model.encode(images)
    found = model.lookup.find(images)
    hidden = model.encoder(found.seen)
    torch.testing.assert_close(posterior.mean, found.place + model.lookup.spacing * model.mean_head(hidden))
    deviation = model.lookup.spacing * (model.log_variance_head(hidden) / 2).exp()
    torch.testing.assert_close(posterior.standard_deviation, deviation)


@torch.no_grad()
def test_the_decoder_is_looked_at_anew_when_weights_are_loaded_and_not_before():
    first, second, images = looking_up(0), looking_up(1), torch.rand(5, 1, 28, 28)
    expected = second.encode(images).mean
    assert not torch.allclose(first.encode(images).mean, expected)
    first.load_state_dict(second.state_dict())
    assert torch.equal(first.encode(images).mean, expected)
    first.decoder[1][0].weight.add_(1.0)
    found = first.lookup.find(images).place
    assert torch.equal(found, second.lookup.find(images).place)
    first.refresh_lookup()
    assert not torch.equal(first.lookup.find(images).place, found)


@torch.no_grad()
def test_whatever_changes_the_decoder_is_noticed_but_not_between_the_steps_of_a_training():
    """Also what no hook tells: a step of some optimiser, an edit by hand."""
    model, images = looking_up(), torch.rand(5, 1, 28, 28)
    before = model.encode(images).mean
    weight = model.decoder[1][0].weight
    weight.mul_(-1.0)
    changed = model.encode(images).mean
    assert not torch.equal(changed, before)
    model.train()
    weight.mul_(-1.0)
    assert torch.equal(model.encode(images).mean, changed)
    model.eval()
    torch.testing.assert_close(model.encode(images).mean, before)


def test_a_model_made_in_inference_mode_looks_images_up_too():
    with torch.inference_mode():
        model, images = looking_up(), torch.rand(2, 1, 28, 28)
        assert torch.equal(model.encode(images).mean, model.encode(images).mean)


def test_what_is_kept_of_the_decoder_is_no_weight_and_in_no_file():
    model = looking_up()
    weights = {name for name, _ in model.named_parameters()}
    assert not any(name.startswith("lookup") for name in weights)
    assert set(model.state_dict()) == weights | {"lookup.beta", "lookup.line"}


def test_evaluating_in_the_middle_of_a_training_leaves_it_as_it_was(digits):
    """It looks at the decoder as it is then, which steps do every so often."""
    config = small_config(epochs=3, encoder_lattice=SIDE)
    curves = []
    for evaluates in (False, True):
        trainer = Trainer(config, digits)
        list(trainer.reports(lambda: trainer.step >= 7))
        if evaluates:
            trainer.evaluate()
        curves.append([(report.step, report.reconstruction, report.kl) for report in trainer.reports()])
    assert curves[0] == curves[1]


@pytest.mark.parametrize("epochs", [2, 6])
def test_what_is_held_out_is_looked_up_as_training_images_were(epochs, digits):
    """In a training of few steps the decoder changes fast: a lattice of long ago would teach what is no longer so."""
    config = small_config(epochs=epochs, batch_size=204, learning_rate=1e-2, schedule="one-cycle", encoder_lattice=48)
    train, held_out = list(Trainer(config, digits).reports())[-2:]
    assert held_out.elbo > 1.02 * train.elbo  # both are below zero, and weights are better at an epoch's end


def test_refreshes_are_counted_as_they_come():
    due = [refresh_is_due(step) for step in range(700)]
    assert [step for step in range(700) if due[step]] == [*range(0, 500, 5), *range(500, 700, 50)]
    assert [refreshes_before(step) for step in range(701)] == [sum(due[:step]) for step in range(701)]


@pytest.mark.parametrize("starts_from_another", [False, True])
def test_before_the_first_step_beta_counts_already(starts_from_another, tmp_path, digits):
    trainer = Trainer(small_config(encoder_lattice=SIDE, beta=7.0), digits)
    if starts_from_another:
        folder = RunFolder.create(tmp_path / "first", small_config(encoder_lattice=SIDE, beta=0.5))
        train_run(folder, device="cpu")
        trainer.model.load_state_dict(load_run(folder.path).model.state_dict())  # as the process that trains does
        assert trainer.model.lookup.beta == 0.5
    trainer.evaluate()
    assert trainer.model.lookup.beta == 7.0


def test_a_finished_run_encodes_as_its_trainer_did(tmp_path, digits):
    folder = RunFolder.create(tmp_path / "run", small_config(encoder_lattice=SIDE, beta=2.0))
    train_run(folder, device="cpu")
    run = load_run(folder.path)
    assert run.model.lookup.beta == 2.0
    codes = folder.read_snapshot(folder.snapshot_paths()[-1]).codes
    posterior = run.model.encode(digits.held_out.images.float() / 255)
    torch.testing.assert_close(posterior.mean, codes.posterior.mean, rtol=1e-4, atol=1e-4)
    trainer = Trainer(run.config, digits)
    list(trainer.reports())
    encoded = trainer.model.encode(digits.held_out.images.float() / 255)
    torch.testing.assert_close(encoded.mean, trainer.codes.posterior.mean, rtol=1e-4, atol=1e-4)


def test_weights_of_another_lattice_are_refused(tmp_path):
    folder = RunFolder.create(tmp_path / "run", small_config(encoder_lattice=SIDE))
    fields = json.loads((folder.path / "run.json").read_text())
    fields["config"]["model"]["encoder_lattice"] = SIDE + 4
    (folder.path / "run.json").write_text(json.dumps(fields))
    with pytest.raises(RunError):
        load_run(folder.path)
    small, large = (Trainer(small_config(encoder_lattice=side), datasets.load("digits")) for side in (SIDE, SIDE + 4))
    large.evaluate()
    list(small.reports(lambda: small.step >= 3))
    with pytest.raises(TrainingError, match="does not fit"):
        large.restore(*small.state())


@torch.no_grad()
def test_a_copy_keeps_nothing_of_the_decoder_and_looks_for_itself():
    model, images = looking_up(), torch.rand(3, 1, 28, 28)
    model.lookup.set_beta(3.0)
    expected = model.encode(images).mean
    twin = copy.deepcopy(model)
    assert not twin.lookup.natural.numel() and twin.lookup.beta == 3.0
    twin.decoder[1][0].weight.add_(0.5)
    assert not torch.allclose(twin.encode(images).mean, expected)
    assert torch.equal(model.encode(images).mean, expected)
    torch.testing.assert_close(copy.deepcopy(model).double().encode(images.double()).mean.float(), expected)


def test_it_comes_nearer_to_the_evidence_than_a_network_that_sees_pixels(digits):
    """For the same decoder, after a fortieth of the epochs."""
    shipped = load_run(ROOT / "checkpoints" / "digits")
    config = dataclasses.replace(shipped.config.model, encoder_widths=(64, 64), encoder_lattice=60)
    training = {"epochs": 10, "batch_size": 64, "learning_rate": 3e-3, "schedule": "one-cycle", "precision": "fp32"}
    trainer = Trainer(RunConfig("digits", config, TrainingConfig(**training)), digits)
    trainer.model.init_from(shipped.model)
    trainer.model.decoder.requires_grad_(False)
    list(trainer.reports())
    looks, images = trainer.model.eval(), digits.held_out.images[:40].float() / 255
    assert torch.equal(looks.decode(torch.zeros(1, 2)), shipped.model.decode(torch.zeros(1, 2)))
    evidence = log_evidence(looks, images)
    gaps = [(evidence - elbo_terms(model, images, samples=16).elbo).mean().item() for model in (looks, shipped.model)]
    assert 0 < gaps[0] < 0.7 * gaps[1]


def test_a_place_that_nothing_finite_is_known_of_is_no_place(digits):
    model = looking_up()
    with torch.no_grad():
        model.decoder[1][0].weight.fill_(math.nan)
    assert not model.encode(torch.rand(2, 1, 28, 28)).mean.isfinite().all()


def test_visitors_who_come_at_once_find_the_same():
    model, images = looking_up(), torch.rand(3, 1, 28, 28)
    together = threading.Barrier(4)

    def encode(_: int) -> torch.Tensor:
        together.wait()
        with torch.no_grad():
            return model.encode(images).mean

    with ThreadPoolExecutor(4) as visitors:
        first, *others = visitors.map(encode, range(4))
    assert all(torch.equal(first, other) for other in others)
