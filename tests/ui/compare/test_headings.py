"""What is said of runs side by side, and their table."""

import csv
import dataclasses
import io
import math

import pytest

from tests.conftest import small_config
from ui.compare import headings, metrics_table
from ui.compare.compared_runs import ComparedRun, Loaded
from ui.compare.plane_panels import Window
from vae.evaluation.comparison import Figures
from vae.latent.plane import plane_of_axes
from vae.runs.folder import Status
from vae.training.report import Report

FIGURES = Figures(364, -150.25, 5.5, 2, 2, 0.875, 12_345, 61.4)


def column(name: str, figures: Figures | None = FIGURES, state: str = "finished", **changes: object) -> ComparedRun:
    config = small_config(**changes)
    plane, status = plane_of_axes(config.model.latent), Status(state, 1)
    loaded = Loaded(config, ("0", "1"), status, None, plane, (0.0, 0.0), Window(), None, None, figures, ())
    return ComparedRun(name, loaded, None)


BROKEN = ComparedRun("<broken>", None, "It is broken.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([{}], "choose another one"),
        ([{}, {}], "with the same settings: what differs is chance"),
        ([{}, {"seed": 1}, {"seed": 2}], "three times, but for the <b>seed</b>: what differs is chance"),
        ([{"beta": 0.0}, {}, {"beta": 4.0}], "three times, with another weight <b>beta</b> on the KL term"),
        ([{}, {"epochs": 9}], "twice, but for the <b>epochs</b>"),
        ([{}, {"held_out": "validation"}], "twice, but for the <b>held-out split</b>"),
        ([{}, {"epochs": 9, "seed": 3}], "Two runs that differ in <b>epochs and seed</b>"),
        ([{}, {"epochs": 9}, {"seed": 3, "beta": 2.0}, {}], "Four runs that differ in <b>epochs, beta and seed</b>"),
        ([{}, {"epochs": 9, "seed": 3, "beta": 2.0, "latent": 3}], "Two runs that differ in <b>4 settings</b>, listed below"),
    ],
)
def test_the_first_sentence_tells_what_differs(changes, words):
    assert words in headings.lead([small_config(**change) for change in changes])


def test_what_was_steered_is_told_and_its_beta_takes_the_place_of_the_one_asked_for():
    asked = Report("train", "steps", 2, 20, -150.0, 5.0, 1.0, 1e-3, 2.0)
    changed = dataclasses.replace(asked, epoch=3, beta=4.0, steered="beta 4, learning rate 0.01")
    back = dataclasses.replace(asked, epoch=5, steered="beta as scheduled")
    runs = [column("a", beta=0.0), BROKEN, column("b"), column("c")]
    for place, reports in ((2, (asked, changed)), (3, (asked, changed, back))):
        runs[place] = dataclasses.replace(runs[place], loaded=dataclasses.replace(runs[place].loaded, reports=reports))
    html = headings.headings(runs, (3, 1))
    assert "<span>beta 0</span>" in html and "<span>beta 4 by hand</span>" in html and "<span>beta 1</span>" in html
    (row,) = [row for row in metrics_table.rows(runs) if row.name == "changed by hand"]
    first = "beta 4, learning rate 0.01 in epoch 3"
    assert row.values == (None, None, first, f"{first}; beta as scheduled in epoch 5")
    configs = [runs[2].loaded.config] * 2
    assert "chance" in headings.lead(configs) and "<b>changed by hand</b>" in headings.lead(configs, steered=True)


def test_headings_tell_what_is_special_and_where_a_training_stands():
    html = headings.headings([column("a", beta=0.0), BROKEN, column("b", state="running")], (3, 1))
    assert html.count("<section>") == 3 and "beta 0" in html and "beta 1" in html
    assert html.count('<p class="state">') == 3 and '<p class="state">running, in epoch 2 of 2</p>' in html
    assert "&lt;broken&gt;" in html and "<broken>" not in html
    assert html.count("−150.2") == 2 and html.count("155.8") == 2  # the ELBO is reconstruction - KL
    assert "state" not in headings.headings([column("a", beta=0.0), BROKEN, column("b")], (3, 1))


def test_only_comparable_runs_are_left_without_a_word():
    assert headings.warnings([column("a", beta=0.0), column("b"), BROKEN]) == []
    assert len(headings.warnings([column("a"), column("b", likelihood="gaussian")])) == 1
    assert len(headings.warnings([column("a"), column("b", dataset="mnist")])) == 1
    told = headings.warnings([column("a"), column("wide", latent=8, likelihood="gaussian", dataset="mnist")])
    assert len(told) == 3 and "wide has 8 latent dimensions" in told[2]


def test_classes_are_told_once_for_each_set_of_them():
    assert headings.legend([column("a"), column("b"), BROKEN]).count(">0</b>") == 1


def test_the_table_on_the_screen_and_as_csv_say_the_same():
    columns = [column("a", beta=0.0), BROKEN, column("b")]
    lines = list(csv.reader(io.StringIO(metrics_table.as_csv(columns))))
    assert lines[0] == ["", "unit", "a", "<broken>", "b"]
    rows = {line[0]: line[2:] for line in lines[1:]}
    assert rows["beta"] == ["0", "", "1"]
    assert [float(rows[name][0]) for name in ("reconstruction", "KL", "ELBO")] == [-150.25, 5.5, -155.75]
    assert float(rows["five nearest codes predict the class"][2]) == 0.875 and rows["parameters"] == ["12345", "", "12345"]
    html = metrics_table.as_html(columns)
    for written in ("−150.25", "5.50", "−155.75", "87.5 %", "12,345", "61", "&lt;broken&gt;"):
        assert written in html
    assert html.count(f"<td>{metrics_table.NOTHING}</td>") == len(lines) - 1


def test_what_is_not_a_number_is_left_open():
    unknown = dataclasses.replace(FIGURES, neighbour_accuracy=math.nan)
    assert f"<td>{metrics_table.NOTHING}</td>" in metrics_table.as_html([column("a", unknown)])
    assert "nan" not in metrics_table.as_html([column("a", None)])
