"""A plane as vectors: every code is where its axes say, in SVG and in PDF."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from tests.ui.conftest import scene_of
from ui.charts import paper, plane
from ui.charts.palette import LIGHT
from ui.explore import plane_chart

NAMES = ("a & b", "(c)")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(**options: object) -> paper.Drawing:
    places, labels = torch.tensor([[1.0, -2.0], [0.0, 3.0], [2.5, 2.5]]), torch.tensor([0, 1, 1])
    return paper.drawing(plane.scatter(places, labels, NAMES, plane.Axes(("z1", "z2"), 4.0), **options), pin=(0.0, 0.0))


def test_every_code_is_at_its_place_in_its_colour():
    text = drawn().svg().decode()
    assert all(text.count(LIGHT.classes[label]) >= 2 for label in (0, 1)) and "#0000" not in text.replace("#000000", "")
    root = ElementTree.fromstring(text)
    discs = [(float(one.get("cx")), float(one.get("cy"))) for one in root.iter(f"{SVG}circle")]
    left, top = paper.LEFT, paper.ABOVE
    unit = paper.SIDE / 8
    expected = [(left + unit * (x + 4), top + unit * (4 - y)) for x, y in ((1, -2), (0, 3), (2.5, 2.5))]
    assert discs == [pytest.approx(place, abs=0.01) for place in expected]
    words = [one.text for one in root.iter(f"{SVG}text")]
    assert {"z1", "z2", *NAMES, "\u22122", "0"} <= set(words)


def test_the_pdf_has_as_many_dots_and_the_same_words():
    content = drawn().pdf()
    assert content.startswith(b"%PDF") and content.endswith(b"%%EOF\n")
    table = int(content.rsplit(b"startxref", 1)[1].split()[0])
    offsets = [int(line.split()[0]) for line in content[table:].splitlines()[3:7]]
    assert [content[offset:].split()[0] for offset in offsets] == [b"1", b"2", b"3", b"4"]
    dots = re.findall(rb"(\S+ \S+) m (\S+ \S+) l", content)
    assert sum(start == end for start, end in dots) == 3
    assert rb"(\(c\))" in content and b"(a & b)" in content


def test_a_colouring_by_numbers_keeps_all_codes():
    root = ElementTree.fromstring(drawn(colour=np.array([0.5, 3.0, 9.0]), colour_name="KL term").svg())
    assert len(list(root.iter(f"{SVG}circle"))) == 3


@pytest.mark.parametrize("changes", [{}, {"scale": "quantile"}, {"colour": "kl"}, {"layers": ()}])
def test_a_run_s_plane_is_printed(digits_run, changes):
    scene = scene_of(digits_run, **changes)
    drawing = plane_chart.for_a_paper(scene)
    root = ElementTree.fromstring(drawing.svg())
    dashed = [line for line in root.iter(f"{SVG}polyline") if line.get("stroke-dasharray")]
    assert len(list(root.iter(f"{SVG}circle"))) == len(scene.snapshot.labels)
    assert len(dashed) == (0 if changes == {"layers": ()} else 3)
    assert drawing.pdf().startswith(b"%PDF")
