"""The denoiser: what a noisy code was before noise was added, on average.

    D(x; s) = E[u given u + s epsilon = x],   score of the noisy codes:  grad log p(x; s) = (D(x; s) - x) / s^2

The second is Tweedie's formula (Robbins 1956; Vincent 2011), which makes denoising the same as knowing the score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

LEVEL_WAVES = torch.arange(1, 9).float() / 2

Denoise = Callable[[Tensor, Tensor], Tensor]
"""From x (N, D) and noise levels s (N, 1) to D(x; s), (N, D)."""

SPREAD = 1.0
"""The standard deviation of standardised codes."""


@dataclass(frozen=True)
class DenoiserConfig:
    """The shape of a denoiser of D latent dimensions that knows some classes.

    `width` and `layers` are those of its residual blocks, `features` how many waves it sees of a code.
    """

    latent: int
    classes: int
    width: int = 192
    layers: int = 4
    features: int = 64


class Denoiser(nn.Module):
    """A small residual network, preconditioned as in Karras et al. 2022 (arXiv 2206.00364), table 1.

        D(x; s) = c_skip(s) x + c_out(s) F(c_in(s) x, waves(x, s), s, class)

    The class may be left out: label `classes` stands for none.
    """

    waves: Tensor

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("waves", torch.zeros(config.latent, config.features))  # the trainer chooses them
        inputs = config.latent + 2 * config.features
        self.enter = nn.Linear(inputs, config.width)
        seen = 2 * len(LEVEL_WAVES) + 1
        self.level = nn.Sequential(nn.Linear(seen, config.width), nn.SiLU(), nn.Linear(config.width, config.width))
        self.label = nn.Embedding(config.classes + 1, config.width)
        self.blocks = nn.ModuleList(Block(config.width) for _ in range(config.layers))
        self.leave = nn.Linear(config.width, config.latent)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.waves.device

    def guided(self, label: int | None = None, weight: float = 1.0) -> Denoise:
        """D for all classes together, or led to one by classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).

        D = D(x; s) + weight (D(x; s, class) - D(x; s)),   so `weight` 1 leaves the class's own D as it is
        """

        def denoise(x: Tensor, level: Tensor) -> Tensor:
            without = torch.full((len(x),), self.config.classes, device=x.device)
            if label is None or weight == 0:
                return self(x, level, without)
            known = self(x, level, torch.full_like(without, label))
            if weight == 1:
                return known
            plain = self(x, level, without)
            return plain + weight * (known - plain)

        return denoise

    def forward(self, x: Tensor, level: Tensor, label: Tensor) -> Tensor:
        variance = level.square() + SPREAD**2
        skip, out = SPREAD**2 / variance, level * SPREAD / variance.sqrt()
        return skip * x + out * self.network(x, level, label)

    def target(self, u: Tensor, x: Tensor, level: Tensor) -> Tensor:
        """What `network` has to be for D(x; s) to be u, (N, D)."""
        variance = level.square() + SPREAD**2
        return (u - SPREAD**2 / variance * x) * variance.sqrt() / (level * SPREAD)

    def network(self, x: Tensor, level: Tensor, label: Tensor) -> Tensor:
        """F, (N, D): near the standard normal in its size at every noise level."""
        phase = x @ self.waves
        damping = (-0.5 * level.square() * self.waves.square().sum(0)).exp()
        seen = torch.cat([x / (level.square() + SPREAD**2).sqrt(), damping * phase.sin(), damping * phase.cos()], 1)
        log_level = level.log() / 4
        angles = log_level * math.pi * LEVEL_WAVES.to(x)
        condition = self.level(torch.cat([log_level, angles.sin(), angles.cos()], 1)) + self.label(label)
        hidden = self.enter(seen)
        for block in self.blocks:
            hidden = block(hidden, condition)
        return self.leave(nn.functional.silu(hidden))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        return hidden + self.second(nn.functional.silu(self.first(nn.functional.silu(hidden + condition))))
