"""An image's way through the layers is the model's own."""

from __future__ import annotations

import pytest
import torch

from vae.config import ModelConfig
from vae.model.autoencoder import build_model
from vae.model.layer_trace import parameters_of_heads, trace_decoder, trace_encoder


@pytest.mark.parametrize("config", [
    ModelConfig("mlp"), ModelConfig("conv", latent=5), ModelConfig("mlp", latent=8, likelihood="gaussian"),
    ModelConfig("mlp", fourier_features=3), ModelConfig("mlp", encoder_lattice=16),
], ids=str)  # fmt: skip
def test_the_last_layer_gives_what_the_model_gives_and_all_parameters_are_counted(config):
    model, x = build_model(config).eval(), torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        q = model.encode(x)
        encoder, decoder = trace_encoder(model, x), trace_decoder(model, q.mean)
        assert torch.allclose(decoder[-1].output, model.decode_parameters(q.mean)[0].flatten().view(decoder[-1].output.shape))
        if model.lookup is None:
            assert torch.allclose(model.mean_head(encoder[-1].output[None]), q.mean, atol=1e-6)
    counted = sum(layer.parameters for layer in [*encoder, *decoder]) + parameters_of_heads(model)
    assert counted == sum(weight.numel() for weight in model.parameters())
    assert all(layer.kind and layer.output.dim() in (1, 3) for layer in [*encoder, *decoder])
    assert any("sin" in layer.kind for layer in decoder) == bool(config.fourier_features)


def test_a_sequence_within_a_sequence_is_walked_through():
    model = build_model(ModelConfig("conv")).eval()
    kinds = [layer.kind for layer in trace_decoder(model, torch.zeros(1, 2))]
    assert len(kinds) == 4 and kinds[-1] == "transposed convolution 3 × 3, stride 1"
