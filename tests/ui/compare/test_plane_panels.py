import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from ui.compare.plane_panels import CELLS, SIGMAS, Panel, Window, around, class_notes, planes, shape, window_of

PLACES, LABELS = torch.tensor([[0.0, 1.0], [2.0, 3.0], [-20.0, 5.0]]), torch.tensor([1, 0, 1])
NAMES = ("zero", "one", "two")
PICTURE = "data:image/png;base64,"


def panel(**changes: object) -> Panel:
    fields = {"class_names": NAMES, "places": PLACES, "labels": LABELS, "manifold": PICTURE}
    return Panel(("z1", "z2"), **({"window": Window((0.0, 0.0), 20.0)} | fields | changes))


def traces(figure, number: int) -> list:
    return [trace for trace in figure.data if trace.xaxis == ("x" if number == 1 else f"x{number}")]


def test_every_code_is_drawn_once_where_it_is_in_each_column():
    figure = planes([panel(), panel(places=PLACES / 2)])
    for number, places in ((1, PLACES), (2, PLACES / 2)):
        codes = [trace for trace in traces(figure, number) if trace.mode == "markers"]
        drawn = {(trace.name, float(x), float(y)) for trace in codes for x, y in zip(trace.x, trace.y, strict=True)}
        assert drawn == {(NAMES[label], *place) for label, place in zip(LABELS.tolist(), places.tolist(), strict=True)}


def test_shared_axes_are_linked_and_square_and_own_ones_are_linked_within_a_run():
    layout = planes([panel(), panel(), panel()], shared=True).layout
    assert layout.yaxis.scaleanchor == "x" and layout.xaxis.matches is None
    assert all(layout[f"xaxis{n}"].matches == "x" and layout[f"yaxis{n}"].matches == "y" for n in range(2, 7))
    own = planes([panel(), panel(window=Window((1.0, 0.0), 3.0)), panel()], shared=False).layout
    assert [own[f"yaxis{n}"].scaleanchor for n in (2, 3)] == ["x2", "x3"]
    assert [own[f"xaxis{n}"].matches for n in (4, 5, 6)] == ["x", "x2", "x3"]
    assert (tuple(own.xaxis2.range), tuple(own.yaxis5.range)) == ((-2, 4), (-3, 3)) and tuple(own.xaxis3.range) == (-20, 20)


def test_no_two_planes_overlap():
    layout = planes([panel()] * 4).layout
    squares = [(layout[f"xaxis{n}"].domain, layout[f"yaxis{n}"].domain) for n in ["", *range(2, 9)]]
    for one in range(8):
        for other in range(one):
            (x, y), (u, v) = squares[one], squares[other]
            assert x[1] <= u[0] or u[1] <= x[0] or y[1] <= v[0] or v[1] <= y[0]
    assert all(0 <= edge <= 1 for square in squares for domain in square for edge in domain)


@pytest.mark.parametrize("origin", [(0.0, 0.0), (1.5, -0.5)])
def test_the_priors_circles_are_its_sigmas_around_z_0_on_codes_and_on_the_manifold(origin):
    figure = planes([panel(origin=origin)])
    for number in (1, 2):
        circles = [trace for trace in traces(figure, number) if trace.mode == "lines"]
        assert circles
        for trace in circles:
            radii = np.hypot(np.array(trace.x) - origin[0], np.array(trace.y) - origin[1])
            assert sorted(set(np.round(radii[np.isfinite(radii)], 4))) == pytest.approx(SIGMAS)


def test_the_manifold_covers_exactly_the_square_that_is_shown():
    for picture, count in (("both", 1), ("manifold", 1), ("codes", 0)):
        images = planes([panel(window=Window((1.0, -2.0), 7.0))], picture).layout.images
        assert len(images) == count
        for image in images:
            assert (image.x, image.y, image.sizex, image.sizey, image.sizing) == (-6, 5, 14, 14, "stretch")
            assert (image.xref, image.yref) == (("x2", "y2") if picture == "both" else ("x", "y"))
    assert CELLS % 2  # so that one cell is decoded at the middle


def test_a_sentence_stands_in_place_of_the_codes_and_is_no_markup():
    figure = planes([panel(), panel(places=None, manifold=None, sentence="<b>broken</b> run & more")])
    texts = [note.text for note in figure.layout.annotations if note.name == "problem"]
    assert texts[0] == "&lt;b&gt;broken&lt;/b&gt; run &amp; more" and not "".join(texts[1:])
    assert all(trace.mode == "markers" and trace.marker.opacity == 0 for trace in traces(figure, 2))


