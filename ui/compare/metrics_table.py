"""The table of the runs that are compared: their settings that differ, and their figures; as HTML and as CSV."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ui.charts.markup import signed
from ui.compare.compared_runs import ComparedRun
from ui.compare.headings import line_sample
from vae.evaluation.comparison import Figures, differing_settings

NOTHING = "–"

Cell = float | int | str | None


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is, in which unit, each run's value, and how a value is written on the screen."""

    name: str
    unit: str
    values: tuple[Cell, ...]
    write: Callable[[Cell], str] = str


def _percent(share: Cell) -> str:
    return f"{100 * share:.1f} %"


FIGURES: tuple[tuple[str, str, Callable[[Figures], Cell], Callable[[Cell], str]], ...] = (
    ("reconstruction", "nats per image", lambda f: f.reconstruction, lambda v: signed(v, 2)),
    ("KL", "nats per image", lambda f: f.kl, lambda v: signed(v, 2)),
    ("ELBO", "nats per image", lambda f: f.elbo, lambda v: signed(v, 2)),
    ("active units", "latent dimensions", lambda f: f.active_units, str),
    ("five nearest codes predict the class", "of the images", lambda f: f.neighbour_accuracy, _percent),
    ("parameters", "", lambda f: f.parameters, "{:,}".format),
    ("training", "seconds", lambda f: f.seconds, "{:,.0f}".format),
    ("held-out images", "", lambda f: f.images, "{:,}".format),
)

HOW = (
    "Means over the held-out images, by the weights as they are now. The **reconstruction term** is estimated with one sample "
    "of z per image, the **KL term** is exact, and the **ELBO** is their difference, whatever beta was trained with. **Active "
    "units**: latent dimensions whose posterior mean varies over the images with a variance above 0.01 (Burda, Grosse and "
    "Salakhutdinov 2016). **Five nearest codes**: each image's class is guessed from the five nearest other codes on the plane "
    "shown; where two classes are equally frequent, the nearest code decides. **Seconds** were spent on the optimiser's steps, "
    "on the machine that trained the run."
)


def rows(columns: Sequence[ComparedRun]) -> list[Row]:
    """First the settings that differ, then what was steered, then the figures; a run that cannot be read has no values."""
    loaded = [column.loaded for column in columns]
    settings = differing_settings([run.config for run in loaded if run])
    lines = []
    for setting in settings:
        values = iter(setting.values)
        lines.append(Row(setting.name, "", tuple(next(values) if run else None for run in loaded)))
    if any(run and run.steered for run in loaded):
        lines.append(Row("changed by hand", "", tuple("; ".join(run.steered) or None if run else None for run in loaded)))
    for name, unit, value, write in FIGURES:
        cells = tuple(value(run.figures) if run and run.figures else None for run in loaded)
        lines.append(Row(name, unit, cells, write))
    return lines


def _written(row: Row, value: Cell) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOTHING
    return row.write(value)


def as_html(columns: Sequence[ComparedRun]) -> str:
    """A column for each run, numbers below each other."""
    heads = "".join(f"<th>{line_sample(place)}<br>{html.escape(column.name)}</th>" for place, column in enumerate(columns))
    lines = []
    for row in rows(columns):
        cells = "".join(f"<td>{html.escape(_written(row, value))}</td>" for value in row.values)
        unit = f" <i>{row.unit}</i>" if row.unit else ""
        lines.append(f"<tr><td>{html.escape(row.name)}{unit}</td>{cells}</tr>")
    return f'<table class="numbers big compared"><tr><th></th>{heads}</tr>{"".join(lines)}</table>'


def as_csv(columns: Sequence[ComparedRun]) -> str:
    """The same table with all digits: a row for each setting and figure, a column for each run."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["", "unit", *(column.name for column in columns)])
    for row in rows(columns):
        writer.writerow([row.name, row.unit, *("" if value is None else value for value in row.values)])
    return text.getvalue()
