"""Looking whether a lock is held is in nobody's way: not in another looker's, and not in that of who takes it."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import filelock
import pytest

from tests.conftest import ROOT, small_config, wait_until
from vae.errors import RunError
from vae.jobs.train_run import train_run
from vae.runs import locks, watched_folder
from vae.runs.folder import RunFolder
from vae.runs.watched_folder import WatchedFolder

pytestmark = pytest.mark.slow

HOLD = """
import sys, pathlib
from vae.runs import locks
with locks.acquire(pathlib.Path(sys.argv[1]), 5):
    print(flush=True)
    input()
"""
LOOK = """
import sys, pathlib; from vae.runs import locks
path, looks = pathlib.Path(sys.argv[1]), 0
print(flush=True)
while not path.with_name("enough").exists():
    looks += sum(locks.is_held(path) for _ in range(100))
print(looks)
"""


@pytest.fixture
def path(tmp_path):
    """A lock that somebody has held before."""
    path = tmp_path / "trainer.lock"
    with locks.acquire(path, 0):
        pass
    path.touch()  # Windows takes it away
    return path


def process(code: str, path) -> subprocess.Popen:
    words = [sys.executable, "-c", code, str(path)]
    started = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    started.stdout.readline()
    return started


def test_nobody_who_looks_takes_another_for_a_holder(path):
    """Four threads that look 3,000 times each, while nobody holds it."""
    folder = WatchedFolder(path.parent)
    with ThreadPoolExecutor(4) as pool:
        looks = pool.map(lambda thread: sum(folder.is_locked() for _ in range(3000)), range(4))
    assert list(looks) == [0, 0, 0, 0]


def test_whoever_looks_keeps_nobody_out(path):
    """Two processes and four threads look without a pause; it is taken 30 times by who does not wait for a holder."""
    lookers, done, seen = [process(LOOK, path) for _ in range(2)], threading.Event(), []

    def look():
        while not done.is_set():
            seen.append(locks.is_held(path))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            with locks.acquire(path, seconds=0):
                pass
    finally:
        done.set()
        path.with_name("enough").touch()
        for thread in threads:
            thread.join()
        counts = [looker.communicate()[0] for looker in lookers]
    assert seen and all(count.strip().isdigit() for count in counts)


def test_it_is_seen_who_holds_it(path):
    assert not locks.is_held(path) and not locks.is_held(path.with_name("none"))
    with locks.acquire(path, 0):
        assert locks.is_held(path)
        with pytest.raises(filelock.Timeout):
            locks.acquire(path, 0.05)
    assert not locks.is_held(path)


def test_it_falls_with_the_process_that_holds_it(path):
    holder = process(HOLD, path)
    assert locks.is_held(path)
    holder.kill()
    holder.communicate()
    wait_until(lambda: not locks.is_held(path), "the lock's fall")
    with locks.acquire(path, 0):
        pass


def test_only_who_may_read_it_is_told(path):
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="device"):
        locks.is_held(path)


NO_LOCKS = """
import errno, fcntl
def refuse(file, how): raise OSError(errno.{error}, "refused")
fcntl.flock = refuse
"""


@pytest.fixture(params=["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def without_locks(request, monkeypatch) -> str:
    """A file system that knows no locks, here; and the code that makes it one in another process."""
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", fcntl.flock)  # to be put back
    code = NO_LOCKS.format(error=request.param)
    exec(code, {})
    return code


def test_where_the_file_system_knows_no_locks_one_process_holds_one_all_the_same(path, without_locks):
    with locks.acquire(path, 1):
        with pytest.raises(filelock.Timeout):
            locks.acquire(path, 0.05)
        with pytest.raises(OSError, match="knows no locks"):  # so a heartbeat decides
            locks.is_held(path)
    with locks.acquire(path, 1):
        pass
    assert sorted(file.name for file in path.parent.iterdir()) == ["trainer.lock"]


def test_there_a_killed_process_keeps_nobody_out(path, without_locks):
    holder = process(without_locks + HOLD, path)
    with pytest.raises(filelock.Timeout):
        locks.acquire(path, 0.05)
    holder.kill()
    holder.communicate()
    with locks.acquire(path, 5):
        pass


def test_there_runs_are_queued_trained_steered_and_judged_by_their_heartbeat(tmp_path, without_locks, monkeypatch):
    folder, seen = RunFolder.create(tmp_path / "run", small_config()), []

    def on_report(report) -> None:
        folder.steer(beta=2.0)
        seen.append(folder.read_status().state)
        with pytest.raises(RunError, match="being trained by another process"):
            train_run(folder)

    monkeypatch.setattr(watched_folder, "SECONDS_TO_GET_THE_LOCK", 0.05)
    assert train_run(folder, device="cpu", queue=True, on_report=on_report).state == "finished"
    assert seen and set(seen) == {"running"}
    assert not list(tmp_path.rglob("*.held"))
