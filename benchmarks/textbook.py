"""The loop that tutorials show, to measure ours against."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler
from torchvision import datasets, transforms

from vae.config import ModelConfig
from vae.data.datasets import data_folder
from vae.model.autoencoder import build_model
from vae.training.trainer import order_of_epoch

BATCH, LEARNING_RATE, SEED = 128, 1e-3, 0


class OurOrder(Sampler[int]):
    """Each epoch's order as our loop has it, so that two trainings differ in arithmetic alone."""

    def __init__(self, images: int) -> None:
        self.images, self.epochs = images, itertools.count()

    def __len__(self) -> int:
        return self.images

    def __iter__(self) -> Iterator[int]:
        yield from order_of_epoch(self.images, SEED, next(self.epochs)).tolist()


class TextbookLoop:
    """A DataLoader over torchvision's MNIST, torch's Adam at 1e-3, the loss written out; initial weights and noise are ours."""

    def __init__(self, config: ModelConfig, device: torch.device, batch_size: int = BATCH) -> None:
        mnist = datasets.MNIST(data_folder(), train=True, transform=transforms.ToTensor())
        self.loader = DataLoader(mnist, batch_size, sampler=OurOrder(len(mnist)))
        self.device = device
        self.model = build_model(config, SEED).to(device).train()
        self.noise = torch.Generator(device).manual_seed(SEED)
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
        epsilon = torch.randn(posterior.mean.shape, generator=self.noise, device=self.device)
        z = posterior.mean + torch.exp(posterior.log_variance / 2) * epsilon
        logits = self.model.decode_parameters(z)
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        kl = 0.5 * (posterior.log_variance.exp() + posterior.mean**2 - 1 - posterior.log_variance).sum()
        loss = (cross_entropy + kl) / len(images)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        loss.item()
