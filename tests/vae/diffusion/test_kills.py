"""A training of a prior that is killed, wherever: the earlier prior is there or the new one, whole, and the next one starts."""

import dataclasses
import shutil
import sys

import pytest

from tests.conftest import QUICK
from vae.diffusion import job
from vae.diffusion.folder import OLD, PriorFolder
from vae.diffusion.job import train_prior
from vae.errors import RunError
from vae.runs.folder import PRIOR_IN_TRAINING

pytestmark = pytest.mark.slow

NEXT = dataclasses.replace(QUICK, steps=2, seed=5)
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.link", "shutil.rmtree"}


class Killed(BaseException):
    """The process is no more."""


class Killer:
    """Lets `after` changes to files happen, and none after them: what a killed process would still do has no effect."""

    def __init__(self) -> None:
        self.after, self.seen, self.root = None, 0, ""
        sys.addaudithook(self.hear)  # for good: it hears nothing while `after` is None

    def hear(self, event: str, arguments: tuple) -> None:
        if self.after is None or not (event in CHANGES or (event == "open" and _writes(arguments))):
            return
        if str(arguments[0]).startswith(self.root):
            self.seen += 1
            if self.seen > self.after:
                raise Killed

    def kill(self, root: str, after: int, act) -> bool:
        """Whether it happened before `act` was done."""
        self.root, self.after, self.seen = root, after, 0
        try:
            act()
        except Killed:
            return True
        finally:
            self.after = None
        return self.seen > after


def _writes(arguments: tuple) -> bool:
    path, _, flags = arguments
    return isinstance(path, str) and bool(flags & 3)


@pytest.fixture(scope="session")
def killer():
    return Killer()


@pytest.fixture
def quick_worker(diffused_run, monkeypatch):
    """Trainings without their computations, which change no file."""
    prior = PriorFolder.of(diffused_run)
    codes, figures = prior.read().codes, prior.read_figures()
    monkeypatch.setattr(job, "SECONDS_BETWEEN_SAVES", float("inf"))
    monkeypatch.setattr(job, "codes_of", lambda run: codes)
    monkeypatch.setattr(job, "measure", lambda *arguments: figures)
    monkeypatch.setattr(job, "first_variance", lambda *arguments: 0.1)
    return diffused_run


def seed_of(run) -> int | None:
    """Which prior the run has, read with all that belongs to it; None where there is none."""
    folder = PriorFolder.of(run)
    if not folder.has_denoiser:
        return None
    description, status = folder.read().description, folder.read_status(as_written=True)
    assert len(folder.read_metrics()) == description.config.steps and folder.read_figures() is not None
    assert status.state == "finished"
    return description.config.seed


@pytest.mark.parametrize("has_earlier", [True, False])
def test_a_prior_is_never_lost(quick_worker, has_earlier, killer, tmp_path):
    """Killed at each change to a file; then it is looked at, another training starts, and it is looked at again."""
    if not has_earlier:
        shutil.rmtree(PriorFolder.of(quick_worker).path)
    before, killed = quick_worker.path, True
    earlier, points, seen = (QUICK.seed if has_earlier else None), 0, []
    while killed:
        run = type(quick_worker)(shutil.copytree(before, tmp_path / f"killed-{points}"))
        killed = killer.kill(str(run.path), points, lambda run=run: train_prior(run, NEXT, device="cpu"))
        found = seed_of(run)
        with_status = PriorFolder.in_training(run)
        if with_status.exists and with_status.read_status().state == "queued":
            with_status.write_status(dataclasses.replace(with_status.read_status(), state="stopped"))  # a minute later
        with_status.queue(run)
        assert seed_of(run) == found, f"lost by the start after kill point {points}"
        seen.append(found)
        shutil.rmtree(run.path)
        points += 1
    assert set(seen) == {earlier, NEXT.seed} and points > 25
    assert seen == sorted(seen, key=lambda seed: seed == NEXT.seed)  # once it is there it stays


def test_what_was_ended_between_two_renames_is_finished_by_the_next_start(quick_worker):
    train_prior(quick_worker, NEXT, device="cpu")
    final = PriorFolder.of(quick_worker).path
    shutil.copytree(final, final.with_name(OLD))
    final.rename(final.with_name(PRIOR_IN_TRAINING))
    assert seed_of(quick_worker) == NEXT.seed
    train_prior(quick_worker, NEXT, device="cpu", should_stop=lambda: True)
    assert PriorFolder.of(quick_worker).path == final and seed_of(quick_worker) == NEXT.seed


def test_a_prior_that_cannot_be_put_in_its_place_stays_ready(quick_worker, monkeypatch):
    """As on Windows while somebody reads the earlier one."""
    earlier = PriorFolder.of(quick_worker).path
    rename = type(earlier).rename

    def refuse(path, target):
        if path == earlier:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(type(earlier), "rename", refuse)
    with pytest.raises(RunError, match="cannot be written"):
        train_prior(quick_worker, NEXT, device="cpu")
    assert PriorFolder.in_training(quick_worker).read_status().state == "finished" and seed_of(quick_worker) == NEXT.seed
    monkeypatch.undo()
    PriorFolder.in_training(quick_worker).queue(quick_worker)
    assert PriorFolder.of(quick_worker).path == earlier and seed_of(quick_worker) == NEXT.seed


def test_a_damaged_status_keeps_nobody_from_training_anew(quick_worker):
    new = PriorFolder.in_training(quick_worker)
    new.path.mkdir()
    (new.path / "status.json").write_text("{")
    train_prior(quick_worker, NEXT, device="cpu")
    assert seed_of(quick_worker) == NEXT.seed
