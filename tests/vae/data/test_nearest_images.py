"""Nearest images by their pixels, against a brute-force search."""

import torch

from vae.data.nearest_images import PixelNeighbours


def test_the_nearest_are_those_of_a_brute_force_search(digits):
    train, held_out = digits.train, digits.held_out
    neighbours = PixelNeighbours(train.images, train.labels)
    labels = neighbours.nearest_labels(held_out.images[:20], 5)
    distances = torch.cdist(held_out.images[:20].flatten(1).double(), train.images.flatten(1).double())
    assert torch.equal(labels, train.labels[distances.argsort(1)[:, :5]])
    assert (labels.mode(1).values == held_out.labels[:20]).float().mean() >= 0.9


def test_it_looks_among_all_parts(monkeypatch, digits):
    whole = PixelNeighbours(digits.train.images, digits.train.labels).nearest_labels(digits.held_out.images[:10], 3)
    monkeypatch.setattr("vae.data.nearest_images.IMAGES_AT_A_TIME", 100)
    parts = PixelNeighbours(digits.train.images, digits.train.labels).nearest_labels(digits.held_out.images[:10], 3)
    assert torch.equal(whole, parts)


def test_agreement_is_the_share_of_the_commonest_label():
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 28, 28)
    neighbours = PixelNeighbours(images, torch.tensor([0, 0, 0, 1, 1, 2]))
    assert neighbours.agreement(images[:1], 3).item() == 1.0
    assert neighbours.agreement(images[5:], 3).item() == torch.tensor(2 / 3).item()
