"""Visitors who speak as browsers do, to the app as it is served."""

import pytest

from benchmarks import visitors
from benchmarks.browser import served


@pytest.fixture
def server(runs) -> list[str]:
    """The app, as options of the benchmark."""
    with served(VAE_RUNS=str(runs)) as (address, process):
        yield ["--address", address, "--process", str(process.pid), "--thinking", "0.1", "--after", "0"]


def test_visitors_are_answered_and_the_bound_is_told_and_what_fails_is_counted(server, runs, capsys):
    assert visitors.main([*server, "--visitors", "1", "2", "--actions", "5"])
    said = capsys.readouterr().out
    assert "2 visitors, 12 answers" in said and "Memory stayed within 2,500 MB" in said and "0 errors" in said
    (runs / "small" / "model.safetensors").write_text("junk")
    assert not visitors.main([*server, "--visitors", "1", "--actions", "0"])
    assert "start on Explore" in capsys.readouterr().out
