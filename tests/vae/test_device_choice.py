"""A device is chosen that computes, and one that does not is named with its reason."""

from __future__ import annotations

import json

import pytest
import torch

import vae
from tests.broken_gpu import NO_KERNEL, break_gpu, broken_python, give_gpus, old_driver
from tests.conftest import command
from vae.device import choose_device, refusals, usable_devices
from vae.errors import ConfigError

pytestmark = pytest.mark.slow

SMALL = ("--dataset", "digits", "--model", "mlp", "--encoder-widths", "16", "--decoder-widths", "16", "--epochs", "1")

ERRORS = {
    "no kernel image is available": RuntimeError(NO_KERNEL),
    "its memory is full": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has 80 GiB."),
    "Torch not compiled with CUDA enabled": AssertionError("Torch not compiled with CUDA enabled"),
    "OSError": OSError(),
}


@pytest.mark.parametrize("reason", ERRORS)
def test_auto_passes_over_a_gpu_that_does_not_compute_and_says_why(reason, monkeypatch):
    break_gpu(monkeypatch, ERRORS[reason])
    with pytest.warns(UserWarning, match=f"device cuda is here but cannot be computed on: .*{reason}"):
        assert choose_device("auto").type != "cuda"
    assert usable_devices()[-1] == "cpu" and "cuda" not in usable_devices()
    (sentence,) = refusals()
    assert reason in sentence and "\n" not in sentence and sentence.endswith(".")


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_gpu_that_does_not_compute_is_refused_where_it_is_called_for(name, monkeypatch):
    break_gpu(monkeypatch, RuntimeError(NO_KERNEL), count=2)
    with pytest.raises(ConfigError, match=f"device {name} is here but cannot.*no kernel image.*--device cpu") as told:
        choose_device(name)
    assert "\n" not in str(told.value)
    assert choose_device("cpu") == torch.device("cpu")


def test_a_driver_that_is_too_old_is_named_although_torch_says_it_once(monkeypatch):
    old_driver(monkeypatch)
    for _ in range(2):
        (sentence,) = refusals()
        assert "driver on your system is too old (found version 11040)" in sentence and "Triggered" not in sentence
        with pytest.raises(ConfigError, match="too old"):
            choose_device("cuda")
    with pytest.warns(UserWarning, match="too old"):
        assert choose_device().type != "cuda"


def test_a_gpu_is_tried_again_when_its_memory_may_be_free_and_not_when_it_computed(monkeypatch):
    with monkeypatch.context() as meanwhile:
        break_gpu(meanwhile, torch.OutOfMemoryError("CUDA out of memory."))
        assert refusals()
    give_gpus(monkeypatch, 1)
    assert not refusals() and choose_device().type == "cuda"


def test_the_devices_to_choose_from_are_those_that_compute(monkeypatch):
    give_gpus(monkeypatch, 1)
    assert usable_devices()[0] == "cuda"
    give_gpus(monkeypatch, 2)
    assert usable_devices()[:2] == ["cuda:0", "cuda:1"]


def test_a_product_that_is_wrong_is_no_computing(monkeypatch):
    break_gpu(monkeypatch, RuntimeError())
    monkeypatch.setattr(torch, "ones", lambda *size, device: torch.full(size, 1.0 if device.type == "cpu" else 0.9))
    with pytest.raises(ConfigError, match="multiplies wrongly"):
        choose_device("cuda")


def test_every_process_of_several_tries_the_gpu_that_it_is_to_have(monkeypatch):
    tried, real = [], torch.ones
    give_gpus(monkeypatch, 2)
    monkeypatch.setattr(vae.device, "_computes", set())
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch, "ones", lambda *size, device: tried.append(str(device)) or real(*size))
    choose_device("cuda")
    assert tried == ["cuda:1"]


def test_a_training_goes_on_with_the_processor_and_says_so_once(tmp_path):
    result = command("train", "--run", tmp_path / "x", *SMALL, **broken_python(tmp_path))
    assert result.returncode == 0, result.stderr
    said = [line for line in result.stderr.splitlines() if "no kernel image" in line]
    assert len(said) == 1 and said[0].startswith("vae: The device cuda is here but cannot be computed on")
    assert f"{tmp_path / 'x'}: mlp on digits, on cpu" in result.stdout
    status = json.loads((tmp_path / "x" / "status.json").read_text())
    assert status["device"] == "cpu" and "no kernel image" in status["notice"]


@pytest.mark.parametrize("words", [("train", "--run", "{tmp}/x", *SMALL), ("evaluate", "{run}"), ("diffuse", "--run", "{run}")])
def test_a_command_that_calls_for_the_gpu_ends_with_one_sentence(words, tmp_path, small_run):
    words = [word.format(tmp=tmp_path, run=small_run.path) for word in words]
    result = command(*words, "--device", "cuda", **broken_python(tmp_path))
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("vae: The device cuda is here but cannot be computed on: CUDA error")
    assert not (tmp_path / "x").exists()


def test_a_prior_that_calls_for_the_gpu_notes_why_it_failed(tmp_path, small_run):
    command("diffuse", "--run", small_run.path, "--device", "cuda", **broken_python(tmp_path))
    (path,) = small_run.path.glob("*/status.json")
    status = json.loads(path.read_text())
    assert status["state"] == "failed" and "no kernel image" in status["message"]
