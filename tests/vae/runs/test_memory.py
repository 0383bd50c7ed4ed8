"""Too little memory is one sentence, in a process that trains and in one that shows, and a run that it ended says so."""

import errno
import os
import subprocess
import sys

import pytest
import torch

import vae
from tests.conftest import ROOT, small_config
from vae.errors import TooLittleMemory, describe, telling_of_memory
from vae.jobs.train_run import start_process, train_run
from vae.runs import lifecycle
from vae.runs.folder import RunFolder

pytestmark = pytest.mark.slow

TRAIN = """
import resource, sys
from vae.data import datasets
from vae.cli.commands import main
datasets.load("digits") if sys.argv[2] == "images" else None
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 250_000_000,) * 2)
sys.exit(main(["train", "--resume", "--device", "cpu", "--run", sys.argv[1]]))
"""


@pytest.mark.parametrize(("lacking", "words"), [("weights", "MB more are wanted"), ("libraries", "memory is full")])
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's limit on a process's memory")
def test_a_training_that_does_not_fit_into_memory_fails_with_one_sentence(lacking, words, tmp_path):
    folder = RunFolder.create(tmp_path / "large", small_config(encoder_widths=(6000, 6000)))
    command = [sys.executable, "-c", TRAIN, str(folder.path), "images" if lacking == "weights" else "nothing"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1 and "memory is full" in result.stderr
    status = folder.read_status()
    assert status.state == "failed" and words in status.message


ALLOCATOR = "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate {}"
SHORTAGES = [
    MemoryError(),
    RuntimeError(ALLOCATOR.format("4000000000 bytes. Error code 12 (Cannot allocate memory)")),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4000000000 bytes."),
    RuntimeError("can't start new thread"),
    ImportError("libgfortran.so.5: failed to map segment from shared object"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
]


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: str(error)[:30])
def test_a_shortage_is_told_in_one_sentence_however_it_is_said(error):
    with pytest.raises(TooLittleMemory, match=r"memory is full.*close other programs") as caught, telling_of_memory():
        raise error
    assert str(caught.value) == describe(error) and str(caught.value).count("\n") == 0
    assert ("4,000 MB more are wanted" in describe(error)) == ("4000000000" in str(error))


def test_other_errors_are_left_as_they_are():
    with pytest.raises(RuntimeError, match="shapes") as caught, telling_of_memory():
        raise RuntimeError("shapes do not fit")
    assert type(caught.value) is RuntimeError


def test_a_run_that_memory_ended_says_so_though_there_is_none_left_for_more(tmp_path, monkeypatch):
    def fill_up(report):
        monkeypatch.setattr(lifecycle, "forget_control", fill_up)
        raise MemoryError

    folder = RunFolder.create(tmp_path / "run", small_config())
    with pytest.raises(MemoryError):
        train_run(folder, on_report=fill_up)
    status = folder.read_status()
    assert status.state == "failed" and "memory is full" in status.message


def test_a_process_that_cannot_be_started_leaves_no_run_that_seems_to_wait(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    folder = RunFolder.create(tmp_path / "run", small_config())
    monkeypatch.setattr(vae.jobs.launch.subprocess, "Popen", refuse)
    with pytest.raises(OSError, match="allocate"):
        start_process(folder)
    status = folder.read_status()
    assert status.state == "failed" and "memory is full" in status.message


def test_a_run_too_large_to_be_made_or_loaded_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError(ALLOCATOR.format("4000000000 bytes."))

    folder = RunFolder.create(tmp_path / "run", small_config())
    monkeypatch.setattr(vae.runs.folder, "build_model", refuse)
    with pytest.raises(TooLittleMemory):
        RunFolder.create(tmp_path / "another", small_config())
    with pytest.raises(TooLittleMemory):
        vae.load_run(folder.path)
    assert not (tmp_path / "another").exists()
