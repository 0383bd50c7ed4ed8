import itertools

import pytest

from ui.charts import palette
from ui.compare.curve_overlay import APART, DASHES, Curve, Range, apart, end_notes, overlay, panel_range
from vae.training.trainer import Report


def curve(name: str, place: int, reconstruction: float, kl: float, epochs: int = 20) -> Curve:
    """A run that comes from 100 nats below to its end."""
    reports = [
        Report("held_out", "epoch", epoch, epoch, reconstruction - 100 * 0.6**epoch, kl, 1.0, 1e-3, 1.0)
        for epoch in range(1, epochs + 1)
    ]
    return Curve(name, reports, place)


TRIO = [curve("auto", 0, -131.0, 224.0), curve("plain", 1, -136.0, 6.5), curve("strong", 2, -150.0, 4.0, epochs=12)]


def test_every_run_is_in_every_panel_with_its_own_colour_and_dash():
    figure = overlay(TRIO)
    assert len(figure.data) == 9
    for trace in figure.data:
        place = [one.name for one in TRIO].index(trace.name)
        assert (trace.line.color, trace.line.dash) == (palette.RUNS[place], DASHES[place])
        assert list(trace.x) == list(range(1, len(TRIO[place].reports) + 1))
    elbo, reconstruction, kl = (
        next(t for t in figure.data if t.xaxis == axis and t.name == "plain") for axis in ("x", "x2", "x3")
    )
    assert [r - k for r, k in zip(reconstruction.y, kl.y, strict=True)] == pytest.approx(list(elbo.y))


def test_each_run_is_named_at_the_end_of_its_line():
    for term in ("elbo", "reconstruction", "kl"):
        notes = {note["name"]: note for note in end_notes(TRIO, term, panel_range(TRIO, term))}
        assert {name: note["x"] for name, note in notes.items()} == {"auto": 20, "plain": 20, "strong": 12}
        assert all(note["font"]["color"] == palette.RUNS[place] for place, note in enumerate(notes[c.name] for c in TRIO))
        heights = sorted(note["y"] for note in notes.values())
        assert (
            all(high - low >= APART - 1e-9 for low, high in itertools.pairwise(heights)) and 0 <= heights[0] <= heights[-1] <= 1
        )


def test_an_autoencoders_elbo_is_cut_off_with_an_arrow_and_its_value():
    shown = panel_range(TRIO, "elbo")
    assert shown.low > -355 and shown.low < -154 < -142 < shown.high
    notes = {note["name"]: note["text"] for note in end_notes(TRIO, "elbo", shown)}
    assert "↓ −355" in notes["auto"] and "↓" not in notes["plain"] + notes["strong"]


def test_two_runs_are_never_cut_off():
    shown = panel_range(TRIO[:2], "elbo")
    assert shown.low < -355 < -142.5 < shown.high
    assert not any("↓" in note["text"] for note in end_notes(TRIO[:2], "elbo", shown))


def test_kl_terms_far_apart_are_on_a_logarithmic_axis():
    shown = panel_range(TRIO, "kl")
    assert shown.logarithmic and 0 < shown.low < 4 < 224 < shown.high
    assert not panel_range(TRIO[1:], "kl").logarithmic
    axis = overlay(TRIO).layout.yaxis3
    assert (
        axis.type == "log"
        and 10 ** axis.range[0] == pytest.approx(shown.low)
        and 10 ** axis.range[1] == pytest.approx(shown.high)
    )
    zero = [curve("collapsed", 0, -200.0, 0.0), TRIO[1]]
    assert not panel_range(zero, "kl").logarithmic


def test_heights_in_a_panel():
    assert Range(-10, 10).height(0) == 0.5
    assert Range(1, 100, logarithmic=True).height(10) == pytest.approx(0.5)


@pytest.mark.parametrize("heights", [[0.5], [0.2, 0.8], [0.5] * 4, [0.0, 0.0, 0.0], [1.0] * 4, [0.97, 0.98, 1.0]])
def test_names_are_moved_apart_and_stay_within(heights):
    moved = apart(heights)
    assert all(high - low >= APART - 1e-9 for low, high in itertools.pairwise(moved)) and moved[0] >= 0 and moved[-1] <= 1
    assert apart([0.2, 0.8]) == [0.2, 0.8]


def test_runs_without_an_epoch_leave_no_line_and_names_are_no_markup():
    assert not overlay([]).data and not overlay([Curve("new", [], 0)]).data
    names = [note.text for note in overlay([curve("<i>x", 0, -1.0, 1.0), curve("a" * 40, 1, -2.0, 1.0)]).layout.annotations]
    assert "<b>&lt;i&gt;x</b>" in names and f"<b>{'a' * 15}…</b>" in names
