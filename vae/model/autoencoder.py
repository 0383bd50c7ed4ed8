"""Encoder, decoder and posterior of a variational autoencoder (Kingma and Welling 2014, arXiv 1312.6114)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vae.config import ModelConfig
from vae.data.inputs import as_codes, as_pixels
from vae.device import moved
from vae.errors import ConfigError
from vae.model.lattice_encoder import LatticeEncoder
from vae.model.likelihood import likelihood_of
from vae.model.networks import FourierFeatures, conv_decoder, conv_encoder, initialise, mlp_decoder, mlp_encoder

MOST_PARAMETERS = 100_000_000


@dataclass(frozen=True)
class Posterior:
    """q(z given x): a diagonal Gaussian for each image, `mean` and `log_variance` of shape (N, D)."""

    mean: Tensor
    log_variance: Tensor

    @property
    def standard_deviation(self) -> Tensor:
        """(N, D), positive."""
        return (self.log_variance / 2).exp()

    def sample(self, epsilon: Tensor) -> Tensor:
        """z = mean + exp(log_variance / 2) * epsilon, for standard normal `epsilon` of shape (..., N, D)."""
        return self.mean + self.standard_deviation * epsilon

    def to(self, like: Tensor) -> Posterior:
        """The same in the precision of a tensor, where that is."""
        return Posterior(moved(self.mean, like), moved(self.log_variance, like))

    @property
    def on_cpu(self) -> Posterior:
        """The same on the CPU."""
        return Posterior(self.mean.cpu(), self.log_variance.cpu())


class VAE(nn.Module):
    """A variational autoencoder with a standard normal prior over D latent dimensions and a diagonal posterior.

    `conv` is the example of the Keras documentation, `mlp` a stack of dense layers; see `ModelConfig`. Where there is a
    `lookup` the encoder's dense layers see what it finds, and say where the posterior lies in units of its spacing.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.likelihood = likelihood_of(config)
        features = FourierFeatures(config.fourier_features)
        inputs = config.latent * (1 + 2 * config.fourier_features)
        self.lookup = None
        if config.encoder_lattice is not None:
            self.lookup = LatticeEncoder(config.encoder_lattice, features)
        conv = config.architecture == "conv"
        self.encoder, width = conv_encoder(config) if conv else mlp_encoder(config, self.lookup)
        self.mean_head = nn.Linear(width, config.latent)
        self.log_variance_head = nn.Linear(width, config.latent)
        self.decoder = nn.Sequential(features, (conv_decoder if conv else mlp_decoder)(config, inputs))
        self.apply(initialise)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mean_head.weight.device

    def as_input(self, images: Tensor | np.ndarray) -> Tensor:
        """Images (N, C, H, W) in [0, 1] as this model takes them: where its weights are. Raises `InputError` on others."""
        return as_pixels(images, self.mean_head.weight)

    def encode(self, images: Tensor | np.ndarray) -> Posterior:
        """q(z given x) of images (N, C, H, W) in [0, 1]; mean and log variance are (N, D). Raises `InputError` on others."""
        return self.posterior_of(self.as_input(images))

    def posterior_of(self, images: Tensor) -> Posterior:
        """As `encode`, of images that are known to be such as `as_input` gives: the device is not waited for."""
        if self.lookup is None:
            return self._posterior(self.encoder(images), images.dtype)
        self.lookup.ensure_fresh(self.decoder, self.decode_parameters, self.likelihood)
        found, spacing = self.lookup.find(images), self.lookup.spacing
        beside = self._posterior(self.encoder(found.seen), images.dtype)
        return Posterior(found.place + spacing * beside.mean, 2 * math.log(spacing) + beside.log_variance)

    def refresh_lookup(self, shift: int = 0) -> None:
        """Let a `lookup`, if there is one, know the decoder as it is now, as a training does every so often."""
        if self.lookup is not None:
            self.lookup.refresh(self.decoder, self.decode_parameters, self.likelihood, shift)

    def _posterior(self, hidden: Tensor, dtype: torch.dtype) -> Posterior:
        heads = (self.mean_head, self.log_variance_head)  # in one product: two of so few columns take twice as long
        weight, bias = torch.cat([head.weight for head in heads]), torch.cat([head.bias for head in heads])
        both = functional.linear(hidden, weight, bias)
        both = both.to(dtype)  # layers may multiply in bf16, sums are never taken in it
        return Posterior(*both.chunk(2, 1))

    def decode_parameters(self, z: Tensor) -> Tensor:
        """The likelihood's parameters (Bernoulli: logits) for z (N, D), as (N, C, H, W)."""
        return self.decoder(z).to(z.dtype)

    def decode(self, z: Tensor | np.ndarray) -> Tensor:
        """Mean pixels in [0, 1], (N, C, H, W), of z (N, D). Raises `InputError` on other shapes."""
        z = as_codes(z, self.config.latent, self.mean_head.weight)
        return self.likelihood.mean(self.decode_parameters(z))

    def init_from(self, other: VAE) -> None:
        """Take over another model's weights: all of one of the same shape, the decoder's where the encoders differ.

        Raises `ConfigError` where the models differ in anything else.
        """
        any_encoder: dict[str, Any] = {"encoder_widths": None, "encoder_lattice": None}
        ours, theirs = (dataclasses.replace(model.config, **any_encoder) for model in (self, other))
        if ours != theirs:
            raise ConfigError(f"The run to start from decodes by {theirs}, this one by {ours}; ask for the same decoder.")
        if self.config == other.config:
            self.load_state_dict(other.state_dict())
        else:
            self.decoder.load_state_dict(other.decoder.state_dict())


def build_model(config: ModelConfig, seed: int = 0) -> VAE:
    """A new model on the CPU whose initial weights depend on `seed` alone; global random state is left as it was.

    Raises `ConfigError` where the model would have more than a hundred million parameters.
    """
    parameters = parameters_of(config)
    if parameters > MOST_PARAMETERS:
        raise ConfigError(
            f"The model would have {parameters:,} parameters; the most is {MOST_PARAMETERS:,}, so ask for narrower or "
            "fewer layers."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(config).eval()


def parameters_of(config: ModelConfig) -> int:
    """How many numbers training adjusts in such a model, which is not made for it."""
    with torch.device("meta"):
        return count_parameters(VAE(config))


def count_parameters(module: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(parameter.numel() for parameter in module.parameters())
