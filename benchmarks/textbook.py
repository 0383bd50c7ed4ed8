"""The loop that tutorials show, to measure ours against."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from vae import data
from vae.config import ModelConfig
from vae.model import build_model

BATCH, LEARNING_RATE = 128, 1e-3


class TextbookLoop:
    """A DataLoader over torchvision's MNIST, torch's Adam at 1e-3, batches of 128, the loss written out."""

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        mnist = datasets.MNIST(data.data_folder(), train=True, transform=transforms.ToTensor())
        self.loader = DataLoader(mnist, BATCH, shuffle=True)
        self.device = device
        self.model = build_model(config).to(device).train()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self._batches = self._endless()

    @property
    def steps_per_epoch(self) -> int:
        return len(self.loader)

    def take(self, steps: int) -> None:
        """So many steps."""
        self.model.train()
        for _ in range(steps):
            self._step(next(self._batches).to(self.device))

    def _endless(self) -> Iterator[Tensor]:
        while True:
            for images, _ in self.loader:
                yield images

    def _step(self, images: Tensor) -> None:
        posterior = self.model.encode(images)
        z = posterior.mean + torch.exp(posterior.log_variance / 2) * torch.randn_like(posterior.mean)
        logits = self.model.decode_parameters(z)
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        kl = 0.5 * (posterior.log_variance.exp() + posterior.mean**2 - 1 - posterior.log_variance).sum()
        loss = (cross_entropy + kl) / len(images)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        loss.item()
