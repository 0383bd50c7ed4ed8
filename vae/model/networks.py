"""Encoders and decoders: dense layers and convolutions, and how their weights begin."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vae.config import ModelConfig
from vae.data.inputs import IMAGE_SHAPE
from vae.model.lattice_encoder import LatticeEncoder

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class FourierFeatures(nn.Module):
    """z, and sin and cos of z, 2z, 4z, ... beside it: (N, D) to (N, D * (1 + 2 * count))."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, z: Tensor) -> Tensor:
        waves = [wave(2**octave * z) for octave in range(self.count) for wave in (torch.sin, torch.cos)]
        return torch.cat([z, *waves], 1)


def _dense_layers(config: ModelConfig, inputs: int, widths: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), ACTIVATIONS[config.activation]()]
        inputs = width
    return layers


def mlp_encoder(config: ModelConfig, lookup: LatticeEncoder | None) -> tuple[nn.Module, int]:
    """Dense layers on pixels, or on what a `lookup` finds, and how many numbers they give."""
    assert config.encoder_widths is not None  # of an mlp
    if lookup is not None:
        return nn.Sequential(*_dense_layers(config, lookup.inputs, config.encoder_widths)), config.encoder_widths[-1]
    layers = _dense_layers(config, math.prod(IMAGE_SHAPE), config.encoder_widths)
    return nn.Sequential(nn.Flatten(), *layers), config.encoder_widths[-1]


def mlp_decoder(config: ModelConfig, inputs: int) -> nn.Module:
    """Dense layers from (N, inputs) to the likelihood's parameters (N, C, H, W)."""
    assert config.decoder_widths is not None  # of an mlp
    layers = _dense_layers(config, inputs, config.decoder_widths)
    return nn.Sequential(*layers, nn.Linear(config.decoder_widths[-1], math.prod(IMAGE_SHAPE)), nn.Unflatten(1, IMAGE_SHAPE))


def conv_encoder(config: ModelConfig) -> tuple[nn.Module, int]:
    """That of the example in the Keras documentation, and how many numbers it gives."""
    activation, hidden = ACTIVATIONS[config.activation], 16
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1),  # (N, 32, 14, 14)
        activation(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),  # (N, 64, 7, 7)
        activation(),
        nn.Flatten(),
        *_dense_layers(config, 64 * 7 * 7, (hidden,)),
    ), hidden


def conv_decoder(config: ModelConfig, inputs: int) -> nn.Module:
    """That of the same example, from (N, inputs) to (N, 1, 28, 28)."""
    activation = ACTIVATIONS[config.activation]
    return nn.Sequential(
        *_dense_layers(config, inputs, (64 * 7 * 7,)),
        nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 64, 3, stride=2, padding=1, output_padding=1),  # (N, 64, 14, 14)
        activation(),
        nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),  # (N, 32, 28, 28)
        activation(),
        nn.ConvTranspose2d(32, 1, 3, padding=1),  # (N, 1, 28, 28)
    )


def initialise(module: nn.Module) -> None:
    """Glorot and Bengio's uniform weights and no biases, as Keras begins: with two latent dimensions training starts faster."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(module.weight)
        assert module.bias is not None  # all layers here have one
        nn.init.zeros_(module.bias)
