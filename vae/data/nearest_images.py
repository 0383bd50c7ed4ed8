"""Nearest neighbours among images, by the distance between their pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from vae.data.datasets import pixels
from vae.data.inputs import as_labels, as_stored

IMAGES_AT_A_TIME = 10_000


class PixelNeighbours:
    """Labelled uint8 images (N, C, H, W) to look for neighbours among, on one device. Raises `InputError` on others."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = as_stored(images).flatten(1)
        self.labels = as_labels(labels, images)

    def nearest_labels(self, images: Tensor, count: int) -> Tensor:
        """The labels of the `count` nearest images of each of uint8 `images` (M, C, H, W), nearest first, (M, count)."""
        wanted = pixels(as_stored(images)).flatten(1)
        best = wanted.new_full((len(wanted), count), torch.inf)
        labels = self.labels.new_full((len(wanted), count), -1)
        for part, named in zip(self.images.split(IMAGES_AT_A_TIME), self.labels.split(IMAGES_AT_A_TIME), strict=True):
            there = pixels(part)
            distances = there.square().sum(1) - 2 * wanted @ there.T  # but for what is the same for all of them
            together = torch.cat([best, distances], 1)
            all_labels = torch.cat([labels, named.expand(len(wanted), -1)], 1)
            best, index = together.topk(count, 1, largest=False)
            labels = all_labels.gather(1, index)
        return labels

    def agreement(self, images: Tensor, count: int) -> Tensor:
        """The share of the nearest `count` images that have the commonest label among them, (M,)."""
        labels = self.nearest_labels(images, count)
        return (labels[:, :, None] == labels[:, None]).sum(2).amax(1) / count
