import dataclasses
import math
import platform
import subprocess
import sys

import pytest
import torch

from tests.broken_gpu import give_gpus
from tests.conftest import ROOT, small_config
from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.data.datasets import Dataset, pixels
from vae.device import choose_device, in_single_precision, uses_bf16
from vae.errors import ConfigError, TrainingError
from vae.model.autoencoder import build_model
from vae.model.elbo import one_sample_terms
from vae.startup import prepare_training
from vae.training.control import ControlRequest
from vae.training.schedules import beta_at, learning_rate_at
from vae.training.trainer import Trainer, order_of_epoch

pytestmark = pytest.mark.slow


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
    order = order_of_epoch(21, config.training.seed, 0)
    for part in order.split(7):
        terms = one_sample_terms(model, pixels(digits.train.images[part]), torch.randn(7, 2, generator=noise))
        adam.zero_grad()
        (-(terms.reconstruction - 2.5 * terms.kl)).mean().backward()
        adam.step()
    list(trainer.reports())
    for ours, expected in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_each_epoch_sees_every_image_once_in_another_order(digits):
    orders = [order_of_epoch(len(digits.train), 0, epoch) for epoch in (0, 1)]
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


LOOKING_UP = {"encoder_lattice": 24, "beta_schedule": "warm-up"}


@pytest.mark.parametrize(
    ("stop_at", "more"),
    [*((at, {}) for at in (1, 13, 24, 25, 40)), (13, {"binarise": "dynamic"}), (13, LOOKING_UP), (50, LOOKING_UP)],
)
def test_a_restored_trainer_goes_on_as_if_never_stopped(stop_at, more, digits):
    config = small_config(epochs=4, schedule="one-cycle", weight_decay=0.1, clip_norm=50.0, report_every=5, **more)
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


@pytest.mark.parametrize("seconds_between_reads", [1e-3, 1e9])
def test_reading_back_late_changes_no_report(seconds_between_reads, digits):
    """Not their order and not their words either, with a change by hand and a resumption in between."""
    curves, config = [], small_config(epochs=3, report_every=5, schedule="cosine")
    for seconds in (0.0, seconds_between_reads):
        first = Trainer(config, digits, seconds_between_reads=seconds)
        reports = list(first.reports(lambda first=first: first.step >= 8))
        reports.append(first.steer(ControlRequest(beta=4.0)))
        reports += first.reports(lambda first=first: first.step >= 22)
        second = Trainer(config, digits, seconds_between_reads=seconds)
        tensors, numbers = first.state()
        second.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
        curves.append([*reports, *second.reports()])
        times = [report.seconds for report in curves[-1] if report.split == "train"]
        assert times == sorted(times) and times[0] > 0
    assert without_seconds(curves[0]) == without_seconds(curves[1])


def test_a_loss_that_is_not_finite_is_found_late_too(digits):
    trainer = Trainer(small_config(learning_rate=1e-3, report_every=4), digits, seconds_between_reads=1e9)
    list(trainer.reports(lambda: trainer.step >= 6))
    with torch.no_grad():
        trainer.model.log_variance_head.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="not finite at step 7;"):
        list(trainer.reports(lambda: trainer.step >= 9))


def test_a_state_of_another_model_is_refused(digits):
    state = Trainer(small_config(), digits).state()
    with pytest.raises(TrainingError, match="does not fit"):
        Trainer(small_config(latent=3), digits).restore(*state)


def test_a_state_of_another_kind_of_device_is_gone_on_from_with_new_noise(digits):
    """A GPU's generator has a state of 16 bytes."""
    config, curves = small_config(epochs=2, report_every=5), []
    first = Trainer(config, digits)
    list(first.reports(lambda: first.step >= 7))
    tensors, numbers = first.state()
    tensors["noise"] = torch.zeros(16, dtype=torch.uint8)
    for _ in range(2):
        second = Trainer(config, digits)
        second.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
        assert second.step == 7
        curves.append(without_seconds(second.reports()))
    assert second.finished and curves[0] == curves[1]


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


