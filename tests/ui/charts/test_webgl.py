import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from ui.charts import plane, webgl
from ui.compare import plane_panels
from ui.diffusion import figures

PLANE = plane.Axes(("z1", "z2"), 3.0)
NAMES = tuple("abc")
COUNT = 9000


@pytest.fixture
def codes() -> tuple[torch.Tensor, torch.Tensor]:
    """Many codes, of which half, a third and a sixth are of the classes."""
    places = torch.randn(COUNT, 2, generator=torch.Generator().manual_seed(0))
    return places, torch.tensor([0, 0, 0, 1, 1, 2]).repeat(COUNT // 6)


def dots(figure: go.Figure) -> dict[int, tuple[float, float]]:
    return {
        int(probe): (float(x), float(y))
        for trace in figure.data
        for probe, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }


def notes(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations if note.name == "no-webgl"]


def test_a_part_of_the_codes_stays_where_it_is_with_its_numbers_each_class_by_the_same_share(codes):
    whole = plane.scatter(*codes, NAMES, PLANE)
    drawn = webgl.as_svg(whole)
    assert {trace.type for trace in drawn.data} == {"scatter"}
    assert [len(trace.x) for trace in drawn.data] == [1000, 667, 333]
    everything, kept = dots(whole), dots(drawn)
    assert all(everything[probe] == place for probe, place in kept.items())
    assert [trace.marker.color for trace in drawn.data] == [trace.marker.color for trace in whole.data]
    assert notes(drawn) == ["2,000 of 9,000 dots are drawn:<br>this browser has no WebGL."]
    names = [note.text for note in whole.layout.annotations]
    assert [note.text for note in drawn.layout.annotations][: len(names)] == names  # at the medians of all codes


def test_the_part_is_a_fair_one_and_always_the_same(codes):
    places, labels = codes
    first = dots(webgl.as_svg(plane.scatter(places, labels, NAMES, PLANE)))
    later = dots(webgl.as_svg(plane.scatter(places + 1, labels, NAMES, PLANE)))
    assert set(first) == set(later)
    kept = places[sorted(first)]
    assert (kept.mean(0) - places.mean(0)).abs().max() < 0.06 and (kept.std(0) - places.std(0)).abs().max() < 0.06


def test_colours_by_a_number_go_with_their_codes(codes):
    places, labels = codes
    values = places[:, 0].numpy()
    drawn = webgl.as_svg(plane.scatter(places, labels, NAMES, PLANE, colour=values, colour_name="KL term"))
    (trace,) = drawn.data
    assert len(trace.x) == webgl.MOST and np.allclose(trace.marker.color, values[trace.customdata])
    assert np.allclose(trace.marker.color, trace.x)
    assert (trace.marker.cmin, trace.marker.cmax) == tuple(np.quantile(values, [0.01, 0.99]).tolist())


def test_few_codes_are_all_drawn_and_nothing_is_said():
    places = torch.randn(364, 2, generator=torch.Generator().manual_seed(0))
    drawn = webgl.as_svg(plane.scatter(places, torch.arange(364) % 3, NAMES, PLANE))
    assert sum(len(trace.x) for trace in drawn.data) == 364 and not notes(drawn)


def test_planes_of_several_runs_share_the_dots_and_each_says_its_own(codes):
    places, labels = codes
    panels = [
        plane_panels.Panel(("z1", "z2"), plane_panels.Window(), NAMES, places[:count], labels[:count]) for count in (COUNT, 600)
    ]
    drawn = webgl.as_svg(plane_panels.planes(panels, "codes"))
    assert len(notes(drawn)) == 2 and notes(drawn)[0].startswith("1,8") and "of 600 dots" in notes(drawn)[1]
    axes = [(note.xref, note.yref) for note in drawn.layout.annotations if note.name == "no-webgl"]
    assert axes == [("x domain", "y domain"), ("x2 domain", "y2 domain")]
    whole = sum(len(trace.x) for trace in drawn.data if trace.mode == "markers")
    assert abs(whole - webgl.MOST) <= 2 * len(NAMES)


def test_arrows_stay_whole():
    places = np.random.default_rng(0).normal(size=(441, 2))
    generator = torch.Generator().manual_seed(0)
    dots, labels = torch.randn(1500, 2, generator=generator), torch.arange(1500) % 10
    whole = figures.score_fields(places, places, places, 3.0, dots, labels)
    drawn = webgl.as_svg(whole)
    for before, after in zip(whole.data, drawn.data, strict=True):
        if before.mode == "lines":
            assert np.array_equal(before.x, after.x, equal_nan=True) and after.type == "scatter"
        else:
            assert len(after.x) == 1000 and len(after.marker.color) == 1000
            colour_of = dict(zip(before.x.tolist(), before.marker.color, strict=True))
            assert [colour_of[x] for x in after.x.tolist()] == list(after.marker.color)
