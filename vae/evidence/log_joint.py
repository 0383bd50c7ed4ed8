"""log p(x, z) of many images at many places of the latent plane."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.bounded_cache import BoundedCache
from vae.errors import ExplorerError
from vae.evidence.chebyshev_tiles import ChebyshevTiles
from vae.model.autoencoder import VAE
from vae.model.elbo import log_prior
from vae.model.inference import with_channels_last

NOT_FINITE = "The decoder of this run gives no finite numbers, so there is no evidence; train it anew."
POINTS_AT_A_TIME, POINTS_SUMMED = 64, 4096
"""Points decoded at a time, which the processor's caches decide, and summed over at a time, for which memory is taken."""


class EvidenceError(ExplorerError):
    """The evidence of an image cannot be computed."""


class LogJoint:
    """log p(x, z) = log p(x given z) + log p(z), in nats, of images (N, C, H, W) in [0, 1] at any points of the plane."""

    def __init__(self, model: VAE, kept: BoundedCache | None = None) -> None:
        """Tiles of what was decoded go into `kept`; without it, every place is decoded."""
        weight = next(model.parameters())
        self.like = weight.new_empty(0)
        self.likelihood = model.likelihood
        self.model = with_channels_last(model)
        self.tiles = ChebyshevTiles(self._parameters, model.likelihood, kept) if kept else None

    def pixels(self, images: Tensor) -> Tensor:
        """The images in the model's precision, where the model is. Raises `InputError` on other shapes and ranges."""
        return self.model.as_input(images)

    @torch.no_grad()
    def decode(self, z: Tensor, exactly: bool = False) -> Decoded:
        """What all images need to know of points z (P, 2), `exactly` or as well as tiles say it."""
        parameters = self._parameters(z) if exactly or self.tiles is None else self.tiles.parameters(z.double())
        natural, z = self.likelihood.natural(parameters), z.to(self.like)
        normalisers = [self.likelihood.log_normaliser(part) for part in parameters.split(POINTS_SUMMED)]
        offset = log_prior(z) - torch.cat(normalisers)
        if not offset.isfinite().all():
            raise EvidenceError(NOT_FINITE)
        return Decoded(natural, offset)

    def _parameters(self, z: Tensor) -> Tensor:
        """The likelihood's parameters at z (P, 2), decoded one and all, (P, pixels)."""
        parts = (self.model.decode_parameters(part).flatten(1) for part in z.to(self.like).split(POINTS_AT_A_TIME))
        first = next(parts)
        parameters = first.new_empty(len(z), first.shape[1])  # and no list of all parts beside it, for lack of memory
        for place, part in zip(parameters.split(POINTS_AT_A_TIME), itertools.chain([first], parts), strict=True):
            place.copy_(part)
        return parameters

    def log_prob(self, decoded: Decoded, images: Tensor) -> Tensor:
        """(N, P) in nats."""
        return self.likelihood.log_prob_of_families(decoded.natural, -decoded.offset, images)


@dataclass(frozen=True)
class Decoded:
    """P points of the plane: natural parameters (P, pixels), and log p(z) less the likelihood's log normaliser (P,)."""

    natural: Tensor
    offset: Tensor
