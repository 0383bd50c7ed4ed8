"""Damaged run folders: each is opened by all that reads one, and must be met by what it holds or by one sentence.

    python -m benchmarks.fuzz
    python -m benchmarks.fuzz --mutations 5000 --seed 7
    python -m benchmarks.fuzz --only 123

Two runs on digits are trained for the occasion, with a diffusion prior each. A mutation is a copy of the first with one part
damaged (benchmarks/damage.py), as `--seed` and its number will have it; `--only` looks at one again. It is opened in a process
that is ended when it takes longer than five seconds, which is tried a second time, or more than a gigabyte beyond what it
began with. Readings that do not need the damaged part must go on as if nothing had happened.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.damage import FRAMES, Damage, do_damage
from vae.cli.commands import main as command_line
from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.diffusion.config import PriorConfig
from vae.diffusion.folder import PriorFolder
from vae.diffusion.job import train_prior
from vae.errors import ExplorerError, TooLittleMemory
from vae.jobs.train_run import train_run
from vae.runs.folder import RunFolder, list_runs, load_run

SECONDS, BYTES = 5.0, 10**9
PRIOR = PriorConfig(steps=30, batch_size=64, width=16, layers=1, features=8)


@dataclass(frozen=True)
class Outcome:
    """How a mutation was met. `faults` are of the kinds that are counted, in words."""

    number: int
    damage: Damage
    faults: tuple[tuple[str, str], ...]
    told: bool


def make_runs(root: Path) -> tuple[Path, Path]:
    """A finished run with a prior and a wish, and one with other dimensions and layers."""
    paths = []
    for name, latent, width in (("run", 2, 32), ("other", 3, 24)):
        model = ModelConfig("mlp", latent, encoder_widths=(width,), decoder_widths=(width,))
        training = TrainingConfig(epochs=2, learning_rate=3e-3, precision="fp32")
        folder = RunFolder.create(root / name, RunConfig("digits", model, training))
        train_run(folder, device="cpu")
        train_prior(folder, PRIOR, device="cpu")
        folder.steer(beta=2.0)
        PriorFolder.of(folder).ask_to_stop()
        (folder.path / "trainer.lock").touch()
        paths.append(folder.path)
    return paths[0], paths[1]


def readings(path: Path) -> Iterator[tuple[str, tuple[str, ...], Callable[[], object]]]:
    """All that opens a run's folder: its name, the parts that it needs, and the call."""
    folder = RunFolder(path)
    yield "list_runs", (), lambda: list_runs(path.parent)
    yield "read_config", ("run.json",), folder.read_config
    yield "read_status", ("status.json", "trainer.lock"), folder.read_status
    yield "is_locked", ("trainer.lock",), lambda: _quiet(folder.is_locked)
    yield "read_metrics", ("metrics.jsonl",), folder.read_metrics
    yield "load_run", ("run.json", "model.safetensors"), lambda: _use(path)
    yield "read_steering", ("control.json",), folder.read_control
    yield "read_trainer", ("run.json", "trainer.safetensors"), folder.read_trainer
    yield "frame_paths", (), folder.snapshot_paths
    for frame in FRAMES:
        needs = ("run.json", "frames", frame)
        yield "read_frame", needs, lambda frame=frame: folder.read_snapshot(path / frame)
    yield "frame_of_step", ("run.json", "frames", FRAMES[-1]), lambda: folder.snapshot_of_step(24)
    yield "steer", ("control.json", "control.lock"), lambda: folder.steer(beta=3.0)
    prior = PriorFolder.of(folder)
    parts = ("prior.json", "model.safetensors", "codes.safetensors")
    needs = ("run.json", "diffusion", *(f"diffusion/{name}" for name in parts))
    yield "read the prior", needs, prior.read
    yield "its status", ("diffusion", "diffusion/status.json"), prior.read_status
    yield "its metrics", ("diffusion", "diffusion/metrics.jsonl"), prior.read_metrics
    yield "its figures", ("diffusion", "diffusion/figures.json"), prior.read_figures
    yield "its wish to stop", (), prior.stop_is_asked
    yield "list", (), lambda: _list(path)


def _quiet(act: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):  # which is what it says where one may not know
        act()


def _use(path: Path) -> None:
    run = load_run(path)
    run.model.decode(run.model.encode(torch.zeros(1, 1, 28, 28)).mean)


