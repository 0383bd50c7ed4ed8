import base64
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from ui.charts.plane import ellipse
from ui.explore.posterior_closeup import SIZE, closeup

MEAN = torch.tensor([1.5, -0.5])
COVARIANCES = {
    "round": [[0.04, 0.0], [0.0, 0.04]],
    "flat": [[0.09, 0.0], [0.0, 0.0004]],
    "correlated": [[0.05, 0.03], [0.03, 0.04]],
    "against": [[0.02, -0.039], [-0.039, 0.08]],
}
each_covariance = pytest.mark.parametrize("covariance", COVARIANCES.values(), ids=COVARIANCES)


def drawn(covariance: list, samples: torch.Tensor, names: tuple[str, str] = ("z1", "z2")) -> ElementTree.Element:
    url = closeup(MEAN, torch.tensor(covariance), samples, names)
    prefix = "data:image/svg+xml;base64,"
    assert url.startswith(prefix)
    return ElementTree.fromstring(base64.b64decode(url[len(prefix) :]))


def named(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in svg if element.tag.endswith(name)]


def outline(svg: ElementTree.Element, kind: str) -> np.ndarray:
    path = next(element for element in named(svg, "path") if element.get("class") == kind)
    return np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", path.get("d")), float)


def pixels_per_unit(svg: ElementTree.Element) -> float:
    """From the bar and the length that is written beside it."""
    bar = next(element for element in named(svg, "path") if element.get("class") == "bar")
    length = next(
        float(text.text) for text in named(svg, "text") if re.fullmatch(r"[\d.e-]+", text.text) and text.get("x") == "8"
    )
    return float(bar.get("d").split("h")[1]) / length


@each_covariance
@pytest.mark.parametrize("radius", [1.0, 2.0])
def test_every_point_of_an_ellipse_is_at_its_mahalanobis_distance(covariance, radius):
    points = ellipse(MEAN, torch.tensor(covariance), radius)
    off = points - MEAN.double().numpy()
    inverse = np.linalg.inv(np.array(covariance))
    np.testing.assert_allclose(np.sqrt(np.einsum("ni,ij,nj->n", off, inverse, off)), radius, rtol=1e-3)
    np.testing.assert_allclose(np.abs(off).max(0), radius * np.sqrt(np.diag(covariance)), rtol=5e-3)  # it goes all round


def test_an_ellipse_without_a_second_variance_is_an_interval():
    points = ellipse(MEAN, torch.tensor([[0.25, 0.0], [0.0, 0.0]]), 2)
    assert points[:, 0].min() == pytest.approx(0.5, abs=1e-2) and points[:, 0].max() == pytest.approx(2.5, abs=1e-2)
    np.testing.assert_allclose(points[:, 1], MEAN[1].item(), atol=1e-9)


@each_covariance
def test_one_scale_for_both_axes_and_the_bar_tells_it(covariance):
    svg = drawn(covariance, torch.empty(0, 2))
    scale = pixels_per_unit(svg)
    for kind, radius in (("sigma1", 1), ("sigma2", 2)):
        points = outline(svg, kind)
        off = (points - SIZE / 2) / scale * (1, -1)  # up is up
        # A tenth of a pixel, the rounding in the file, is all that may be missing
        deviations = radius * np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(np.abs(off).max(0), deviations, atol=0.06 / scale + 0.006 * deviations.max())
        expected = np.linalg.eigvalsh(np.array(covariance)) * radius**2 / 2  # the mean of cos^2 is a half
        np.testing.assert_allclose(
            np.linalg.eigvalsh(np.cov(off[:-1].T, bias=True)), expected, atol=0.2 / scale * deviations.max()
        )
        assert np.sign(np.corrcoef(off[:-1].T)[0, 1]) == np.sign(covariance[0][1]) or covariance[0][1] == 0
    assert outline(svg, "sigma2").min() > 0 and outline(svg, "sigma2").max() < SIZE


def test_samples_are_numbered_and_where_they_belong():
    samples = MEAN + torch.tensor([[0.1, 0.2], [-0.6, 0.0], [0.0, -0.3]])
    svg = drawn(COVARIANCES["correlated"], samples)
    scale = pixels_per_unit(svg)
    dots = [[float(dot.get("cx")), float(dot.get("cy"))] for dot in named(svg, "circle")]
    seen = (np.array(dots) - SIZE / 2) / scale * (1, -1) + MEAN.numpy()
    np.testing.assert_allclose(seen, samples.numpy(), atol=0.2 / scale)
    assert np.array(dots).min() > 0 and np.array(dots).max() < SIZE
    assert [text.text for text in named(svg, "text") if text.get("class") == "number"] == ["1", "2", "3"]


def test_the_axes_are_named_and_a_strip_has_one():
    words = [text.text for text in named(drawn(COVARIANCES["round"], torch.empty(0, 2), ("PC1", "PC2")), "text")]
    assert "PC1 →" in words and "↑ PC2" in words
    words = [text.text for text in named(drawn([[0.04, 0.0], [0.0, 0.0]], torch.empty(0, 2), ("z1", "")), "text")]
    assert "z1 →" in words and not any("↑" in word for word in words)


def test_a_posterior_that_has_collapsed_to_a_point_can_be_drawn():
    points = outline(drawn([[0.0, 0.0], [0.0, 0.0]], MEAN[None].clone()), "sigma2")
    np.testing.assert_allclose(points, SIZE / 2)
