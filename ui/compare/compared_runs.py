"""The runs that are compared: which ones they are, and what is known of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ui.cache import run_files, runs
from ui.cache.runs import RunVersion
from ui.compare import cache
from ui.compare.plane_panels import Window, window_of
from ui.state import session
from ui.state.view import MOST_RUNS, PRINCIPAL
from ui.text import literally, plain
from vae.config import RunConfig
from vae.errors import ExplorerError
from vae.evaluation.alignment import orthogonal_alignment
from vae.evaluation.comparison import Figures, same_images
from vae.latent.plane import Plane
from vae.runs.folder import RunFolder, Status
from vae.training.trainer import Report

TRIO = ("mnist-beta0", "mnist-beta1", "mnist-beta4")
"""What the page opens on: the same model with three weights of the KL term."""


@dataclass(frozen=True)
class Loaded:
    """What the folder of a run tells: how it was asked for, where it stands, its weights' version, plane and reports.

    `places` are the codes on the plane, (N, 2), with their `labels`, and `figures` what can be quoted; all three are None
    where the codes are not there. The prior lies around `origin`, and `window` is the square that shows both. `damages` are
    sentences on files without which all this was found out. A plane that is aligned with another one has a `turn`.
    """

    config: RunConfig
    class_names: tuple[str, ...]
    status: Status | None
    version: RunVersion
    plane: Plane
    origin: tuple[float, float]
    window: Window
    places: Tensor | None
    labels: Tensor | None
    figures: Figures | None
    reports: Sequence[Report]
    damages: Sequence[str] = ()
    turn: cache.Turn | None = None

    @property
    def steered(self) -> list[str]:
        """What was changed by hand while it was trained, in words."""
        return [f"{report.steered} in epoch {report.epoch:,}" for report in self.reports if report.steered]

    @property
    def beta_by_hand(self) -> str | None:
        """The weight of the KL term that was set while it was trained, or None where it is what was asked for at first."""
        changes = [words for report in self.reports for words in report.steered.split(", ")]
        values = [words.removeprefix("beta ") for words in changes if words.startswith("beta ")]
        return values[-1] if values and values[-1] != "as scheduled" else None


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs that are compared; either it is `loaded`, or a `problem` says in one sentence why not."""

    name: str
    loaded: Loaded | None
    problem: str | None


def compared_run(folder: RunFolder) -> ComparedRun:
    """A run as it is now."""
    try:
        loaded = _loaded(folder)
    except ExplorerError as error:
        return ComparedRun(folder.name, None, str(error))
    if loaded.places is None:
        damage = runs.snapshot_damage(loaded.version)
        gone = "The codes of this run are not there, and neither are the images they are made of."
        return ComparedRun(folder.name, loaded, damage or gone)
    return ComparedRun(folder.name, loaded, None)


def _loaded(folder: RunFolder) -> Loaded:
    """Principal components are the two axes themselves where there are no more."""
    config, class_names = folder.read_config()
    seen, version = run_files.look(folder), RunVersion.now(folder)
    snapshot, damage = runs.snapshot_of(version), runs.snapshot_damage(version)
    codes = snapshot is not None and len(snapshot.labels) > 0
    axes = axes_of(config, codes)
    plane, places = runs.plane(version, axes), runs.places(version, axes) if codes else None
    origin = tuple(plane.project(plane.centre.new_zeros(1, plane.latent))[0].tolist())
    return Loaded(
        config=config,
        class_names=class_names,
        status=seen.status,
        version=version,
        plane=plane,
        origin=origin,
        window=window_of(places, origin),
        places=places,
        labels=snapshot.labels if codes else None,
        figures=cache.figures(version, axes) if codes else None,
        reports=seen.reports,
        damages=(*seen.damages, *([damage] if damage and codes else [])),
    )


def aligned(columns: Sequence[ComparedRun]) -> list[ComparedRun]:
    """The runs with their planes turned onto the first one's, as far as they show codes of the same images."""
    first = _first_plane(columns)
    return [
        dataclasses.replace(run, loaded=_turned(run.loaded, first))
        if first and run.loaded and run.loaded is not first and _can_be_aligned(run.loaded, first)
        else run
        for run in columns
    ]


def not_aligned(columns: Sequence[ComparedRun]) -> list[str]:
    """The names of those that stay as they are because they have no codes of the same images on a plane."""
    first = _first_plane(columns)
    return [run.name for run in columns if run.loaded and not (first and _can_be_aligned(run.loaded, first))]


def _first_plane(columns: Sequence[ComparedRun]) -> Loaded | None:
    return next((run.loaded for run in columns if run.loaded and _can_be_aligned(run.loaded, run.loaded)), None)


def _can_be_aligned(run: Loaded, other: Loaded) -> bool:
    """Whether two runs have codes of the same images on planes of two dimensions."""
    has_codes = all(one.places is not None and not one.plane.is_strip for one in (run, other))
    return has_codes and same_images([run.config, other.config]) and torch.equal(run.labels, other.labels)


def _turned(run: Loaded, first: Loaded) -> Loaded:
    turn = orthogonal_alignment(run.places, first.places)
    places, origin = run.places @ turn, tuple((torch.tensor(run.origin) @ turn).tolist())
    rows = tuple(map(tuple, turn.tolist()))
    return dataclasses.replace(
        run, plane=run.plane.turned(turn), places=places, origin=origin, window=window_of(places, origin), turn=rows
    )


def axes_of(config: RunConfig, with_codes: bool) -> str:
    """The plane on which a run is compared: of its codes' principal components where it has more than two dimensions."""
    return PRINCIPAL if config.model.latent > 2 and with_codes else "1,2"


def settle(folders: Sequence[RunFolder]) -> tuple[list[RunFolder], str | None]:
    """The runs to compare, and a sentence when the address asks for runs that are not there.

    What was chosen stays chosen, one run alone too; where nothing is, the page opens on the shipped trio, else on the run
    of the other pages and those after it.
    """
    loaded = {folder.name: folder for folder in folders}
    asked = session.view().runs
    missing = [name for name in asked if name not in loaded]
    chosen = tuple(name for name in asked if name in loaded) or _default(list(loaded))
    if chosen != asked:
        session.settle(runs=chosen)
    return [loaded[name] for name in chosen], _sentence(missing, chosen) if missing else None


def _default(names: list[str]) -> tuple[str, ...]:
    if set(TRIO) <= set(names):
        return TRIO
    first = [name for name in (session.chosen_run(),) if name in names]
    return tuple(dict.fromkeys([*first, *names]))[: MOST_RUNS - 1]


def _sentence(missing: Sequence[str], chosen: Sequence[str]) -> str:
    names = " and ".join(literally(name[:64]) for name in missing)
    start = "There is no run" if len(missing) == 1 else "There are no runs"
    return f"{start} called {names} here, so this compares {' and '.join(map(plain, chosen))}; choose others below."
