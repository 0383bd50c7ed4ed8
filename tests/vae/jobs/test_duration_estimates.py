"""Estimates that pages ask for, which are measured elsewhere."""

import sys
import threading

import pytest

from tests.conftest import small_config, wait_until
from vae.jobs.duration_estimates import TOO_SLOW, Estimate, Estimates

pytestmark = pytest.mark.slow

SMALL_MEMORY = "from vae.training import duration; duration.MOST_MEMORY = 900_000_000; raise SystemExit(duration.main())"


def found(estimates: Estimates, config: object) -> Estimate:
    wait_until(lambda: estimates.ask(config) is not None, "the estimate")
    return estimates.ask(config)


def saying(words: str) -> tuple[str, ...]:
    """A process that does so in place of one that measures."""
    return sys.executable, "-c", words


def test_a_page_gets_the_time_later_and_then_at_once():
    estimates, config = Estimates(), small_config(epochs=3)
    assert estimates.ask(config) is None
    assert found(estimates, config).seconds > 0
    estimates._command = saying("raise SystemExit(1)")
    assert estimates.ask(config).seconds > 0


def test_a_model_too_large_to_try_is_told_in_a_sentence():
    answer = found(Estimates(saying(SMALL_MEMORY)), small_config(encoder_widths=(8192, 8192)))
    assert answer == Estimate(problem="No estimate: trying this model out takes more than 0.9 GB of memory.")


def test_a_model_too_slow_to_try_is_told_in_a_sentence():
    slow = "from vae.training import duration; duration.MOST_SECONDS = 0; raise SystemExit(duration.main())"
    assert found(Estimates(saying(slow)), small_config()) == Estimate(problem=TOO_SLOW)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("import time; time.sleep(600)", TOO_SLOW),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", TOO_SLOW),
        ("import os; os.abort()", "No estimate: its process ended before its time."),
        ("print('seven')", "No estimate: its process ended before its time."),
        ("raise SystemExit('what torch says')", "No estimate: its process ended before its time."),
    ],
)
def test_a_process_that_finds_nothing_is_told_in_a_sentence(words, problem):
    seconds = 0.2 if "sleep" in words else 60
    assert found(Estimates(saying(words), seconds), small_config()) == Estimate(problem=problem)


def test_one_process_at_a_time_for_all_that_ask(tmp_path):
    """Each leaves a mark while it measures, and fails where it finds another's."""
    mark = tmp_path / "measuring"
    words = f"from pathlib import Path; mark = Path({str(mark)!r}); mark.touch(exist_ok=False); mark.unlink(); print(1.0)"
    estimates, configs = Estimates(saying(words)), [small_config(epochs=number) for number in range(1, 5)]
    asking = [threading.Thread(target=found, args=(estimates, config)) for config in configs]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert [estimates.ask(config) for config in configs] == [Estimate(1.0)] * 4
