import numpy as np
import pytest
import torch

from ui import figures
from vae.elbo import Terms
from vae.frames import Frame
from vae.latent import Codes, make_grid
from vae.model import Posterior
from vae.training import Report


def a_frame(means: list[list[float]], labels: list[int]) -> Frame:
    mean = torch.tensor(means)
    terms = Terms(torch.zeros(len(labels)), torch.zeros(len(labels)))
    return Frame(1, 10, Codes(Posterior(mean, torch.zeros_like(mean)), terms), torch.tensor(labels), None)


def reports(count: int) -> list[Report]:
    rows = []
    for step in range(1, count + 1):
        rows.append(Report("train", "steps", 1, step, -200.0 + step, 3.0, 1.0, 1e-3, 0.1))
        if step % 10 == 0:
            rows.append(Report("train", "epoch", step // 10, step, -190.0, 3.0, 1.0, 1e-3, 0.1))
            rows.append(Report("held_out", "epoch", step // 10, step, -195.0 + step, 4.0, 1.0, 1e-3, 0.1))
    return rows


def test_every_code_is_drawn_once_in_its_class_with_its_number():
    frame = a_frame([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], [1, 0, 1])
    figure = figures.scatter(frame, ("zero", "one", "two"), "digit")
    drawn = {
        int(probe): (trace.name, x, y)
        for trace in figure.data
        for probe, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }
    assert drawn == {0: ("one", 0, 1), 1: ("zero", 2, 3), 2: ("one", 4, 5)}
    assert all(trace.type == "scattergl" for trace in figure.data)
    assert {note.name: (note.x, note.y) for note in figure.layout.annotations} == {"zero": (2, 3), "one": (2, 3)}


def test_axes_are_of_equal_scale_and_named():
    for figure in (
        figures.scatter(a_frame([[0.0, 0.0]], [0]), ("0",), "digit"),
        figures.manifold("data:image/png;base64,", 5, 2.0, "linear"),
    ):
        assert figure.layout.yaxis.scaleanchor == "x"
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("z1", "z2")
        assert figure.layout.xaxis.range == figure.layout.yaxis.range


def test_the_plane_shows_all_codes_and_at_least_three_sigma():
    assert figures.plane_extent(a_frame([[0.1, 0.0]], [0])) == 3
    assert figures.plane_extent(a_frame([[0.1, -7.0]] * 3, [0] * 3)) >= 7
    assert figures.plane_extent(a_frame(np.zeros((0, 2)).tolist() or [[0.0, 0.0]], [0])) == 3


def test_quantile_cells_name_the_z_they_are_decoded_at():
    figure = figures.manifold("data:image/png;base64,", 7, 3.0, "quantile")
    values = make_grid(7, layout="quantile").z1
    for place, text in zip(figure.layout.xaxis.tickvals, figure.layout.xaxis.ticktext, strict=True):
        assert float(text) == pytest.approx(values[place].item(), abs=0.005)


def test_the_manifold_picture_covers_its_cells_exactly():
    image = figures.manifold("data:image/png;base64,", 7, 2.5, "linear").layout.images[0]
    assert (image.x, image.sizex, image.y + image.sizey) == (-2.5, 5.0, 7.5)
    image = figures.manifold("data:image/png;base64,", 7, 2.5, "quantile").layout.images[0]
    assert (image.x, image.sizex) == (-0.5, 7)


def test_curves_show_the_reports_apart_train_solid_and_held_out_dashed():
    figure = figures.curves(reports(30), epochs=5, steps_per_epoch=10)
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
    assert all(len(trace.x) == 0 for trace in figures.curves([], 5, 10).data)


def test_thinning_keeps_first_and_last():
    rows = reports(1000)
    thinned = figures.thin_out(rows, 50)
    assert len(thinned) == 50 and thinned[0] == rows[0] and thinned[-1] == rows[-1]
    assert figures.thin_out(rows[:7], 50) == rows[:7]


def test_a_curves_last_values_are_within_its_range():
    train = [-500.0, -300.0, *[-150.0 + 0.1 * n for n in range(100)]]
    low, high = figures.y_range(train, [-300.0, -160.0, -150.0, -145.0, -100.0])
    assert low < train[-1] < high and low < -100 < high
    assert low > -500
