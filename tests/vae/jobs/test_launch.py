"""What ends a training before it holds its folder is told there, at once and with its reason."""

import sys
from pathlib import Path

import pytest

import vae
from tests.conftest import small_config, wait_until
from vae import startup
from vae.data import datasets
from vae.diffusion.folder import PriorFolder
from vae.diffusion.job import start_process as start_prior
from vae.errors import ConfigError
from vae.jobs import launch
from vae.jobs.train_run import start_process, train_run
from vae.runs.folder import RunFolder, runs_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def queued(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", small_config())


@pytest.fixture
def breaks(tmp_path, monkeypatch):
    """Lets every process that is started find a package of its own in place of tqdm."""

    def instead(code: str) -> None:
        (tmp_path / "packages").mkdir()
        (tmp_path / "packages" / "tqdm.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))

    return instead


def message_of(folder) -> str:
    """Why it failed. A training that is never taken up counts as queued for a minute, and as ended from outside then."""
    wait_until(lambda: folder.read_status().state != "queued", "an end", 50)
    assert folder.read_status().state == "failed", folder.read_status()
    return folder.read_status().message


def test_a_device_that_is_not_there(queued):
    start_process(queued, device="abacus")
    assert message_of(queued).startswith("The device 'abacus' is not available here; choose auto or")


def test_a_library_that_cannot_be_loaded(queued, breaks):
    breaks("raise ImportError('libcudart.so.12: cannot open shared object file')")
    start_process(queued)
    message = message_of(queued)
    assert "The training could not begin (ImportError: libcudart.so.12: cannot open" in message and "trainer.log" in message


def test_a_process_that_is_killed_as_it_starts(queued, breaks):
    breaks("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    start_process(queued)
    assert "it was ended by SIGKILL" in message_of(queued)


def test_a_process_that_cannot_be_started(queued, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(queued.path / "no python"))
    with pytest.raises(OSError, match="no python"):
        start_process(queued)
    assert "no python cannot be used: No such file or directory" in message_of(queued)


def test_last_words_of_an_earlier_process_are_not_taken_for_its_own(queued, breaks):
    (queued.path / "trainer.log").write_text("vae: something else.\n")
    breaks("import sys; sys.exit(3)")
    start_process(queued)
    assert "it ended with status 3" in message_of(queued)


def test_a_prior(small_run, breaks):
    breaks("raise ImportError('libcudart.so.12: cannot open shared object file')")
    start_prior(small_run)
    assert "ImportError: libcudart.so.12" in message_of(PriorFolder.in_training(small_run))


def test_without_a_page(queued):
    with pytest.raises(ConfigError):
        train_run(queued, device="abacus")
    assert "'abacus' is not available" in message_of(queued)


def test_a_training_that_another_process_has_is_left_alone(queued):
    with queued.lock():
        queued.note_failed_start("The second came too late.")
    assert queued.read_status().state == "queued"


@pytest.mark.parametrize("state", ["stopped", "finished", "failed", "paused"])
def test_one_that_has_begun_or_ended_is_left_alone(queued, state):
    queued.write_status(vae.runs.status.Status(state, message="as it was"))
    queued.note_failed_start("It never began.")
    assert queued.read_status(as_written=True).message == "as it was"


def test_a_folder_that_is_gone_is_nobodys_concern(queued, monkeypatch):
    process = start_process(queued, device="abacus")
    (queued.path / "status.json").unlink()
    process.wait(60)
    launch._note(queued, "It never began.")
    assert not (queued.path / "status.json").exists()


def test_where_a_process_cannot_be_given_a_lower_priority_it_goes_on(monkeypatch):
    monkeypatch.delattr(startup.os, "nice")  # as on Windows
    startup.give_way()


# The folders that the environment names mean the same everywhere

PRINT = """
from vae.data.datasets import data_folder
from vae.runs.folder import runs_folder
print(data_folder(), runs_folder(), sep="\\n")
raise SystemExit(3)
"""


@pytest.mark.parametrize(("named", "meant"), [("here", "{cwd}/here"), ("../here", "{cwd}/../here"), ("~/here", "{home}/here")])
def test_a_folder_named_elsewhere_means_the_same_to_a_training(tmp_path, queued, breaks, monkeypatch, named, meant):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("VAE_DATA", "VAE_RUNS"):
        monkeypatch.setenv(variable, named)
    expected = Path(meant.format(cwd=tmp_path / "cwd", home=tmp_path / "home")).resolve()
    assert datasets.data_folder() == runs_folder() == expected
    breaks(PRINT)
    start_process(queued).wait(120)
    assert (queued.path / "trainer.log").read_text().splitlines() == [str(expected)] * 2


def test_with_nothing_named_they_lie_beside_the_package(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for variable in ("VAE_DATA", "VAE_RUNS"):
        monkeypatch.setenv(variable, "")
    root = Path(vae.__file__).parents[1]
    assert (datasets.data_folder(), runs_folder()) == (root / "data", root / "checkpoints")