def _list(path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert command_line(["list", str(path.parent)]) == 0


def open_all(path: Path, damage: Damage) -> tuple[list[tuple[str, str]], bool]:
    """The faults of each reading, and whether a sentence was told."""
    faults, told = [], False
    for name, needs, act in readings(path):
        try:
            act()
        except TooLittleMemory as error:
            faults.append(("over 1 GB", f"{name}: {error}"))
        except ExplorerError as error:
            told = True
            if damage.part not in needs:
                faults.append(("beyond the damaged part", f"{name}: {error}"))
            if "\n" in str(error).strip():
                faults.append(("more than a sentence", f"{name}: {error}"))
        except BaseException:
            faults.append(("tracebacks", f"{name}: {traceback.format_exc()}"))
    return faults, told


def serve(talk: object) -> None:
    """Open what is asked for, in this process, until nothing more is."""
    torch.set_num_threads(1)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 4 * BYTES,) * 2)  # so that this machine goes on
    _use(Path(talk.recv()))
    peak = _peak()
    talk.send("ready")
    while (asked := talk.recv()) is not None:
        faults, told = open_all(*asked)
        if _peak() - peak > BYTES:
            faults.append(("over 1 GB", f"{(_peak() - peak) / BYTES:.1f} GB"))
        talk.send((faults, told))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Opener:
    """Opens folders in a process of its own, which is made anew when it had to be ended."""

    def __init__(self, whole: Path) -> None:
        self.whole, self.process = whole, None

    def open(self, path: Path, damage: Damage) -> tuple[list[tuple[str, str]], bool]:
        """As `open_all`, with hangs and ends of the process among the faults."""
        if self.process is None:
            self._start()
        self.talk.send((path, damage))
        try:
            faults, told = self.talk.recv() if self.talk.poll(SECONDS) else ([("hangs over 5 s", "")], False)
        except (EOFError, ConnectionError):
            faults, told = [("ends of the process", "")], False
        if any(kind in ("hangs over 5 s", "ends of the process", "over 1 GB") for kind, _ in faults):
            self.close()
        return faults, told

    def _start(self) -> None:
        """Have a process that opened the whole run."""
        context = multiprocessing.get_context("spawn")
        self.talk, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        try:
            self.talk.send(self.whole)
            self.talk.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            raise RuntimeError(f"the process ended with {self.process.exitcode} before it opened anything") from None

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def fuzz(
    numbers: range, seed: int, processes: int = 2, tell: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Each mutation of these numbers, opened."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run, other = make_runs(root)
        openers = [Opener(run) for _ in range(processes)]

        def share(place: int) -> list[Outcome]:
            outcomes = []
            for number in numbers[place::processes]:
                outcomes.append(_mutate(number, seed, run, other, root / f"place-{place}" / "run", openers[place]))
                tell(outcomes[-1])
            return outcomes

        try:
            with ThreadPoolExecutor(processes) as pool:
                shares = list(pool.map(share, range(processes)))
        finally:
            for opener in openers:
                opener.close()
    return sorted((outcome for outcomes in shares for outcome in outcomes), key=lambda outcome: outcome.number)


def _mutate(number: int, seed: int, run: Path, other: Path, place: Path, opener: Opener) -> Outcome:
    for last in (False, True):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(run, place)
        damage = do_damage(place, other, random.Random(f"{seed} {number}"))
        faults, told = opener.open(place, damage)
        if last or not any(kind == "hangs over 5 s" for kind, _ in faults):  # this machine may have been busy
            return Outcome(number, damage, tuple(faults), told)
    raise AssertionError


KINDS = ("tracebacks", "hangs over 5 s", "over 1 GB", "ends of the process", "more than a sentence", "beyond the damaged part")


def summary(outcomes: list[Outcome]) -> str:
    """The counts of faults, each mutation once a kind."""
    counts = Counter(kind for outcome in outcomes for kind in {kind for kind, _ in outcome.faults})
    told = sum(outcome.told for outcome in outcomes)
    return f"{len(outcomes):,} mutations, {told:,} told in a sentence: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of the one that is looked at")
    options = parser.parse_args()
    numbers = range(options.mutations) if options.only is None else range(options.only, options.only + 1)
    began = time.perf_counter()

    def tell(outcome: Outcome) -> None:
        for kind, words in outcome.faults:
            print(f"{outcome.number}: {outcome.damage.part} {outcome.damage.kind}: {kind}\n{words}", flush=True)

    outcomes = fuzz(numbers, options.seed, tell=tell)
    print(summary(outcomes))
    print(f"{len({outcome.damage for outcome in outcomes})} kinds of damage; {time.perf_counter() - began:.0f} s")
    sys.exit(any(outcome.faults for outcome in outcomes))


if __name__ == "__main__":
    main()
