"""Black and white pixels: as often white as they are bright, the same again where they should be."""

import pytest
import torch

from tests.conftest import small_config
from vae.data import datasets
from vae.data.binarisation import binarised, binarised_by, binarised_once
from vae.diffusion.code_dataset import codes_of
from vae.evaluation.held_out import (
    BINARISATIONS,
    Evaluation,
    EvidenceEvaluation,
    evaluate_evidence,
    evaluate_run,
    held_out_sets,
)
from vae.jobs.train_run import train_run
from vae.model.autoencoder import build_model
from vae.runs.folder import Run, RunFolder, load_run
from vae.training.step import Stepper
from vae.training.trainer import Trainer


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_threshold_keeps_what_is_bright():
    x = torch.tensor([0.0, 0.49, 0.5, 1.0])
    assert binarised(x, "threshold", seeded()).tolist() == [0, 0, 1, 1]


def test_random_pixels_are_white_as_often_as_they_are_bright():
    x = torch.tensor([0.0, 0.2, 0.9, 1.0])
    drawn = binarised(x.expand(20_000, 4), "random", seeded())
    assert set(drawn.unique().tolist()) == {0, 1}
    torch.testing.assert_close(drawn.mean(0), x, rtol=0, atol=0.015)
    assert torch.equal(drawn, binarised(x.expand(20_000, 4), "random", seeded()))


def test_an_unknown_way_to_binarise_is_named():
    with pytest.raises(ValueError, match="dither"):
        binarised(torch.zeros(1), "dither", seeded())


def test_noise_makes_pixels_white_as_often_as_they_are_bright():
    x = torch.tensor([0.0, 0.2, 0.9, 1.0])
    drawn = binarised_by(x.expand(20_000, 4), torch.randn(20_000, 4, generator=seeded()))
    assert set(drawn.unique().tolist()) == {0, 1}
    torch.testing.assert_close(drawn.mean(0), x, rtol=0, atol=0.015)


def test_a_set_binarised_once_is_the_same_again_and_stays_as_it_is(digits):
    images = digits.held_out.images
    once = binarised_once(images)
    assert once.dtype == torch.uint8
    assert set(once.unique().tolist()) == {0, 255}
    assert torch.equal(once, binarised_once(images))
    assert torch.equal(once, binarised_once(once, seed=3))
    assert not torch.equal(once, binarised_once(images, seed=1))
    bright = (images > 0) & (images < 255)
    assert (once[bright] / 255).mean().item() == pytest.approx((images[bright] / 255).mean().item(), abs=0.01)


@pytest.mark.parametrize("binarise", [None, "static", "dynamic"])
def test_what_a_step_sees(digits, binarise):
    """Its terms are those of the pixels that the last of its random numbers decide, against a second formula."""
    config = small_config(binarise=binarise)
    trainer, index = Trainer(config, digits), torch.arange(5)
    stepper = Stepper(build_model(config.model), trainer.train_split.images, config.training)
    epsilon = torch.randn(5, stepper.numbers, generator=seeded(1))
    x = digits.train.images[:5] / 255
    if binarise == "static":
        x = binarised_once(digits.train.images)[:5] / 255
    if binarise == "dynamic":
        assert stepper.numbers == 2 + 28 * 28
        probability = torch.distributions.Normal(0.0, 1.0).cdf(epsilon[:, 2:])
        x = (probability.view_as(x) < x).float()
    model = build_model(config.model)
    q = model.encode(x)
    logits = model.decode_parameters(q.mean + (q.log_variance / 2).exp() * epsilon[:, :2])
    if binarise is None:  # a grey pixel is neither
        expected = -torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    else:
        expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    reconstruction, _ = stepper.take(index, epsilon, 1.0, 1e-3)
    assert reconstruction.item() == pytest.approx(expected.mean().item(), rel=1e-5)


def test_dynamic_pixels_differ_from_step_to_step_and_are_the_same_again(digits):
    """Also after a resume in the middle."""
    config = small_config(binarise="dynamic", epochs=1)
    first, second = Trainer(config, digits), Trainer(config, digits)
    whole = [report.elbo for report in first.reports()]
    part = []
    for report in second.reports(should_leave=lambda: second.step == 6):
        part.append(report.elbo)
    resumed = Trainer(config, digits)
    resumed.restore(*second.state())
    assert part + [report.elbo for report in resumed.reports()] == whole


def run_of(tmp_path, binarise: str) -> Run:
    folder = RunFolder.create(tmp_path / "run", small_config(binarise=binarise, epochs=1))
    train_run(folder)
    return load_run(folder.path)


@pytest.mark.parametrize("binarise", ["static", "dynamic"])
def test_a_run_and_whoever_looks_at_it_see_the_same_held_out_pixels(tmp_path, binarise):
    run = run_of(tmp_path, binarise)
    held_out = datasets.held_out_of(run.config)
    assert set(held_out.images.unique().tolist()) == {0, 255}
    means = run.model.encode(held_out.images / 255).mean
    frame = run.folder.snapshot_of_step(run.step)
    torch.testing.assert_close(frame.codes.posterior.mean, means)
    sets = codes_of(run)
    torch.testing.assert_close(sets.held_out.posterior.mean, means)
    trained_on = datasets.load("digits").train.binarised_once().images / 255
    torch.testing.assert_close(sets.train.posterior.mean, run.model.encode(trained_on).mean)
    assert torch.equal(held_out_sets(run)[0], held_out.images)


def test_figures_of_dynamic_pixels_are_means_over_several_draws(small_run: RunFolder):
    run = load_run(small_run.path)
    static, dynamic = held_out_sets(run, "static"), held_out_sets(run, "dynamic")
    assert (len(static), len(dynamic)) == (1, BINARISATIONS)
    assert torch.equal(static[0], dynamic[0])
    assert len({images.sum().item() for images in dynamic}) == BINARISATIONS
    each = [evaluate_run(run, images, 4) for images in dynamic]
    mean = Evaluation.over(each)
    assert mean.elbo == pytest.approx(sum(one.elbo for one in each) / BINARISATIONS)
    first, second = (one.elbos for one in each)
    assert mean.pixel_error == pytest.approx(((first - second) / 2).square().sum().sqrt().item() / len(first))
    assert mean.sampling_error == pytest.approx(each[0].sampling_error / BINARISATIONS**0.5, rel=0.05)
    alone = Evaluation.over(each[:1])
    assert (alone.elbo, alone.pixel_error) == (pytest.approx(each[0].elbo), None)


def test_evidence_of_dynamic_pixels_is_a_mean_over_several_draws(small_run: RunFolder):
    run = load_run(small_run.path)
    each = [evaluate_evidence(run, images[:3]) for images in held_out_sets(run, "dynamic")]
    mean = EvidenceEvaluation.over(each)
    assert mean.log_evidence == pytest.approx(sum(one.log_evidence for one in each) / BINARISATIONS)
    first, second = (one.log_evidences for one in each)
    assert mean.pixel_error == pytest.approx(((first - second) / 2).square().sum().sqrt().item() / 3)
    assert mean.largest_change == max(one.largest_change for one in each)
