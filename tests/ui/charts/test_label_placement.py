"""Names of classes lie on no other's, and near their codes."""

import numpy as np
import pytest

from ui.charts.label_placement import CROWDED, apart, box_of, clusters_of, stand, stand_at_clusters

DIGITS = [str(digit) for digit in range(10)]
BOXES = [box_of(name, 22) for name in DIGITS]
GARMENTS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def uncovered(places: dict, names: list[str], font: float, pixel: float) -> bool:
    """Whether no two boxes overlap by more than a tenth of a line's height."""
    sizes = {label: pixel * np.array(box_of(names[label], font)) for label in places}
    over = [((sizes[a] + sizes[b]) / 2 - np.abs(places[a] - places[b])).min() for a in places for b in places if a < b]
    return max(over, default=0.0) < 0.1 * pixel * box_of("0", font)[1]


def test_boxes_are_moved_apart_no_farther_than_needed():
    middles, sizes = np.array([[0.0, 0.0], [4.0, 1.0], [100.0, 0.0]]), np.full((3, 2), 20.0)
    moved = apart(middles, sizes)
    assert (np.abs(moved[0] - moved[1]) >= 19.99).any() and moved[2].tolist() == [100.0, 0.0]
    assert np.abs(moved - middles).max() <= 10


@pytest.mark.parametrize(("names", "font"), [(DIGITS, 22), (GARMENTS, 16)])
@pytest.mark.parametrize("crowd", [0.0, 3.0, 30.0])
def test_names_of_classes_that_lie_in_each_other_can_all_be_read(names, font, crowd):
    generator = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    centres = generator.normal(0, crowd, (10, 2))
    places = centres[labels] + generator.normal(0, 60, (1000, 2))
    at = stand(places, labels, [box_of(name, font) for name in names])
    assert sorted(at) == list(range(10)) and uncovered(at, names, font, 1.0)
    farthest = max(np.linalg.norm(at[label] - np.median(places[labels == label], 0)) for label in at)
    assert farthest < 160


def test_a_name_that_covers_no_other_stands_at_the_median():
    labels = np.array([0, 0, 0, 1, 1, 1])
    places = np.array([[-90, 0], [-100, 5], [-170, 9], [100, 0], [110, 1], [190, -5]], float)
    at = stand(places, labels, BOXES)
    assert {label: place.tolist() for label, place in at.items()} == {0: [-100, 5], 1: [110, 0]}
    scaled = stand(places / 100, labels, BOXES, 0.01)
    assert scaled[0] == pytest.approx(at[0] / 100) and scaled[1] == pytest.approx(at[1] / 100)


def test_a_spot_smaller_than_its_names_has_none():
    places = np.random.default_rng(0).normal(0, 1, (500, 2))
    places /= places.std(0).max()
    labels = np.arange(500) % 10
    assert stand(0.99 * CROWDED * places, labels, BOXES) == {}
    assert len(stand(1.01 * CROWDED * places, labels, BOXES)) == 10
    assert stand(np.zeros((0, 2)), np.zeros(0, int), BOXES) == {}


def crowd_at(middles: list[tuple[float, float]], counts: list[int]) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.concatenate(
        [middle + 20 * generator.standard_normal((count, 2)) for middle, count in zip(middles, counts, strict=True)]
    )


def test_a_class_of_two_large_clusters_is_named_at_both():
    places = np.concatenate([crowd_at([(0, 0), (400, 100)], [300, 200]), crowd_at([(200, -300)], [300])])
    labels = np.repeat([0, 1], [500, 300])
    found = stand_at_clusters(places, labels, [(22, 36)] * 2)
    assert [label for label, _ in found] == [0, 0, 1]
    middles = np.stack([place for _, place in found])
    assert np.abs(middles - [(0, 0), (400, 100), (200, -300)]).max() < 10


def test_a_few_codes_apart_are_no_cluster_with_a_name():
    assert len(clusters_of(crowd_at([(0, 0), (400, 100)], [300, 20]), 14)) == 1
    assert len(clusters_of(crowd_at([(0, 0), (400, 100)], [20, 8]), 14)) == 1
