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
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vae.device import in_single_precision
from vae.model.likelihood import Likelihood

REACH = 4.2
"""The best point is sought in the square from -REACH to REACH."""

BESIDE = 3
"""How many points to every side of the best one are looked at, for which the lattice goes on beyond that square."""

WIDE, NARROW, HIGHEST = 10.0, 3.0, 3.0
"""Nats: differences are seen in units of WIDE, down to -3; and as e^(difference / NARROW), up to HIGHEST."""

EARLY_STEPS = 500
"""Of a training, during which the decoder changes most."""

STEPS_BETWEEN_REFRESHES, EARLY_STEPS_BETWEEN_REFRESHES = 50, 5

SHIFTS = (0.7548776662466927, 0.5698402909980532)
"""Of the spacing along both axes: multiples of these, modulo 1, fill the square evenly (the R2 sequence of Roberts, 2018)."""

AT_A_TIME = 1024
"""Images that are looked up, and points that are decoded."""

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Found:
    """For N images the best `place` (N, 2) on the lattice, and what dense layers are to see of it, (N, inputs)."""

    place: Tensor
    seen: Tensor


class LatticeEncoder(nn.Module):
    """The decoder's images on a lattice, and at which of `side` x `side` points of it other images are found.

    What is kept of the decoder is no weight: no optimiser moves it and no file holds it, but `refresh` makes it anew. With a
    weight `beta` of the KL term the objective is best at another place, so that log p(x given z) + beta log p(z) is what is
    compared, divided by beta where that exceeds 1, as what is then sought is as much wider.
    """

    beta: Tensor
    line: Tensor
    beside: Tensor
    places: Tensor
    natural: Tensor
    log_normaliser: Tensor

    def __init__(self, side: int, features: nn.Module) -> None:
        """`features` (N, 2) to (N, F) tell the dense layers which place it is."""
        super().__init__()
        self.side, self.spacing, self.features = side, 2 * REACH / side, features
        self.across = side + 2 * BESIDE  # points along an axis in all
        steps = torch.arange(-BESIDE, BESIDE + 1)
        self.register_buffer("beta", torch.ones(()))
        self.register_buffer("line", (torch.arange(self.across) - (self.across - 1) / 2) * self.spacing)
        self.register_buffer("beside", (steps[:, None] * self.across + steps).flatten(), persistent=False)
        self.register_buffer("places", torch.cartesian_prod(self.line, self.line), persistent=False)
        self.register_buffer("natural", torch.empty(0), persistent=False)
        self.register_buffer("log_normaliser", torch.empty(0), persistent=False)
        self._seen_of: object = None
        """Of which weights of the decoder what is kept was made; None where nobody knows."""

    def __deepcopy__(self, memo: dict[int, Any]) -> LatticeEncoder:
        """The same with nothing kept: most copies of a model only decode."""
        copy = LatticeEncoder(self.side, self.features).to(self.line)
        copy.set_beta(self.beta)
        return copy.train(self.training)

    @property
    def inputs(self) -> int:
        """How many numbers the dense layers see."""
        return self.features(self.places[:1]).shape[1] + 2 * len(self.beside)

    @torch.no_grad()
    def refresh(self, decoder: nn.Module, decode: Callable[[Tensor], Tensor], likelihood: Likelihood, shift: int = 0) -> None:
        """Decode the lattice by `decode`, the likelihood's parameters of z (N, 2). In place, so that recorded steps see it.

        Every other `shift` puts the lattice elsewhere, by less than its spacing: a decoder that is trained with a lattice that
        stays learns to draw images best at its very points.
        """
        along, up = (self.line + ((0.5 + shift * ratio) % 1 - 0.5) * self.spacing for ratio in SHIFTS)
        self.places.copy_(torch.cartesian_prod(along, up))
        with in_single_precision(self.places.device):
            for first in range(0, len(self.places), AT_A_TIME):
                rows = slice(first, first + AT_A_TIME)
                parameters = decode(self.places[rows])
                natural = likelihood.natural(parameters)
                if not self.natural.numel():
                    self.natural = natural.new_empty(len(self.places), natural.shape[1])
                    self.log_normaliser = natural.new_empty(len(self.places))
                self.natural[rows], self.log_normaliser[rows] = natural, likelihood.log_normaliser(parameters)
        self._seen_of = _version_of(decoder)

    def ensure_fresh(self, decoder: nn.Module, decode: Callable[[Tensor], Tensor], likelihood: Likelihood) -> None:
        """Refresh what is kept where it is not that of the decoder's weights: once, whichever of several threads comes first.

        A training refreshes it every so often by itself, and for the steps between anything will do.
        """
        if not self._holds(decoder):
            with _ONE_AT_A_TIME:
                if not self._holds(decoder):
                    self.refresh(decoder, decode, likelihood)

    def _holds(self, decoder: nn.Module) -> bool:
        there = bool(self.natural.numel())
        return there and (self.training or self._seen_of == _version_of(decoder))

    def set_beta(self, beta: float | Tensor) -> None:
        """Look for what is best with this weight of the KL term."""
        self.beta.copy_(beta) if isinstance(beta, Tensor) else self.beta.fill_(beta)

    @torch.no_grad()
    def find(self, images: Tensor) -> Found:
        """Where images (N, C, H, W) in [0, 1] are found."""
        places, compared = zip(*map(self._find, images.flatten(1).split(AT_A_TIME)), strict=True)
        place, around = torch.cat(places), torch.cat(compared)
        wide, narrow = (around / WIDE).clamp(-3, 3), (around / NARROW).clamp_max(math.log(HIGHEST)).exp()
        return Found(place, torch.cat([self.features(place), wide, narrow], 1))

    def _find(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The best places (N, 2), and what is compared around them less that at them, (N, (2 BESIDE + 1)^2), in nats."""
        offset = self.log_normaliser + self.beta * self.places.square().sum(1) / 2
        # As `Likelihood.log_prob_of_families`, without what is the same at every point. Fewer digits would be off by as much as
        # what is told apart.
        with in_single_precision(pixels.device):
            scores = functional.linear(pixels, self.natural, -offset)
        inside = scores.view(-1, self.across, self.across)[:, BESIDE:-BESIDE, BESIDE:-BESIDE]
        best = inside.flatten(1).argmax(1, keepdim=True)
        best = (best // self.side + BESIDE) * self.across + best % self.side + BESIDE
        around = scores.gather(1, best + self.beside) - scores.gather(1, best)
        return self.places[best[:, 0]], around / self.beta.clamp_min(1)

    def state(self) -> dict[str, Tensor]:
        """What is kept of the decoder, for a training that is resumed between two refreshes."""
        return {name: getattr(self, name) for name in ("places", "natural", "log_normaliser")}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on with what `state` gave. Raises `KeyError` and `RuntimeError` where it is not that of such a lattice."""
        for name, kept in self.state().items():
            value = state[name]
            if len(value) != len(self.places):
                raise RuntimeError(f"{name} is of {len(value)} points; expected {len(self.places)}")
            setattr(self, name, kept.copy_(value) if kept.numel() else value.to(self.line, copy=True))
        self._seen_of = None

    @contextlib.contextmanager
    def left_as_it_is(self) -> Iterator[None]:
        """Let what is kept be refreshed meanwhile, and take that back."""
        before = {name: value.clone() for name, value in self.state().items()} if self.natural.numel() else None
        try:
            yield
        finally:
            if before is not None:
                self.restore(before)


def _version_of(module: nn.Module) -> tuple[tuple[int, int], ...]:
    """Where a module's weights are and how often each was changed, which torch counts but of those made in inference mode."""
    return tuple((weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in module.parameters())


def refreshes_before(step: int) -> int:
    """How many times a training has looked at its decoder anew before `step`."""
    early = min(step, EARLY_STEPS)
    return -(-early // EARLY_STEPS_BETWEEN_REFRESHES) + -(-(step - early) // STEPS_BETWEEN_REFRESHES)


def refresh_is_due(step: int) -> bool:
    """Whether a training does so at `step`."""
    return refreshes_before(step + 1) > refreshes_before(step)
