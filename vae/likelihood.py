"""The decoder's distribution over pixels, p(x given z): Bernoulli, or Gaussian with a fixed scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from vae.config import ModelConfig


@dataclass(frozen=True)
class Bernoulli:
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


@dataclass(frozen=True)
class Gaussian:
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


def likelihood_of(config: ModelConfig) -> Bernoulli | Gaussian:
    """The likelihood that a model was asked to have."""
    return Bernoulli() if config.likelihood == "bernoulli" else Gaussian(config.scale)
