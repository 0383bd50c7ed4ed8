"""Many visitors at once: how soon they are answered, and what memory the server holds before, while and after they are there.

    python -m benchmarks.visitors                               1, 10 and 50 visitors, and five minutes after each: half an hour
    python -m benchmarks.visitors --visitors 10 --after 30      sooner

Each visitor is a websocket session that speaks as a browser does. It clicks on the plane, asks for images and sections of ELBO,
changes run and page, and thinks between two answers. All come to the same server, one crowd after another. The server's
memory is that of its process and of those that it started, as Linux tells it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.browser import served
from benchmarks.visitor import Visitor
from vae.runs.folder import list_runs

MOST_MEGABYTES = 2500
"""What the server may hold at any time, for a lecture on a laptop with 8 GB beside a browser and the slides."""

THINKING = 4.0
"""Seconds between an answer and what is asked next, on average."""

IMAGES = 300
"""Held-out images that are asked for: all data sets have as many."""


@dataclass
class Crowd:
    """What was seen of visitors at once: seconds by what was asked, what failed, and megabytes of the server."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def resident_megabytes(process: int, what: str = "VmRSS") -> float:
    """What a process holds in memory, and those that it started beside the libraries that they share; 0 once it has ended."""
    folder = Path(f"/proc/{process}")
    try:
        lines = (folder / "status").read_text().splitlines()
        children = [number for task in (folder / "task").iterdir() for number in (task / "children").read_text().split()]
    except OSError:
        return 0.0
    own = next((int(line.split()[1]) / 1024 for line in lines if line.startswith(what)), 0.0)
    return own + sum(resident_megabytes(int(child), "RssAnon") for child in children)


def ways(visitor: Visitor, runs: list[str], dice: random.Random) -> dict[str, list]:
    """What can be asked for on the page that a visitor sees, as calls, by what it is called in the figures."""
    place, image = [dice.gauss(0, 1.5), dice.gauss(0, 1.5)], dice.randrange(IMAGES)
    click = {"place": place, "probe": dice.choice([None, image]), "click": dice.random()}
    can = {"page": lambda: visitor.go(dice.choice([name for name in visitor.links if name != visitor.page]))}
    if "run_picker" in visitor.widgets:
        can["run"] = lambda: visitor.set("run_picker", string_value=dice.choice(runs))
    if "lens" in visitor.widgets:
        can["click"] = lambda: visitor.send("lens", "pick", click)
    if "image_number" in visitor.widgets:
        can["image"] = lambda: visitor.set("image_number", double_value=image)
    if "section" in visitor.widgets:
        can["section"] = lambda: visitor.set("section", string_array_value={"data": [_any_section(visitor, dice)]})
    if "elbo_identity" in visitor.widgets:
        move = {"mean": place, "sigma": [0.1, 0.1], "number": dice.random()}
        can["move q"] = lambda: visitor.send("elbo_identity", "moved", move)
    return can


def _any_section(visitor: Visitor, dice: random.Random) -> str:
    return dice.choice(visitor.widgets["section"].proto.options).content


def choose(can: dict[str, object], dice: random.Random) -> str:
    """Mostly what the page is there for; now and then another run or another page."""
    rest = [name for name in can if name not in ("page", "run")]
    return dice.choice(rest * 3 + ["page"] * 2 + ["run"] * ("run" in can))


async def visit(address: str, runs: list[str], actions: int, seed: int, thinking: float, crowd: Crowd) -> None:
    """One visitor, from the first page to the last of so many actions."""
    dice = random.Random(seed)
    await asyncio.sleep(dice.random() * thinking)
    async with Visitor(address) as visitor:
        for number in range(actions + 1):
            can = ways(visitor, runs, dice) if number else {"start": visitor.open}
            what = choose(can, dice) if number else "start"
            try:
                crowd.seconds.setdefault(what, []).append(await can[what]())
            except TimeoutError:
                crowd.failed.append(f"{what} on {visitor.page}: no answer")
                return
            crowd.failed += [f"{what} on {visitor.page}: {sentence}" for sentence in visitor.told]
            visitor.told.clear()
            await asyncio.sleep(dice.expovariate(1 / thinking) if thinking else 0)


async def watch(process: int, crowd: Crowd) -> None:
    """Look at the server's memory until called off."""
    while True:
        crowd.megabytes.append(resident_megabytes(process))
        await asyncio.sleep(0.5)


async def let_in(address: str, process: int, count: int, options: argparse.Namespace) -> Crowd:
    """So many visitors at once, and nobody for a while after them; all their doings are the same in every call."""
    crowd, runs = Crowd(), options.runs or [run.name for run in list_runs()]
    guard = asyncio.create_task(watch(process, crowd))
    before, began = resident_megabytes(process), time.perf_counter()
    visits = (visit(address, runs, options.actions, seed, options.thinking, crowd) for seed in range(count))
    for left in await asyncio.gather(*visits, return_exceptions=True):
        if isinstance(left, Exception):
            crowd.failed.append(f"{type(left).__name__}: {left}")
    stayed, left = time.perf_counter() - began, resident_megabytes(process)
    most = max(crowd.megabytes)
    print(f"\n{count} visitors, {sum(map(len, crowd.seconds.values()))} answers in {stayed:.0f} s, {len(crowd.failed)} errors")
    print_times(crowd)
    print(f"  server: {before:,.0f} MB before, at most {most:,.0f} while they were there, {left:,.0f} as they left", flush=True)
    await asyncio.sleep(options.after)
    guard.cancel()
    after = resident_megabytes(process)
    print(f"  {options.after:.0f} s after: {after:,.0f} MB, at most {max(crowd.megabytes):,.0f} MB at any time", flush=True)
    return crowd


def print_times(crowd: Crowd) -> None:
    """Median and 95th percentile for each kind of action, and errors once each."""
    for what, times in crowd.seconds.items():
        slow = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
        print(f"  {what:<8}{len(times):>6} times   median {statistics.median(times):>7.2f} s   95th percentile {slow:>7.2f} s")
    for sentence in sorted(set(crowd.failed)):
        print(f"  error, {crowd.failed.count(sentence)} times: {sentence}")


@contextlib.contextmanager
def server(address: str | None, process: int | None) -> Iterator[tuple[str, int]]:
    """One that is there already, or a new one."""
    if address:
        yield address, process
        return
    with served() as (address, started):
        yield address, started.pid


def main(arguments: list[str] | None = None) -> bool:
    """Whether memory stayed within the bound and nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", nargs="+", type=int, default=[1, 10, 50])
    parser.add_argument("--actions", type=int, default=14, help="of each visitor (default: 14)")
    parser.add_argument("--thinking", type=float, default=THINKING, help=f"seconds, on average (default: {THINKING:g})")
    parser.add_argument("--after", type=float, default=300, help="seconds to wait when they have left (default: 300)")
    parser.add_argument("--runs", nargs="+", help="to choose among (default: all)")
    parser.add_argument("--address", help="of a server that is there already, with --process")
    parser.add_argument("--process", type=int, help="its number")
    options = parser.parse_args(arguments)
    with server(options.address, options.process) as (address, process):
        crowds = [asyncio.run(let_in(address, process, count, options)) for count in options.visitors]
    most, errors = max(max(crowd.megabytes) for crowd in crowds), sum(len(crowd.failed) for crowd in crowds)
    kept = most <= MOST_MEGABYTES
    verdict = "stayed" if kept else "did NOT stay"
    print(f"\nMemory {verdict} within {MOST_MEGABYTES:,} MB: {most:,.0f} at most. {errors} errors.")
    return kept and not errors


if __name__ == "__main__":
    raise SystemExit(not main())
