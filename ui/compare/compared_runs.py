"""The runs that are compared: which ones they are, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ui.cache import run_files, runs
from ui.cache.runs import RunVersion
from ui.compare import cache
from ui.compare.plane_panels import Window, window_of
from ui.state import session
from ui.state.url_state import MOST_RUNS, PRINCIPAL
from ui.text import literally, plain
from vae.config import RunConfig
from vae.errors import ExplorerError
from vae.evaluation.comparison import Figures
from vae.latent.plane import Plane
from vae.runs.folder import RunFolder, Status
from vae.training.trainer import Report

TRIO = ("mnist-beta0", "mnist-beta1", "mnist-beta4")
"""What the page opens on: the same model with three weights of the KL term."""


@dataclass(frozen=True)
class Known:
    """What the folder of a run tells: how it was asked for, where it stands, its weights' version, plane and reports.

    `places` are the codes on the plane, (N, 2), with their `labels`, and `figures` what can be quoted; all three are None
    where the codes are not there. The prior lies around `origin`, and `window` is the square that shows both. `damages` are
    sentences on files without which all this was found out.
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
class Column:
    """One of the runs that are compared; either it is `known`, or a `problem` says in one sentence why not."""

    name: str
    known: Known | None
    problem: str | None


def column_of(folder: RunFolder) -> Column:
    """A run as it is now."""
    try:
        known = _known(folder)
    except ExplorerError as error:
        return Column(folder.name, None, str(error))
    if known.places is None:
        damage = runs.frame_damage(known.version)
        gone = "The codes of this run are not there, and neither are the images they are made of."
        return Column(folder.name, known, damage or gone)
    return Column(folder.name, known, None)


def _known(folder: RunFolder) -> Known:
    """Principal components are the two axes themselves where there are no more."""
    config, class_names = folder.read_config()
    seen, version = run_files.look(folder), RunVersion.now(folder)
    frame, damage = runs.frame_of(version), runs.frame_damage(version)
    codes = frame is not None and len(frame.labels) > 0
    axes = axes_of(config, codes)
    plane, places = runs.plane(version, axes), runs.places(version, axes) if codes else None
    origin = tuple(plane.project(plane.centre.new_zeros(1, plane.latent))[0].tolist())
    return Known(
        config=config,
        class_names=class_names,
        status=seen.status,
        version=version,
        plane=plane,
        origin=origin,
        window=window_of(places, origin),
        places=places,
        labels=frame.labels if codes else None,
        figures=cache.figures(version, axes) if codes else None,
        reports=seen.reports,
        damages=(*seen.damages, *([damage] if damage and codes else [])),
    )


def axes_of(config: RunConfig, with_codes: bool) -> str:
    """The plane on which a run is compared: of its codes' principal components where it has more than two dimensions."""
    return PRINCIPAL if config.model.latent > 2 and with_codes else "1,2"


def settle(folders: Sequence[RunFolder]) -> tuple[list[RunFolder], str | None]:
    """The runs to compare, and a sentence when the address asks for runs that are not there.

    What was chosen stays chosen, one run alone too; where nothing is, the page opens on the shipped trio, else on the run
    of the other pages and those after it.
    """
    known = {folder.name: folder for folder in folders}
    asked = session.view().runs
    missing = [name for name in asked if name not in known]
    chosen = tuple(name for name in asked if name in known) or _default(list(known))
    if chosen != asked:
        session.settle(runs=chosen)
    return [known[name] for name in chosen], _sentence(missing, chosen) if missing else None


def _default(names: list[str]) -> tuple[str, ...]:
    if set(TRIO) <= set(names):
        return TRIO
    first = [name for name in (session.chosen_run(),) if name in names]
    return tuple(dict.fromkeys([*first, *names]))[: MOST_RUNS - 1]


def _sentence(missing: Sequence[str], chosen: Sequence[str]) -> str:
    names = " and ".join(literally(name[:64]) for name in missing)
    start = "There is no run" if len(missing) == 1 else "There are no runs"
    return f"{start} called {names} here, so this compares {' and '.join(map(plain, chosen))}; choose others below."
