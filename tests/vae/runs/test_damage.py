"""Run folders that are damaged, or in which something else lies where a file belongs."""

import errno
import os
import re
import struct
import subprocess
import sys

import pytest

from benchmarks.fuzz import KINDS
from tests.conftest import ROOT
from vae.errors import RunError
from vae.jobs.launch import launch
from vae.runs import atomic_files, metrics_log, snapshots
from vae.runs.folder import RunFolder, load_run
from vae.runs.lifecycle import forget_after

pytestmark = pytest.mark.slow


def test_a_slice_of_the_fuzz():
    """`python -m benchmarks.fuzz` runs a thousand."""
    words = [sys.executable, "-m", "benchmarks.fuzz", "--mutations", "60", "--seed", "1"]
    printed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert "0 tracebacks, 0 hangs over 5 s, 0 over 1 GB" in printed.stdout, printed.stdout + printed.stderr
    told, faults = re.search(r"60 mutations, (\d+) told in a sentence: (.*)", printed.stdout).groups()
    assert int(told) > 30
    counts = re.findall(r"(\d+) [a-z]", re.sub(r"over \d+ \w+", "over", faults))
    assert len(counts) == len(KINDS) and set(counts) == {"0"}, printed.stdout


READERS = {
    "run.json": RunFolder.read_config,
    "status.json": RunFolder.read_status,
    "metrics.jsonl": RunFolder.read_metrics,
    "control.json": RunFolder.read_control,
    "model.safetensors": lambda folder: load_run(folder.path),
    "trainer.safetensors": RunFolder.read_trainer,
    "frames/0002.safetensors": lambda folder: folder.snapshot_of_step(24),
}


def huge(path):
    path.touch()
    os.truncate(path, 10**12)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("put", "words"),
    [
        (os.mkfifo, "is a pipe or a device"),
        (lambda path: path.symlink_to("/dev/zero"), "is a pipe or a device"),
        (lambda path: path.symlink_to("/dev/full"), "is a pipe or a device"),
        (os.mkdir, "cannot be read"),
        (huge, "1,000,000,000,000 bytes"),
    ],
    ids=["pipe", "endless", "full", "folder", "huge"],
)
def test_only_files_of_a_reasonable_size_are_read(small_run, name, put, words):
    path = small_run.path / name
    path.unlink(missing_ok=True)
    put(path)
    with pytest.raises(RunError, match=words) as caught:
        READERS[name](small_run)
    assert name in str(caught.value)


def test_a_line_without_end_is_told(small_run):
    with small_run.metrics_path.open("ab") as file:
        file.write(b"x" * 200_000)
    follower = metrics_log.MetricsFollower(small_run.metrics_path)
    for _ in range(2):
        with pytest.raises(RunError, match="is no report"):
            follower.poll()
    assert follower.reports == []


@pytest.mark.parametrize("line", ["[" * 9000 + "]" * 9000, '{"a":' * 1900 + "1" + "}" * 1900])
def test_values_within_values_without_end_are_no_report(small_run, line):
    with small_run.metrics_path.open("a") as file:
        file.write(line[:9990] + "\n")
    with pytest.raises(RunError, match="is no report"):
        small_run.read_metrics()


@pytest.mark.parametrize(
    ("name", "value"), [("epoch", '"2"'), ("step", "true"), ("kl", '"x"'), ("split", "5"), ("kl", "1e300"), ("epoch", "1.5")]
)
def test_a_report_whose_fields_are_of_another_kind_is_told(small_run, name, value):
    fields = {"split": '"train"', "scope": '"steps"', "epoch": "3", "step": "30", "reconstruction": "-100.0", "kl": "5.0",
              "beta": "1.0", "learning_rate": "0.001", "seconds": "2.0", "elbo": "-105.0"}  # fmt: skip
    line = "{" + ", ".join(f'"{key}": {text}' for key, text in (fields | {name: value}).items()) + "}"
    with small_run.metrics_path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match="is no report"):
        small_run.read_metrics()


@pytest.mark.parametrize("stem", ["²", "①", "٣٣٣٣", "0001 ", "00001", "1", "+001", "1_000", "9" * 60])
def test_what_is_not_called_as_a_frame_is_none(small_run, stem):
    expected = small_run.snapshot_paths()
    (small_run.path / "frames" / f"{stem}.safetensors").write_bytes(expected[0].read_bytes())
    assert small_run.snapshot_paths() == expected
    assert [path.name for path in expected] == [snapshots.name_of(epoch) for epoch in range(3)]


def test_a_damaged_frame_takes_no_other_with_it(small_run):
    first, second, last = small_run.snapshot_paths()
    last.rename(last.with_name(snapshots.name_of(3)))
    last.write_bytes(b"junk")  # epoch 2; the frame of the weights is that of epoch 3
    second.write_bytes(b"junk")
    assert small_run.snapshot_of_step(24).step == 24
    with pytest.raises(RunError, match=r"0002.safetensors is cut off"):
        small_run.snapshot_of_step(12)
    forget_after(small_run, 0)
    assert [path.name for path in small_run.snapshot_paths()] == [first.name, second.name, last.name]


@pytest.mark.parametrize("length", [10**7, 10**15, 2**64 - 1])
def test_a_header_that_claims_to_be_long_is_not_read(small_run, length):
    path = small_run.path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    with pytest.raises(RunError, match="cut off"):
        load_run(small_run.path)


CUT_OFF_WHILE_IN_USE = """
import os, sys
from pathlib import Path
from vae.runs import snapshots
path = Path(sys.argv[1])
frame = snapshots.read(path)
os.truncate(path, 100)
print(float(frame.codes.posterior.mean.sum()))
"""


def test_a_file_that_is_cut_off_while_it_is_in_use_ends_nobody(small_run):
    """As by copying another one over it; tensors that were left on the disk would end the process by a bus error."""
    words = [sys.executable, "-c", CUT_OFF_WHILE_IN_USE, str(small_run.snapshot_paths()[-1])]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and float(result.stdout) != 0, result.stderr


def test_nobody_waits_for_a_reader_of_a_pipe(small_run):
    report = small_run.read_metrics()[0]
    for name in ("metrics.jsonl", "trainer.log"):
        (small_run.path / name).unlink(missing_ok=True)
        os.mkfifo(small_run.path / name)
    with pytest.raises(RunError, match=r"cannot be written .*move away what is in its place"):
        small_run.append_metrics(report)
    with pytest.raises(OSError, match=r"trainer.log"):
        launch(["list"], small_run)


@pytest.mark.parametrize(
    ("number", "way"),
    [("ENOSPC", "make room"), ("EDQUOT", "make room"), ("EACCES", "may write to"), ("EROFS", "may write to"),
     ("EISDIR", "in its place"), ("ENOTDIR", "another folder"), ("ENAMETOOLONG", "shorter name"), ("EIO", "try again")],
)  # fmt: skip
def test_what_to_do_about_a_file_that_cannot_be_written_fits_the_cause(tmp_path, number, way):
    code = getattr(errno, number)
    message = str(atomic_files.cannot_write(tmp_path / "a", OSError(code, os.strerror(code))))
    assert way in message and os.strerror(code) in message
    assert ("make room" in message) == (way == "make room")
