"""What is said of runs side by side: what tells them apart, what must not be compared, and a heading for each."""

from __future__ import annotations

import html
from collections.abc import Sequence

from ui.charts import palette
from ui.charts.markup import signed
from ui.compare.compared_runs import ComparedRun, Loaded
from ui.compare.curve_overlay import DASHES
from ui.shell import status_text
from ui.text import plain
from vae.config import RunConfig
from vae.evaluation.comparison import Setting, differing_settings, same_images, same_nats

NUMBERS = {2: "Two", 3: "Three", 4: "Four"}
TIMES = {2: "twice", 3: "three times", 4: "four times"}
MOST_NAMED = 3
"""Settings that the first sentence names."""

CSS_DASHES = {"solid": [(9, 0)], "dash": [(9, 5)], "dot": [(3, 3)], "dashdot": [(9, 4), (3, 4)]}
"""Lengths in pixels of a dash and of the gap after it."""


def lead(configs: Sequence[RunConfig], steered: bool = False) -> str:
    """The first sentence: what tells these runs apart, as HTML. `steered` says that some were changed by hand."""
    if len(configs) < 2:
        return "Runs side by side: <b>choose another one</b> to compare."
    settings = differing_settings(configs)
    fields, times, number = [setting.field for setting in settings], TIMES[len(configs)], NUMBERS[len(configs)]
    if steered and set(fields) <= {"seed"}:
        return f"The same model {times}, but <b>changed by hand</b> while it was trained: see what that does to the plane."
    if not settings:
        return f"The same model {times}, with the same settings: what differs is chance."
    if fields == ["seed"]:
        return f"The same model {times}, but for the <b>seed</b>: what differs is chance."
    if fields == ["beta"]:
        return f"The same model {times}, with another weight <b>beta</b> on the KL term: see what it does to the plane."
    if len(settings) == 1:
        return f"The same model {times}, but for the <b>{_named(settings)}</b>: see what it does to the plane."
    if len(settings) <= MOST_NAMED:
        return f"{number} runs that differ in <b>{_named(settings)}</b>: see what that does to the plane."
    return f"{number} runs that differ in <b>{len(settings)} settings</b>, listed below: see what that does to the plane."


def _named(settings: Sequence[Setting]) -> str:
    names = [setting.name for setting in settings]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def warnings(columns: Sequence[ComparedRun]) -> list[str]:
    """What must not be compared, how runs without a plane are shown, and what is damaged; a sentence of Markdown each."""
    loaded = [(plain(column.name), column.loaded) for column in columns if column.loaded is not None]
    configs = [run.config for _, run in loaded]
    sentences = []
    if not same_nats(configs):
        sentences.append(
            "Their likelihoods differ, so reconstruction term and ELBO cannot be compared in nats: a Gaussian's are densities "
            "of pixel values, a Bernoulli's are probabilities."
        )
    if not same_images(configs):
        sentences.append(
            "They were measured on different images: compare the shapes of the planes, not the nats, and not how well the "
            "nearest codes predict the class."
        )
    for name, run in loaded:
        latent = run.config.model.latent
        if latent > 2:
            sentences.append(
                f"{name} has {latent} latent dimensions: its plane is that of its codes' two first principal components, on "
                "which the nearest codes are sought, and its manifold is the slice through z = 0."
            )
        elif latent == 1:
            sentences.append(f"{name} has one latent dimension: its codes are drawn in a row for each class.")
        sentences += map(plain, run.damages)
    return sentences


def headings(columns: Sequence[ComparedRun], shape: tuple[float, float]) -> str:
    """Over each plane: the run's line and name, what is special about it, and its terms; as HTML. Where a run is not finished
    there is another line.

    They are as wide as a figure of this `shape`, its width and height in whatever unit. The longest one sets how large the
    letters are.
    """
    settings = differing_settings([column.loaded.config for column in columns if column.loaded])
    states = [_state(column.loaded) for column in columns]
    blocks, rank, letters = [], 0, 1
    for place, column in enumerate(columns):
        special, terms = "", "&nbsp;"
        if column.loaded is not None:
            special = " · ".join(_special(settings, rank, column.loaded.beta_by_hand))
            terms = _terms(column.loaded)
            rank += 1
        letters = max(letters, len(f"{column.name} {special}"))
        name = f"{line_sample(place)}<b>{html.escape(column.name)}</b>"
        state = f'<p class="state">{states[place] or "&nbsp;"}</p>' if any(states) else ""
        blocks.append(f"<section><p>{name} <span>{special}</span></p>{state}<p>{terms}</p></section>")
    style = f"--runs: {len(columns)}; --letters: {letters}; --wide: {shape[0]:.2f}; --high: {shape[1]:.2f}"
    return f'<div class="headings" style="{style}">{"".join(blocks)}</div>'


def _special(settings: Sequence[Setting], rank: int, beta_by_hand: str | None) -> list[str]:
    """A run's own settings; where many differ, the three that shape the plane most, as far as they do."""
    if len(settings) > MOST_NAMED:
        settings = [setting for setting in settings if setting.field in ("dataset", "latent", "beta")]
    if beta_by_hand is not None:
        settings = [setting for setting in settings if setting.field != "beta"]
    words = {"dataset": "{}", "latent": "{}-D", "likelihood": "{}"}
    special = [words.get(s.field, f"{s.name} {{}}").format(html.escape(s.values[rank])) for s in settings]
    return special if beta_by_hand is None else [*special, f"beta {html.escape(beta_by_hand)} by hand"]


def _state(run: Loaded | None) -> str:
    return "" if run is None or run.status is None else status_text.brief(run.status, run.config.training.epochs)


def _terms(run: Loaded) -> str:
    figures = run.figures
    if figures is None:
        return "&nbsp;"
    terms = (("reconstruction", figures.reconstruction), ("KL", figures.kl), ("ELBO", figures.elbo))
    return " ".join(f'<span class="{name.lower()}">{name} <b>{signed(value, 1)}</b></span>' for name, value in terms)


def line_sample(place: int) -> str:
    """A piece of a run's line in the curves (an SVG would be taken for an attack and left out)."""
    ink, parts = palette.css(palette.RUNS[place]), CSS_DASHES[DASHES[place]]
    pieces, at = [], 0
    for length, gap in parts:
        pieces += [f"{ink} {at}px {at + length}px", f"transparent {at + length}px {at + length + gap}px"]
        at += length + gap
    return f'<i class="line" style="background: repeating-linear-gradient(90deg, {", ".join(pieces)})"></i>'


def legend(columns: Sequence[ComparedRun]) -> str:
    """The classes' colours, once for each set of classes, and what the circles are; as HTML."""
    sets = dict.fromkeys(column.loaded.class_names for column in columns if column.loaded)
    chips = [
        " ".join(f'<b style="--paint: {palette.css(palette.of_class(i))}">{html.escape(n)}</b>' for i, n in enumerate(names))
        for names in sets
    ]
    circles = "<i></i> the prior N(0, I): 1, 2 and 3 sigma"
    return f'<p class="classes">{" · ".join(chips)}<span>{circles}</span></p>'
