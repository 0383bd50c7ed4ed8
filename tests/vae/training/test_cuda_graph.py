"""Recorded steps. What needs no GPU is tested with a stand-in for the recording; the rest waits for a GPU."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from tests.conftest import small_config
from vae.training.control import ControlRequest
from vae.training.cuda_graph import GraphStepper, leaving_no_trace, stepper_for
from vae.training.step import Stepper
from vae.training.trainer import Trainer, order_of_epoch

pytestmark = pytest.mark.slow


def on_gpu(test: Callable) -> Callable:
    """Of the tier gpu: skipped where there is none."""
    reason = "records steps on a GPU, and there is none"
    return pytest.mark.gpu(pytest.mark.skipif(not torch.cuda.is_available(), reason=reason)(test))


class Rehearsal(GraphStepper):
    """Warms up as on a GPU, and computes anew from the same tensors what a recording would replay."""

    def capture(self, compute):
        with leaving_no_trace(self.optimiser):
            terms = compute()
        return terms, lambda: terms.copy_(compute())


class Unrecordable(GraphStepper):
    def capture(self, compute):
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")


def trained_with(stepper, config, digits, device="cpu", epochs=None) -> tuple[Trainer, list]:
    trainer = Trainer(config, digits, device)
    trainer.stepper = stepper(trainer.model, trainer.train_split.images, config.training)
    limit = trainer.steps_per_epoch * (epochs or config.training.epochs)
    reports = trainer.reports(lambda: trainer.step >= limit)
    return trainer, [dataclasses.replace(report, seconds=0.0) for report in reports]


def assert_the_same_curve(ours: list, expected: list, **tolerance: float) -> None:
    assert [(report.split, report.scope, report.step) for report in ours] == [(r.split, r.scope, r.step) for r in expected]
    for name in ("reconstruction", "kl"):
        ours_of, expected_of = ([getattr(report, name) for report in reports] for reports in (ours, expected))
        assert ours_of == pytest.approx(expected_of, **tolerance)


CONFIG = {"epochs": 2, "batch_size": 204, "schedule": "one-cycle", "beta_schedule": "warm-up", "weight_decay": 0.1}
"""1,433 images leave a last batch of 5."""


LOOKING_UP = {"encoder_lattice": 24}


@pytest.mark.parametrize("model", [{}, {"architecture": "conv"}, {"binarise": "dynamic"}, LOOKING_UP])
def test_steps_by_tensors_that_stay_are_the_same_steps(model, digits):
    config = small_config(clip_norm=100.0, **(CONFIG | model))
    trainer, ours = trained_with(Rehearsal, config, digits)
    assert sorted(trainer.stepper.recordings) == [5, 204]
    plain, expected = trained_with(Stepper, config, digits)
    assert_the_same_curve(ours, expected, rel=1e-4)
    for one, other in zip(trainer.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps_before", [0, 3])
def test_warming_up_leaves_no_trace(steps_before, digits):
    """Not in the weights, and not in Adam's state, which is zero where no step was taken."""
    trainer = Trainer(small_config(weight_decay=0.5), digits)
    list(trainer.reports(lambda: trainer.step >= steps_before))
    before = {name: value.clone() for name, value in trainer.state()[0].items()}
    addresses = [parameter.data_ptr() for parameter in trainer.model.parameters()]
    with leaving_no_trace(trainer.stepper.optimiser):
        trainer.stepper.take(torch.arange(9), torch.randn(9, 2), 1.0, 0.1)
        assert not torch.equal(trainer.model.mean_head.weight, before["model.mean_head.weight"])
    after = trainer.state()[0]
    assert [parameter.data_ptr() for parameter in trainer.model.parameters()] == addresses
    for name, value in after.items():
        assert torch.equal(value, before[name] if name in before else torch.zeros_like(value)), name


def test_a_state_made_by_warming_up_is_the_one_that_a_first_step_begins_with(digits):
    """The step after it is the same as without it."""
    trainers = [Trainer(small_config(weight_decay=0.5), digits) for _ in range(2)]
    with leaving_no_trace(trainers[0].stepper.optimiser):
        trainers[0].stepper.take(torch.arange(9), torch.randn(9, 2), 1.0, 0.1)
    for trainer in trainers:
        list(trainer.reports(lambda trainer=trainer: trainer.step >= 2))
    ours, expected = (trainer.state()[0] for trainer in trainers)
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], expected[name]) for name in ours)


