"""One image's way through the layers of a model: what each layer is, how large, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vae.data.inputs import as_one
from vae.model.autoencoder import VAE
from vae.model.networks import ACTIVATIONS, FourierFeatures

SILENT = (nn.Flatten, nn.Unflatten)
"""They change the shape alone, and no feature beside z changes nothing."""


@dataclass(frozen=True)
class Layer:
    """A layer and the activation function after it: its kind in words, its parameters, and what it gives, (C, H, W) or (K,)."""

    kind: str
    parameters: int
    output: Tensor


@torch.no_grad()
def trace_encoder(model: VAE, x: Tensor) -> list[Layer]:
    """The encoder's layers up to what the heads for mean and log variance see, for one image (1, C, H, W) in [0, 1]."""
    x = as_one(model.as_input(x))
    if model.lookup is None:
        return _trace([model.encoder], x)
    model.encode(x)  # the lattice knows the decoder from here on
    seen = model.lookup.find(x).seen
    return [Layer("lattice, looked up", 0, seen[0].float().cpu()), *_trace([model.encoder], seen)]


@torch.no_grad()
def trace_decoder(model: VAE, z: Tensor) -> list[Layer]:
    """The decoder's layers for one z (1, D), up to the likelihood's parameters."""
    return _trace([model.decoder], z.to(model.device))


def parameters_of_heads(model: VAE) -> int:
    """Those of the layers that give mean and log variance."""
    return sum(weight.numel() for head in (model.mean_head, model.log_variance_head) for weight in head.parameters())


def _trace(modules: list[nn.Module], value: Tensor) -> list[Layer]:
    """The layers of modules, those within a sequence one by one."""
    layers: list[Layer] = []
    for module in (part for whole in modules for part in _parts(whole)):
        value = module(value)
        output = value[0].float().cpu()
        if isinstance(module, tuple(ACTIVATIONS.values())):
            layers[-1] = Layer(f"{layers[-1].kind}, {type(module).__name__}", layers[-1].parameters, output)
        elif not (isinstance(module, SILENT) or (isinstance(module, FourierFeatures) and not module.count)):
            layers.append(Layer(_kind(module), sum(weight.numel() for weight in module.parameters()), output))
    return layers


def _parts(module: nn.Module) -> list[nn.Module]:
    return [part for child in module for part in _parts(child)] if isinstance(module, nn.Sequential) else [module]


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "dense"
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        transposed = "transposed " if isinstance(module, nn.ConvTranspose2d) else ""
        height, width = module.kernel_size
        return f"{transposed}convolution {height} × {width}, stride {module.stride[0]}"
    return "z, sin and cos of its multiples" if isinstance(module, FourierFeatures) else type(module).__name__
