import dataclasses
import math

import pytest
import torch

from tests.conftest import small_config
from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.data import Dataset, pixels
from vae.elbo import one_sample_terms
from vae.errors import ConfigError, TrainingError
from vae.model import build_model
from vae.training import Trainer, choose_device, estimate_seconds, learning_rate_at


def few(digits: Dataset, count: int = 20) -> Dataset:
    first = digits.train.select(torch.arange(count))
    return dataclasses.replace(digits, train=first, held_out=digits.held_out.select(torch.arange(count)))


def without_seconds(reports) -> list:
    return [dataclasses.replace(report, seconds=0.0) for report in reports]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_it_learns_a_few_images_by_heart(architecture, likelihood, digits):
    widths = None if architecture == "conv" else (128,)
    model = ModelConfig(architecture, likelihood=likelihood, encoder_widths=widths, decoder_widths=widths)
    training = TrainingConfig(epochs=400, batch_size=10, learning_rate=5e-3)
    trainer = Trainer(RunConfig("digits", model, training), few(digits, 10))
    epochs = [report for report in trainer.reports() if report.split == "train" and report.scope == "epoch"]
    assert epochs[-1].elbo > epochs[0].elbo + 100
    assert epochs[-1].kl > 0.5  # the latent space is used
    x = pixels(trainer.train_split.images)
    error = (trainer.model.decode(trainer.model.encode(x).mean) - x).abs().mean().item()
    assert error < 0.05 < (x - x.mean(0)).abs().mean().item()


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(digits):
    curves = [without_seconds(Trainer(small_config(seed=seed), digits).reports()) for seed in (0, 0, 1)]
    assert curves[0] == curves[1] != curves[2]


def test_a_step_is_adam_on_the_objective(digits):
    """Three steps against the textbook: torch's own Adam, the loss written out."""
    config = small_config(epochs=1, batch_size=7, beta=2.5)
    trainer = Trainer(config, few(digits, 21))
    model = build_model(config.model, config.training.seed).train()
    adam = torch.optim.Adam(model.parameters(), lr=config.training.learning_rate)
    noise = torch.Generator().manual_seed(config.training.seed)
    order = trainer._order_of_epoch(0)
    for part in order.split(7):
        terms = one_sample_terms(model, pixels(digits.train.images[part]), torch.randn(7, 2, generator=noise))
        adam.zero_grad()
        (-(terms.reconstruction - 2.5 * terms.kl)).mean().backward()
        adam.step()
    list(trainer.reports())
    for ours, expected in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_each_epoch_sees_every_image_once_in_another_order(digits):
    trainer = Trainer(small_config(), digits)
    orders = [trainer._order_of_epoch(epoch) for epoch in (0, 1)]
    assert all(order.sort().values.tolist() == list(range(len(digits.train))) for order in orders)
    assert not torch.equal(*orders)


def test_the_epochs_report_is_the_mean_over_its_images(digits):
    trainer = Trainer(small_config(epochs=1, batch_size=100, report_every=1), digits)
    reports = list(trainer.reports())
    steps = [report for report in reports if report.scope == "steps"]
    sizes = [100] * 14 + [33]
    expected = sum(size * report.kl for size, report in zip(sizes, steps, strict=True)) / sum(sizes)
    train, held_out = reports[-2:]
    assert (train.split, held_out.split) == ("train", "held_out")
    assert train.kl == pytest.approx(expected)
    assert held_out.kl == pytest.approx(trainer.codes.terms.kl.mean().item(), rel=1e-5)
    assert train.elbo == train.reconstruction - train.kl


@pytest.mark.parametrize("stop_at", [1, 13, 24, 25, 40])
def test_a_restored_trainer_goes_on_as_if_never_stopped(stop_at, digits):
    config = small_config(epochs=4, schedule="one-cycle", weight_decay=0.1, clip_norm=50.0, report_every=5)
    whole = Trainer(config, digits)
    expected = without_seconds(whole.reports())
    first = Trainer(config, digits)
    reports = list(first.reports(lambda: first.step >= stop_at))
    tensors, numbers = first.state()
    second = Trainer(config, digits)
    second.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
    assert without_seconds([*reports, *second.reports()]) == expected
    for ours, uninterrupted in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, uninterrupted)


def test_a_state_of_another_model_is_refused(digits):
    state = Trainer(small_config(), digits).state()
    with pytest.raises(TrainingError, match="does not fit"):
        Trainer(small_config(latent=3), digits).restore(*state)


def test_a_loss_that_is_not_finite_says_at_which_step(digits):
    trainer = Trainer(small_config(learning_rate=1e-3, report_every=4), digits)
    reports = trainer.reports()
    next(reports)
    with torch.no_grad():
        trainer.model.log_variance_head.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="not finite at step 5;"):
        list(reports)


def test_a_training_that_blows_up_is_an_error_not_a_curve(digits):
    trainer = Trainer(small_config(learning_rate=10.0, epochs=20), digits)
    with pytest.raises(TrainingError, match="finite"):
        list(trainer.reports())


def test_one_cycle_is_torchs():
    config = TrainingConfig(learning_rate=0.01, schedule="one-cycle")
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=50, cycle_momentum=False)
    for step in range(50):
        assert learning_rate_at(step, 50, config) == pytest.approx(cycle.get_last_lr()[0], rel=1e-6, abs=1e-12)
        optimiser.step()
        cycle.step()


def test_constant_is_constant_and_one_cycle_works_for_one_step():
    assert {learning_rate_at(step, 9, TrainingConfig(learning_rate=0.2)) for step in range(9)} == {0.2}
    assert math.isfinite(learning_rate_at(0, 1, TrainingConfig(schedule="one-cycle")))


def test_auto_chooses_a_device_that_is_there_and_others_are_refused():
    assert choose_device("auto").type in ("cuda", "mps", "cpu")
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="choose auto or one of"):
        choose_device("abacus")


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_the_estimate_is_a_time_and_grows_with_the_epochs(architecture):
    one, many = (estimate_seconds(small_config(architecture=architecture, epochs=n), "cpu", 0.1) for n in (1, 50))
    assert 0 < one < many < math.inf
