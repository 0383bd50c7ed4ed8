"""Where on the plane the decoder draws an image best: what an encoder can look up rather than know by heart.

Many images have several places that explain them about as well, and a network that has seen its training images alone often
takes the wrong one for an image it has not seen. Both likelihoods are exponential families in the pixels, so log p(x, z) at
all points of a lattice is one product of matrices, as in the generative topographic mapping (Bishop, Svensen and Williams
1998, doi 10.1162/089976698300017953). A posterior is then placed at the best point, and dense layers tell from the numbers
around that point how far beside it the mean lies and how wide the posterior is.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vae.likelihood import Likelihood

REACH = 4.2
"""The lattice fills the square from -REACH to REACH."""

BESIDE = 3
"""How many points to every side of the best one are looked at; so many at the edge of the lattice are never the best."""

STEPS_BETWEEN_REFRESHES = 50
"""In training, during which the decoder moves on."""

SHIFTS = (0.7548776662466927, 0.5698402909980532)
"""Of the spacing along both axes: multiples of these, modulo 1, fill the square evenly (the R2 sequence of Roberts, 2018)."""

IMAGES_AT_A_TIME = 1024

WIDE, NARROW, HIGHEST = 10.0, 3.0, 3.0
"""Nats: differences are seen in units of WIDE, down to -3; and as e^(difference / NARROW), up to HIGHEST."""


@dataclass(frozen=True)
class Found:
    """For N images the best `place` (N, 2) on the lattice, and what dense layers are to see of it, (N, inputs)."""

    place: Tensor
    seen: Tensor


class Lookup(nn.Module):
    """The decoder's images on a lattice of `side` x `side` points, and where on it other images are found.

    What is kept of the decoder is no weight: no optimiser moves it and no file holds it, but `refresh` makes it anew. With a
    weight `beta` of the KL term the objective is best at another place, so that log p(x given z) + beta log p(z) is what is
    compared, divided by beta where that exceeds 1, as what is then sought is as much wider.
    """

    def __init__(self, side: int, pixels: int, features: nn.Module) -> None:
        """`features` (N, 2) to (N, F) tell the dense layers which place it is."""
        super().__init__()
        self.side, self.spacing, self.features = side, 2 * REACH / side, features
        line = (torch.arange(side) - (side - 1) / 2) * self.spacing
        self.register_buffer("centred", torch.cartesian_prod(line, line), persistent=False)
        steps = torch.arange(-BESIDE, BESIDE + 1)
        self.register_buffer("places", self.centred.clone(), persistent=False)
        self.register_buffer("natural", torch.zeros(side**2, pixels), persistent=False)
        self.register_buffer("log_normaliser", torch.zeros(side**2), persistent=False)
        self.register_buffer("beta", torch.ones(()))
        self.register_buffer("beside", (steps[:, None] * side + steps).flatten(), persistent=False)
        self.fresh = False

    @property
    def inputs(self) -> int:
        """How many numbers the dense layers see."""
        return self.features(self.places[:1]).shape[1] + 2 * len(self.beside)

    @torch.no_grad()
    def refresh(self, decode: Callable[[Tensor], Tensor], likelihood: Likelihood, shift: int = 0) -> None:
        """Decode the lattice by `decode`, the likelihood's parameters of z (N, 2). In place, so that recorded steps see it.

        Every other `shift` puts the lattice elsewhere, by less than its spacing: a decoder that is trained with a lattice that
        stays learns to draw images best at its very points.
        """
        for axis, ratio in enumerate(SHIFTS):
            self.places[:, axis] = self.centred[:, axis] + ((0.5 + shift * ratio) % 1 - 0.5) * self.spacing
        for first in range(0, len(self.places), IMAGES_AT_A_TIME):
            rows = slice(first, first + IMAGES_AT_A_TIME)
            parameters = decode(self.places[rows])
            self.natural[rows] = likelihood.natural(parameters)
            self.log_normaliser[rows] = likelihood.log_normaliser(parameters)
        self.fresh = True

    def set_beta(self, beta: float | Tensor) -> None:
        """Look for what is best with this weight of the KL term."""
        self.beta.copy_(beta) if isinstance(beta, Tensor) else self.beta.fill_(beta)

    @torch.no_grad()
    def find(self, images: Tensor) -> Found:
        """Where images (N, C, H, W) in [0, 1] are found."""
        places, around = zip(*map(self._find, images.flatten(1).split(IMAGES_AT_A_TIME)), strict=True)
        place, around = torch.cat(places), torch.cat(around)
        wide, narrow = (around / WIDE).clamp(-3, 3), (around / NARROW).clamp_max(math.log(HIGHEST)).exp()
        return Found(place, torch.cat([self.features(place), wide, narrow], 1))

    def _find(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The best places (N, 2), and log p(x, z) around them less that at them, (N, (2 BESIDE + 1)^2), in nats."""
        offset = self.log_normaliser + self.beta * self.places.square().sum(1) / 2
        with torch.autocast(pixels.device.type, enabled=False):  # bf16 would be off by as much as what is told apart
            scores = functional.linear(pixels, self.natural, -offset)
        inner = self.side - 2 * BESIDE
        inside = scores.view(-1, self.side, self.side)[:, BESIDE:-BESIDE, BESIDE:-BESIDE]
        best = inside.flatten(1).argmax(1, keepdim=True)
        best = (best // inner + BESIDE) * self.side + best % inner + BESIDE
        around = scores.gather(1, best + self.beside) - scores.gather(1, best)
        return self.places[best[:, 0]], around / self.beta.clamp_min(1)

    def state(self) -> dict[str, Tensor]:
        """What is kept of the decoder, for a training that is resumed between two refreshes."""
        return {"places": self.places, "natural": self.natural, "log_normaliser": self.log_normaliser}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on with what `state` gave. Raises `KeyError` and `RuntimeError` on anything else."""
        for name, value in self.state().items():
            value.copy_(state[name])
        self.fresh = True

    @contextlib.contextmanager
    def left_as_it_is(self) -> Iterator[None]:
        """Let what is kept be refreshed meanwhile, and take that back."""
        before, fresh = {name: value.clone() for name, value in self.state().items()}, self.fresh
        try:
            yield
        finally:
            self.restore(before)
            self.fresh = fresh