def test_weights_that_are_not_finite_are_found(digits):
    trainer = Trainer(small_config(), digits)
    trainer.check_weights()
    for bad in (math.inf, -math.inf, math.nan):
        with torch.no_grad():
            trainer.model.mean_head.weight[0, 3] = bad
        with pytest.raises(TrainingError, match="weights are no longer finite"):
            trainer.check_weights()


def test_a_gpu_multiplies_in_tf32_unless_asked_for_fp32():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for precision, matrix, convolution in (("auto", "high", True), ("fp32", "highest", False), ("bf16", "high", True)):
            prepare_training(precision, torch.device("cuda"))
            assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == (matrix, convolution)
            prepare_training("fp32" if precision == "auto" else "auto", torch.device("cpu"))  # of no concern to a processor
            assert torch.get_float32_matmul_precision() == matrix
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
        torch.set_flush_denormal(False)


def test_a_processor_takes_the_smallest_numbers_for_zero_in_all_threads():
    script = """if True:
        import torch
        from vae.startup import prepare_training
        prepare_training("auto", torch.device("cpu"))
        torch.set_num_threads(2)
        smallest = torch.tensor([1, 0x7FFFFF], dtype=torch.int32).view(torch.float32).repeat(1_000_000)
        print((smallest * 1.0).view(torch.int32).count_nonzero().item())
        """
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "0"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone is asked to keep memory")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_memory_that_is_freed_stays_with_a_process_that_trains_on_the_processor(device):
    """By the C library's own account of free bytes at its heaps' end and between what is used."""
    script = f"""if True:
        import ctypes, torch
        from vae.startup import prepare_training
        class Account(ctypes.Structure):
            names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
            _fields_ = [(name, ctypes.c_size_t) for name in names.split()]
        account = ctypes.CDLL(None).mallinfo2
        account.restype = Account
        prepare_training("auto", torch.device("{device}"))
        torch.zeros(100, 250_000)
        print(account().fordblks)
        """
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = int(told.stdout)
    assert kept >= 100_000_000 if device == "cpu" else kept < 50_000_000


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
    for name in ("abacus", "", "cpu:", "cpu:x", "cuda:x"):
        with pytest.raises(ConfigError, match="choose auto or one of"):
            choose_device(name)


def test_a_gpu_that_is_not_among_those_here_is_refused(monkeypatch):
    give_gpus(monkeypatch, 2)
    assert [choose_device(name).index for name in ("cuda", "cuda:0", "cuda:1")] == [None, 0, 1]
    for name in ("cuda:2", "cuda:7", "cuda:256"):  # torch takes the last for cuda:0
        with pytest.raises(ConfigError, match=f"'{name}' is not available here; choose auto or one of cuda:0 to cuda:1,.* cpu"):
            choose_device(name)


def test_cosine_is_torchs():
    config = TrainingConfig(learning_rate=0.01, schedule="cosine")
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 49, eta_min=0.01 / 250_000)
    for step in range(50):
        assert learning_rate_at(step, 50, config) == pytest.approx(cosine.get_last_lr()[0], rel=1e-6, abs=1e-12)
        optimiser.step()
        cosine.step()


def test_beta_rises_once_or_in_cycles():
    warm_up = TrainingConfig(beta=4.0, beta_schedule="warm-up", beta_rise=0.25)
    assert [beta_at(step, 8, warm_up) for step in range(8)] == [0, 2, 4, 4, 4, 4, 4, 4]
    cyclical = TrainingConfig(beta=4.0, beta_schedule="cyclical", beta_rise=0.5, beta_cycles=2)
    assert [beta_at(step, 8, cyclical) for step in range(8)] == [0, 2, 4, 4] * 2
    assert beta_at(0, 1, warm_up) == 0 and beta_at(3, 8, TrainingConfig(beta=4.0)) == 4


