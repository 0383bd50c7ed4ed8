"""The model as a picture: its layers from left to right, as the pinned image runs through them."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from ui.charts import markup
from ui.explore.scene import Scene
from ui.text import plain
from vae.data.datasets import pixels, to_uint8
from vae.model.layer_trace import Layer, parameters_of_heads, trace_decoder, trace_encoder

SHOWN_NUMBERS = 4
"""Numbers of z that are written out."""


def show(scene: Scene) -> None:
    """Encoder, mean and sigma, z, decoder; what the layers give on demand."""
    with st.expander("The model as a picture", icon=":material/schema:"):
        activations = st.toggle("Show what each layer gives", key="activations", help="Bright: far above zero; dark: far below")
        image = scene.image()
        encoder = trace_encoder(scene.run.model, pixels(image)) if image is not None else []
        decoder = trace_decoder(scene.run.model, scene.z[None])
        parts = [*_encoder(scene, image, encoder, activations), _latent(scene), *_decoder(scene, decoder, activations)]
        st.html(f'<div class="network">{"<span>→</span>".join(parts)}</div>')
        total = sum(weight.numel() for weight in scene.run.model.parameters())
        st.caption(
            f"{total:,} parameters. Under each layer: its kind, how many numbers it gives, and its parameters. "
            f"{'' if image is not None else 'Pin an image to see the encoder at work. '}The decoder gives the parameters of "
            f"p(x|z), a {scene.run.config.model.likelihood} distribution for each pixel."
        )


def _encoder(scene: Scene, image: Tensor | None, layers: list[Layer], activations: bool) -> list[str]:
    if image is None:
        return []
    model = scene.run.model
    with torch.no_grad():
        q = model.encode(pixels(image))
    heads = f"mean {_numbers(q.mean[0])}<br>sigma {_numbers(q.standard_deviation[0])}"
    drawn = [_layer(layer, activations, "encoder") for layer in layers]
    return [_picture(image[0, 0].numpy(), "x"), *drawn, _box("dense, twice", heads, parameters_of_heads(model))]


def _latent(scene: Scene) -> str:
    words = "z = mean" if scene.has_image else "z, chosen by hand"
    return _box(words, _numbers(scene.z), None)


def _decoder(scene: Scene, layers: list[Layer], activations: bool) -> list[str]:
    mean = scene.run.model.likelihood.mean(layers[-1].output.view(1, 1, *layers[-1].output.shape[-2:]))
    drawn = [_layer(layer, activations, "decoder") for layer in layers]
    return [*drawn, _picture(to_uint8(mean)[0, 0].numpy(), "mean of p(x|z)")]


def _layer(layer: Layer, activations: bool, side: str) -> str:
    """A bar that is the higher, the more numbers the layer gives; its numbers as a picture where they are asked for."""
    shape = " × ".join(map(str, layer.output.shape))
    height = 0.8 + 0.75 * math.log2(layer.output.numel())
    bar = f'<i class="{side}" style="height: {height:.1f}rem"></i>'
    if activations:
        bar = f'<img src="{markup.png_url(activation_picture(layer.output))}" alt="What this layer gives">'
    return (
        f"<figure>{bar}<figcaption>{plain(layer.kind)}<br><b>{shape}</b>{_parameters(layer.parameters)}</figcaption></figure>"
    )


def _box(kind: str, words: str, parameters: int | None) -> str:
    return f'<figure><div class="latent">{words}</div><figcaption>{kind}{_parameters(parameters)}</figcaption></figure>'


def _parameters(count: int | None) -> str:
    return "" if count is None else f"<br>{count:,} parameters"


def _picture(grey: np.ndarray, caption: str) -> str:
    return f'<figure><img class="x" src="{markup.png_url(grey)}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _numbers(values: Tensor) -> str:
    more = ", …" if len(values) > SHOWN_NUMBERS else ""
    return ", ".join(markup.signed(value) for value in values[:SHOWN_NUMBERS].tolist()) + more


def activation_picture(output: Tensor) -> np.ndarray:
    """Maps (C, H, W) side by side, or K numbers as a block: uint8, zero in the middle, the largest size at an end."""
    maps = output if output.dim() == 3 else output[:, None, None]
    count, height, width = maps.shape
    columns = math.ceil(math.sqrt(count))
    filled = torch.zeros(columns * math.ceil(count / columns), height, width)
    filled[:count] = maps / maps.abs().max().clamp(min=1e-12)
    rows = filled.view(-1, columns, height, width).permute(0, 2, 1, 3).reshape(-1, columns * width)
    return (127.5 * (rows + 1)).round().clamp(0, 255).to(torch.uint8).numpy()