def test_what_cannot_be_recorded_is_computed_step_by_step(digits):
    with pytest.warns(UserWarning, match="taken one by one: operation not permitted when stream is capturing$"):
        trainer, ours = trained_with(Unrecordable, small_config(**CONFIG), digits)
    assert trainer.finished
    assert ours == trained_with(Stepper, small_config(**CONFIG), digits)[1]


def test_too_little_memory_is_not_taken_for_a_step_that_cannot_be_recorded(digits):
    class Full(GraphStepper):
        def capture(self, compute):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        trained_with(Full, small_config(), digits)


def test_recordings_of_another_state_are_dropped(digits):
    """A restored state lies in new tensors, which the old recordings do not know."""
    config = small_config(**CONFIG)
    first, _ = trained_with(Rehearsal, config, digits, epochs=1)
    tensors, numbers = first.state()
    second, _ = trained_with(Rehearsal, config, digits, epochs=1)
    recording = second.stepper.recordings[204]
    second.restore({name: value.clone() for name, value in tensors.items()}, numbers)
    assert second.stepper.recordings == {}
    ours, expected = (list(trainer.reports()) for trainer in (second, first))
    assert second.stepper.recordings[204] is not recording
    assert_the_same_curve(ours, expected, rel=1e-5)


def test_a_processor_takes_its_steps_one_by_one(digits):
    trainer = Trainer(small_config(), digits)
    assert type(stepper_for(trainer.model, trainer.train_split.images, trainer.config.training)) is Stepper


# On a GPU


@on_gpu
@pytest.mark.parametrize("model", [{}, {"architecture": "conv"}, LOOKING_UP])
def test_recorded_steps_are_those_taken_one_by_one(model, digits):
    config = small_config(clip_norm=100.0, precision="fp32", **(CONFIG | model))
    trainer, ours = trained_with(GraphStepper, config, digits, "cuda")
    assert trainer.stepper.can_record and sorted(trainer.stepper.recordings) == [5, 204]
    assert_the_same_curve(ours, trained_with(Stepper, config, digits, "cuda")[1], rel=1e-3)


@on_gpu
def test_recorded_steps_are_steered(digits):
    curves = []
    for stepper in (GraphStepper, Stepper):
        trainer, reports = trained_with(stepper, small_config(**CONFIG), digits, "cuda", epochs=1)
        trainer.steer(ControlRequest(beta=4.0, learning_rate=1e-4))
        curves.append(reports + list(trainer.reports()))
    assert_the_same_curve(*curves, rel=1e-3)
    assert curves[0][-1].beta == 4.0


@on_gpu
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_recorded_steps_are_resumed(architecture, digits):
    config = small_config(architecture=architecture, **CONFIG)
    _, expected = trained_with(GraphStepper, config, digits, "cuda")
    first = Trainer(config, digits, "cuda")
    reports = list(first.reports(lambda: first.step >= 11))
    tensors, numbers = first.state()
    second = Trainer(config, digits, "cuda")
    second.restore({name: value.cpu() for name, value in tensors.items()}, numbers)
    assert_the_same_curve([*reports, *second.reports()], expected, rel=1e-3)


@on_gpu
@pytest.mark.parametrize("model", [{}, LOOKING_UP])
def test_within_an_epoch_the_host_never_waits(model, digits):
    """torch raises at anything that waits for the device; the first epoch is for recording."""
    config = small_config(**(CONFIG | model | {"epochs": 3}))
    trainer = Trainer(config, digits, "cuda", seconds_between_reads=1e9)
    list(trainer.reports(lambda: trainer.step >= trainer.steps_per_epoch))
    order = trainer._on_device(order_of_epoch(trainer.images, trainer.config.training.seed, 1))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for place in range(trainer.steps_per_epoch):
            trainer._take_step(place, order)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert trainer.step == 2 * trainer.steps_per_epoch