def test_steering_holds_from_the_next_step_and_no_report_mixes_before_and_after(digits):
    trainer = Trainer(small_config(epochs=2, report_every=5), digits)
    reports = list(trainer.reports(lambda: trainer.step >= 7))
    reports.append(trainer.steer(ControlRequest(beta=4.0, learning_rate=1e-4)))
    reports += trainer.reports()
    steps = [report for report in reports if report.scope == "steps"]
    assert [report.step for report in steps[:4]] == [5, 7, 10, 12]
    assert [report.beta for report in steps[:4]] == [1, 1, 4, 4]
    assert [report.learning_rate for report in steps[:4]] == [3e-3, 3e-3, 1e-4, 1e-4]
    assert [report.steered for report in steps[:4]] == ["", "", "beta 4, learning rate 0.0001", ""]


def test_a_step_after_steering_is_one_of_a_run_that_was_asked_for_that_beta(digits):
    steered, asked = (Trainer(small_config(epochs=1, beta=beta), digits) for beta in (1.0, 4.0))
    list(steered.reports(lambda: steered.step >= 3))
    tensors, numbers = steered.state()
    asked.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
    steered.steer(ControlRequest(beta=4.0))
    for trainer in (steered, asked):
        list(trainer.reports(lambda trainer=trainer: trainer.step >= 6))
    for ours, expected in zip(steered.model.parameters(), asked.model.parameters(), strict=True):
        assert torch.equal(ours, expected)


def test_what_was_set_by_hand_is_resumed_with_the_rest(digits):
    config = small_config(epochs=2, report_every=5)
    first = Trainer(config, digits)
    list(first.reports(lambda: first.step >= 7))
    first.steer(ControlRequest(beta=2.0))
    expected = without_seconds(first.reports(lambda: first.step >= 16))
    second = Trainer(config, digits)
    list(second.reports(lambda: second.step >= 7))
    second.steer(ControlRequest(beta=2.0))
    third = Trainer(config, digits)
    tensors, numbers = second.state()
    third.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
    assert third.control == ControlRequest(beta=2.0)
    resumed = without_seconds(third.reports(lambda: third.step >= 16))
    assert resumed == expected


def test_a_longer_run_stretches_its_schedules(digits):
    trainer = Trainer(small_config(epochs=2, schedule="one-cycle"), digits)
    list(trainer.reports(lambda: trainer.step >= 20))
    trainer.steer(ControlRequest(epochs=5))
    reports = list(trainer.reports())
    assert (trainer.step, reports[-1].epoch) == (60, 5)
    expected = learning_rate_at(35, 60, trainer.config.training)
    assert next(report for report in reports if report.step == 36 and report.scope == "steps").learning_rate == expected
    trainer.steer(ControlRequest(epochs=1))
    assert trainer.total_steps == 60  # never shorter


@pytest.mark.parametrize("instructions", [{}, {"avx512_bf16": False}, {"avx512_bf16": True}, {"amx_bf16": True}])
def test_auto_is_bf16_on_processors_that_multiply_in_it(monkeypatch, instructions):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions, raising=False)
    assert uses_bf16("auto", torch.device("cpu")) == any(instructions.values())
    assert not uses_bf16("auto", torch.device("cuda"))
    assert uses_bf16("bf16", torch.device("cpu")) and not uses_bf16("fp32", torch.device("cpu"))


def test_what_needs_its_digits_is_multiplied_in_single_precision():
    """On a GPU TF32 is on, of 10 bits; a processor knows the setting too."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            with in_single_precision(torch.device("cpu")):
                assert torch.get_float32_matmul_precision() == "highest"
                assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_bf16_multiplies_in_bf16_and_sums_in_fp32(digits):
    """Where the processor has no instructions for it torch emulates them, so the result can be looked at anywhere."""
    curves = {}
    for precision in ("fp32", "bf16"):
        trainer = Trainer(small_config(epochs=3, precision=precision), digits)
        assert trainer.stepper.bf16 == (precision == "bf16")
        curves[precision] = [report for report in trainer.reports() if report.split == "held_out"]
    assert curves["bf16"][-1].elbo != curves["fp32"][-1].elbo
    assert curves["bf16"][-1].elbo == pytest.approx(curves["fp32"][-1].elbo, rel=0.01)
    assert all(parameter.dtype == torch.float32 for parameter in trainer.model.parameters())
