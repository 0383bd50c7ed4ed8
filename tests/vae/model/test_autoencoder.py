import pytest
import torch

from vae.config import ModelConfig
from vae.errors import ConfigError
from vae.model.autoencoder import Posterior, build_model, count_parameters
from vae.model.networks import FourierFeatures

MODELS = [
    ModelConfig("conv"),
    ModelConfig("conv", latent=1, activation="silu", fourier_features=2),
    ModelConfig("mlp"),
    ModelConfig("mlp", latent=5, encoder_widths=(64, 32), decoder_widths=(16,), activation="tanh", fourier_features=3),
    ModelConfig("mlp", likelihood="gaussian", activation="gelu"),
    ModelConfig("mlp", encoder_lattice=20, encoder_widths=(16,), decoder_widths=(16,), fourier_features=2),
]


def test_conv_has_the_parameters_of_the_keras_example():
    model = build_model(ModelConfig("conv"))
    heads = count_parameters(model.mean_head) + count_parameters(model.log_variance_head)
    assert count_parameters(model.encoder) + heads == 69_076
    assert count_parameters(model.decoder) == 65_089


def test_mlp_has_two_hidden_layers_of_512_each_way_by_default():
    model = build_model(ModelConfig("mlp"))
    heads = 2 * (512 * 2 + 2)
    assert count_parameters(model.encoder) == 784 * 512 + 512 + 512 * 512 + 512
    assert count_parameters(model) - count_parameters(model.encoder) - heads == (
        2 * 512 + 512 + 512 * 512 + 512 + 512 * 784 + 784
    )


@pytest.mark.parametrize("config", MODELS)
def test_shapes_and_pixel_range(config):
    model = build_model(config)
    posterior = model.encode(torch.rand(3, 1, 28, 28))
    assert posterior.mean.shape == posterior.log_variance.shape == (3, config.latent)
    means = model.decode(10 * torch.randn(4, config.latent))
    assert means.shape == (4, 1, 28, 28)
    assert means.min() >= 0 and means.max() <= 1


@pytest.mark.parametrize("config", MODELS)
def test_initial_weights_depend_on_the_seed_alone_and_leave_global_randomness_alone(config):
    torch.manual_seed(5)
    expected_next = torch.rand(1)
    torch.manual_seed(5)
    first = build_model(config, seed=1).state_dict()
    assert torch.rand(1) == expected_next
    again, other = build_model(config, seed=1).state_dict(), build_model(config, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_model_begins_with_all_of_its_like_and_with_the_decoder_of_another():
    first, like, other = (
        build_model(ModelConfig("mlp", decoder_widths=(16,), **encoder), seed)
        for seed, encoder in enumerate(({}, {}, {"encoder_widths": (16,)}))
    )
    images, z = torch.rand(5, 1, 28, 28), torch.randn(5, 2)
    codes = other.encode(images).mean
    for model in (like, other):
        model.init_from(first)
        assert torch.equal(model.decode(z), first.decode(z))
    assert torch.equal(like.encode(images).mean, first.encode(images).mean)
    assert torch.equal(other.encode(images).mean, codes)


def test_a_model_of_another_decoder_is_nothing_to_begin_with():
    with pytest.raises(ConfigError, match="ask for the same decoder"):
        build_model(ModelConfig("mlp", activation="silu")).init_from(build_model(ModelConfig("mlp")))


def test_posterior_sample_is_mean_plus_deviation_times_epsilon():
    posterior = Posterior(torch.tensor([[1.0, -2.0]]), torch.log(torch.tensor([[4.0, 0.25]])))
    torch.testing.assert_close(posterior.standard_deviation, torch.tensor([[2.0, 0.5]]))
    torch.testing.assert_close(posterior.sample(torch.tensor([[1.0, -2.0]])), torch.tensor([[3.0, -3.0]]))


def test_fourier_features_are_z_and_its_waves():
    z = torch.tensor([[0.3, -1.1]])
    waves = [torch.sin(z), torch.cos(z), torch.sin(2 * z), torch.cos(2 * z)]
    torch.testing.assert_close(FourierFeatures(2)(z), torch.cat([z, *waves], 1))


def test_a_model_beyond_all_measure_is_refused_before_it_takes_memory():
    with pytest.raises(ConfigError, match="parameters; the most is 100,000,000"):
        build_model(ModelConfig("mlp", encoder_widths=(8192,) * 16, decoder_widths=(8192,) * 16))
