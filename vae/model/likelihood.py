"""The decoder's distribution over pixels, p(x given z): Bernoulli, or Gaussian with a fixed scale.

Both are exponential families in the pixels, so that many images meet many z in one product of matrices:

    log p(x given z) = x . natural(z) - log_normaliser(z) + log_base(x)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vae.config import ModelConfig


class Likelihood:
    """What both have in common: pairs of pictures and of parameters, by the exponential family's formula."""

    mean: Callable[[Tensor], Tensor]
    natural: Callable[[Tensor], Tensor]
    log_normaliser: Callable[[Tensor], Tensor]
    log_base: Callable[[Tensor], Tensor]

    def log_prob_of_each(self, parameters: Tensor, images: Tensor) -> Tensor:
        """log p(x given z) in nats of every image under all parameters, (N, P), of (P, C, H, W) and images (N, C, H, W)."""
        return self.log_prob_of_families(self.natural(parameters), self.log_normaliser(parameters), images)

    def log_prob_of_families(self, natural: Tensor, log_normaliser: Tensor, images: Tensor) -> Tensor:
        """The same from natural parameters (P, pixels) and their log normalisers (P,), which can be kept between calls."""
        return (images.flatten(1) @ natural.T - log_normaliser).add_(self.log_base(images)[:, None])


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels, given by their logits.

    Grey pixels in [0, 1] are taken as probabilities of white: the term is then minus the cross-entropy, the expected
    log-likelihood of the picture with its pixels binarised at random.
    """

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean pixels in [0, 1] of logits of any shape."""
        return parameters.sigmoid()

    def log_prob(self, parameters: Tensor, images: Tensor) -> Tensor:
        """log p(x given z) in nats per image, shape (N,), of logits and pixels in [0, 1], both (N, C, H, W).

        log p = sum over pixels of x * l - log(1 + exp(l)), computed from the logits l, so it never overflows.
        """
        return (images * parameters - functional.softplus(parameters)).flatten(1).sum(1)

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Images of black and white pixels from p(x given z), of the shape of the logits."""
        return torch.bernoulli(self.mean(parameters), generator=generator)

    def natural(self, parameters: Tensor) -> Tensor:
        """The logits, (P, pixels)."""
        return parameters.flatten(1)

    def log_normaliser(self, parameters: Tensor) -> Tensor:
        """Sum over pixels of log(1 + exp(l)), (P,)."""
        return self.log_normaliser_of(self.natural(parameters))

    def log_normaliser_of(self, natural: Tensor) -> Tensor:
        """The same from the natural parameters, (P,)."""
        return functional.softplus(natural).sum(1)

    def log_base(self, images: Tensor) -> Tensor:
        """Zero for every image, (N,)."""
        return images.new_zeros(len(images))


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Independent Gaussian pixels of one fixed `scale` (their standard deviation); the mean is kept in [0, 1]."""

    scale: float

    def mean(self, parameters: Tensor) -> Tensor:
        """Mean pixels in [0, 1]: the sigmoid of the decoder's output."""
        return parameters.sigmoid()

    def log_prob(self, parameters: Tensor, images: Tensor) -> Tensor:
        """log p(x given z) in nats per image, shape (N,): a log density of pixel values, so it can exceed zero.

        log p = - sum over pixels of (x - mean)^2 / (2 scale^2) + log(scale) + log(2 pi) / 2
        """
        squared_error = (images - self.mean(parameters)).square().flatten(1)
        constant = squared_error.shape[1] * (math.log(self.scale) + math.log(2 * math.pi) / 2)
        return -squared_error.sum(1) / (2 * self.scale**2) - constant

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Images from p(x given z), of the shape of the decoder's output; pixels may lie beyond [0, 1]."""
        mean = self.mean(parameters)
        return mean + self.scale * torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)

    def natural(self, parameters: Tensor) -> Tensor:
        """mean / scale^2, (P, pixels)."""
        return self.mean(parameters).flatten(1) / self.scale**2

    def log_normaliser(self, parameters: Tensor) -> Tensor:
        """Sum over pixels of mean^2 / (2 scale^2), (P,)."""
        return self.log_normaliser_of(self.natural(parameters))

    def log_normaliser_of(self, natural: Tensor) -> Tensor:
        """The same from the natural parameters, (P,)."""
        return natural.square().sum(1) * self.scale**2 / 2

    def log_base(self, images: Tensor) -> Tensor:
        """log p of the image under a mean of zero, (N,)."""
        squares = images.square().flatten(1)
        constant = squares.shape[1] * (math.log(self.scale) + math.log(2 * math.pi) / 2)
        return -squares.sum(1) / (2 * self.scale**2) - constant


def likelihood_of(config: ModelConfig) -> Bernoulli | Gaussian:
    """The likelihood that a model was asked to have."""
    return Bernoulli() if config.likelihood == "bernoulli" else Gaussian(config.scale)