def test_on_a_strip_each_class_has_a_row_and_the_prior_upright_lines():
    places = PLACES * torch.tensor([1.0, 0.0])
    figure = planes([panel(places=places, strip=True)], "codes")
    codes = {trace.name: np.array(trace.y) for trace in figure.data if trace.mode == "markers"}
    assert codes["zero"].max() < codes["one"].min()
    lines = np.concatenate([np.array(trace.x) for trace in figure.data if trace.mode == "lines"])
    assert set(np.abs(lines[np.isfinite(lines)])) == {1, 2, 3}


def test_classes_are_named_near_their_codes_and_names_do_not_cover_each_other():
    far = PLACES.numpy() * [[1, 1], [5, 5], [1, 1]]
    assert [(note["x"], note["y"]) for note in class_notes(far, LABELS.numpy(), NAMES, 20.0)] == [(10, 15), (-10, 3)]
    notes = class_notes(PLACES.numpy(), LABELS.numpy(), ("0", "1", "2"), 20.0)
    assert {note["name"] for note in notes} == {"0", "1"}
    crowd = np.repeat(np.random.default_rng(0).normal(0, 0.05, (10, 2)), 2, 0) + np.tile([[-9.0, 0], [9.0, 0]], (10, 1))
    notes = class_notes(crowd, np.repeat(np.arange(10), 2), [str(n) for n in range(10)], 10.0)
    at = np.array([(note["x"], note["y"]) for note in notes])
    distances = np.linalg.norm(at[:, None] - at[None], axis=2)[np.triu_indices(10, 1)]
    assert len(notes) == 10 and distances.min() > 0.7 * 0.085 * 20


def test_a_spot_too_small_for_names_has_none():
    assert class_notes(PLACES.numpy() / 100, LABELS.numpy(), NAMES, 20.0) == []
    assert class_notes(np.zeros((0, 2)), np.zeros(0, int), NAMES, 3.0) == []


@pytest.mark.parametrize(("columns", "picture", "rows"), [(1, "both", 2), (3, "both", 2), (4, "codes", 1), (2, "manifold", 1)])
def test_planes_are_squares_in_a_figure_of_the_shape_that_the_style_sheet_knows(columns, picture, rows):
    layout = planes([panel()] * columns, picture).layout
    width, height = shape(columns, rows)
    for number in range(1, columns * rows + 1):
        name = "" if number == 1 else number
        x, y = layout[f"xaxis{name}"].domain, layout[f"yaxis{name}"].domain
        assert (x[1] - x[0]) * width == pytest.approx((y[1] - y[0]) * height) == pytest.approx(1)
    sheet = (ROOT / "ui" / "shell" / "style.css").read_text()
    assert f'planes_{columns}x"] {{ --wide: {width:.2f}; }}' in sheet and f'"x{rows}"] {{ --high: {height:.2f}; }}' in sheet


def test_a_window_shows_the_prior_and_all_but_stray_codes():
    assert window_of(None, (0.0, 0.0)) == window_of(torch.zeros(5, 2), (0.0, 0.0)) == Window((0.0, 0.0), 3.5)
    aside = torch.cat([torch.full((500, 2), -1.0), torch.tensor([[-1.0, -30.0]] * 500)])
    window = window_of(aside, (0.0, 0.0))
    assert window.range(1) == [-30, 3.5] and window.half == 16.75 and window.middle[0] == 0
    stray = torch.cat([torch.zeros(9999, 2), torch.tensor([[1000.0, 0.0]])])
    assert window_of(stray, (0.0, 0.0)).half == 3.5
    assert window_of(None, (5.0, 0.0)).range(0) == [1.5, 8.5]


def test_the_square_around_windows_holds_each():
    windows = [Window((0.0, 0.0), 3.5), Window((-10.0, 4.0), 5.0)]
    shared = around(windows)
    assert around([shared]) == shared and around(windows[:1]) == windows[0] and around([]).half == 3.5
    for window in windows:
        for axis in (0, 1):
            assert shared.range(axis)[0] <= window.range(axis)[0] < window.range(axis)[1] <= shared.range(axis)[1]
