import numpy as np
import pytest
import torch
from scipy.stats import norm

from ui.charts import curves, palette, plane, style
from vae.latent.plane import plane_extent
from vae.training.report import Report

PLANE = plane.Axes(("z1", "z2"), 3.0)
QUANTILES = plane.Axes(("z1", "z2"), 3.0, "quantile")
STRIP = plane.Axes(("z1", ""), 3.0, strip=True)
NAMES = ("zero", "one", "two")
PLACES, LABELS = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), torch.tensor([1, 0, 1])


def drawn(figure) -> dict[int, tuple]:
    """Each code's trace and place on the axes, by the code's number."""
    return {
        int(probe): (trace.name, float(x), float(y))
        for trace in figure.data
        for probe, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }


def reports(count: int) -> list[Report]:
    rows = []
    for step in range(1, count + 1):
        rows.append(Report("train", "steps", 1, step, -200.0 + step, 3.0, 1.0, 1e-3, 0.1))
        if step % 10 == 0:
            rows.append(Report("train", "epoch", step // 10, step, -190.0, 3.0, 1.0, 1e-3, 0.1))
            rows.append(Report("held_out", "epoch", step // 10, step, -195.0 + step, 4.0, 1.0, 1e-3, 0.1))
    return rows


def test_every_code_is_drawn_once_in_its_class_with_its_number():
    figure = plane.scatter(PLACES, LABELS, NAMES, PLANE)
    assert drawn(figure) == {0: ("one", 0, 1), 1: ("zero", 2, 3), 2: ("one", 4, 5)}
    assert sum(len(trace.x) for trace in figure.data) == 3
    assert all(trace.type == "scattergl" for trace in figure.data)
    assert [trace.marker.color for trace in figure.data] == list(palette.CLASSES[:3])


def test_a_class_is_named_at_the_median_of_its_codes_in_its_colour():
    notes = {note.name: note for note in plane.scatter(PLACES, LABELS, NAMES, PLANE).layout.annotations}
    assert {name: note.x for name, note in notes.items()} == {"zero": 2, "one": 2}
    assert sorted(note.y for note in notes.values()) == pytest.approx([3 - 0.135, 3 + 0.135], abs=0.01)  # 29 pixels of 640
    assert (notes["one"].bgcolor, notes["one"].font.color) == (palette.CLASSES[1], palette.INKS[1])


def test_codes_coloured_by_a_number_keep_place_and_number():
    figure = plane.scatter(PLACES, LABELS, NAMES, PLANE, np.array([5.0, 7.0, 6.0]), "KL term")
    assert len(figure.data) == 1 and list(figure.data[0].marker.color) == [5, 7, 6]
    assert {probe: place[1:] for probe, place in drawn(figure).items()} == {0: (0, 1), 1: (2, 3), 2: (4, 5)}
    notes = {note.name: note.text for note in figure.layout.annotations}
    assert set(notes) == {"colour", "zero", "one"} and "KL term" in notes["colour"] and "nats" in notes["colour"]


@pytest.mark.parametrize("axes", [PLANE, QUANTILES, plane.Axes(("PC1", "PC2"), 4.5)])
def test_axes_are_of_equal_scale_and_named(axes):
    for figure in (plane.scatter(PLACES, LABELS, NAMES, axes), plane.empty_plane(axes)):
        assert figure.layout.yaxis.scaleanchor == "x"
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == axes.names
        edge = (0, 1) if axes.scale == "quantile" else (-axes.extent, axes.extent)
        assert figure.layout.xaxis.range == figure.layout.yaxis.range == edge


def test_on_the_priors_quantiles_every_code_is_at_its_share():
    figure = plane.scatter(PLACES, LABELS, NAMES, QUANTILES)
    for probe, (_, x, y) in drawn(figure).items():
        assert (x, y) == pytest.approx(norm.cdf(PLACES[probe].numpy()), abs=1e-6)


def test_the_quantiles_ticks_name_the_z_they_stand_at():
    for axis in (plane.empty_plane(QUANTILES).layout.xaxis, plane.empty_plane(QUANTILES).layout.yaxis):
        assert len(axis.tickvals) == len(axis.ticktext) >= 5
        for share, text in zip(axis.tickvals, axis.ticktext, strict=True):
            assert float(text.replace("−", "-")) == pytest.approx(norm.ppf(share), abs=1e-6)


def test_on_a_strip_each_class_has_a_row():
    figure = plane.scatter(PLACES * torch.tensor([1.0, 0.0]), LABELS, NAMES, STRIP)
    for probe, (_, x, y) in drawn(figure).items():
        assert x == PLACES[probe, 0] and abs(y - LABELS[probe]) < 0.5
    assert figure.layout.yaxis.scaleanchor is None
    assert tuple(figure.layout.yaxis.ticktext) == NAMES and tuple(figure.layout.yaxis.tickvals) == (0, 1, 2)
    low, high = figure.layout.yaxis.range
    assert low < -0.5 and high > 2.5


def test_nothing_on_the_plane_answers_a_click_itself():
    """The lens listens to the whole plane: neither codes nor names of classes may catch the pointer."""
    figure = plane.scatter(PLACES, LABELS, NAMES, PLANE)
    assert not figure.layout.hovermode and all(trace.hoverinfo == "skip" for trace in figure.data)
    assert not any(note.captureevents for note in figure.layout.annotations)


def test_the_plane_shows_all_codes_and_at_least_three_sigma():
    assert plane_extent(torch.tensor([[0.1, 0.0]])) == 3
    assert plane_extent(torch.tensor([[0.1, -7.0]] * 3)) >= 7
    assert plane_extent(torch.zeros(0, 2)) == 3
    far = torch.cat([torch.zeros(9999, 2), torch.tensor([[1000.0, 0.0]])])
    assert plane_extent(far) == 3  # one stray code does not make all others a speck


def test_curves_show_the_reports_apart_train_solid_and_held_out_dashed():
    figure = curves.curves(reports(30), epochs=5, steps_per_epoch=10)
    assert len(figure.data) == 6
    for trace in figure.data:
        held_out = trace.name == "held out"
        assert trace.line.dash == ("dash" if held_out else "solid")
        assert len(trace.x) == (3 if held_out else 30)
        assert trace.x[-1] == 3
    elbo, kl = figure.data[0], figure.data[4]
    assert list(elbo.y) == [-200.0 + step - 3 for step in range(1, 31)] and set(kl.y) == {3.0}
    assert tuple(figure.layout.xaxis.range) == (0, 5)


def test_no_reports_give_empty_axes():
    assert all(len(trace.x) == 0 for trace in curves.curves([], 5, 10).data)


def test_thinning_keeps_first_and_last():
    rows = reports(1000)
    thinned = curves.thin_out(rows, 50)
    assert len(thinned) == 50 and thinned[0] == rows[0] and thinned[-1] == rows[-1]
    assert curves.thin_out(rows[:7], 50) == rows[:7]


def test_a_curves_last_values_are_within_its_range():
    train = [-500.0, -300.0, *[-150.0 + 0.1 * n for n in range(100)]]
    low, high = curves.y_range(train, [-300.0, -160.0, -150.0, -145.0, -100.0])
    assert low < train[-1] < high and low < -100 < high
    assert low > -500


def test_long_class_names_have_room():
    places, labels, names = torch.zeros(10, 2), torch.arange(10), [f"a long name {label}" for label in range(10)]
    short = plane.scatter(places, labels, [str(label) for label in range(10)], plane.Axes(("z1", "z2"), 3.0))
    long = plane.scatter(places, labels, names, plane.Axes(("z1", "z2"), 3.0))
    assert long.layout.margin.t >= short.layout.margin.t + style.FONT_SIZE  # a second row of the legend
    strip = plane.scatter(places, labels, names, plane.Axes(("z1", ""), 3.0, strip=True))
    assert strip.layout.margin.l >= len(names[0]) * style.FONT_SIZE / 2
