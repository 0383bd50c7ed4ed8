import dataclasses
import json
import math

import numpy as np
import pytest

from tests.vae.conftest import CONFIGS
from vae.config import ARCHITECTURES, DATASETS, LATER_FIELDS, ModelConfig, RunConfig, TrainingConfig
from vae.diffusion.config import PriorConfig
from vae.errors import ConfigError
from vae.training.control import ControlRequest
from vae.training.recipes import RECIPES, recipe


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_survives_json(config):
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "transformer"},
        {"latent": 0},
        {"latent": 100_000},
        {"latent": 2.5},
        {"latent": True},
        {"likelihood": "poisson"},
        {"scale": 0.0},
        {"scale": math.nan},
        {"encoder_widths": ()},
        {"encoder_widths": (0,)},
        {"encoder_widths": (10**9,)},
        {"decoder_widths": (16,) * 100},
        {"decoder_widths": "512"},
        {"activation": "step"},
        {"fourier_features": -1},
        {"architecture": "conv", "encoder_widths": (512,)},
        {"encoder_lattice": 15},
        {"encoder_lattice": 24.0},
        {"encoder_lattice": 24, "latent": 3},
        {"architecture": "conv", "encoder_lattice": 24},
    ],
)
def test_a_model_that_cannot_be_is_refused(change):
    with pytest.raises(ConfigError):
        ModelConfig(**({"architecture": "mlp"} | change))


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"epochs": 10**9},
        {"batch_size": 0},
        {"batch_size": 10**9},
        {"learning_rate": 0},
        {"learning_rate": math.inf},
        {"learning_rate": 10**400},
        {"learning_rate": "fast"},
        {"weight_decay": -1},
        {"clip_norm": 0},
        {"schedule": "zigzag"},
        {"beta": -0.5},
        {"beta": math.nan},
        {"seed": -1},
        {"report_every": 0},
        {"start_from": ""},
        {"start_from": 3},
        {"binarise": "twice"},
    ],
)
def test_a_training_that_cannot_be_is_refused(change):
    with pytest.raises(ConfigError):
        TrainingConfig(**change)


def test_a_refusal_says_what_was_seen_and_what_was_expected():
    with pytest.raises(ConfigError, match=r"number of epochs is 0; it has to be a whole number from 1 to 100,000"):
        TrainingConfig(epochs=0)


@pytest.mark.parametrize("part", ["model", "training", None])
def test_missing_and_unknown_fields_are_refused(part):
    for spoil in (lambda fields: fields.popitem(), lambda fields: fields.update(surprise=1)):
        fields = json.loads(json.dumps(RunConfig().to_dict()))
        spoil(fields[part] if part else fields)
        with pytest.raises(ConfigError):
            RunConfig.from_dict(fields)


@pytest.mark.parametrize("format", sorted(LATER_FIELDS))
def test_what_an_earlier_format_did_not_have_takes_its_default(format):
    fields = json.loads(json.dumps(RunConfig().to_dict()))
    for name in LATER_FIELDS[format]:
        fields["model"].pop(name, None)
        fields["training"].pop(name, None)
    assert RunConfig.from_dict(fields, format - 1) == RunConfig()
    with pytest.raises(ConfigError):
        RunConfig.from_dict(fields, format)


def test_configurations_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().dataset = "digits"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_recipe_is_one_of_what_it_was_asked_for(dataset, architecture):
    asked = {name: recipe(name, dataset, architecture) for name in RECIPES}
    assert all((config.dataset, config.model.architecture) == (dataset, architecture) for config in asked.values())
    assert (asked["best"].model.encoder_lattice is not None) == (architecture == "mlp")
    assert asked["best"].training.epochs > asked["fast"].training.epochs


def test_numbers_of_numpy_are_numbers_and_are_stored_as_pythons_own():
    config = RunConfig(
        model=ModelConfig("mlp", latent=np.int64(3), scale=np.float32(0.25), encoder_widths=(np.int32(64), 32)),
        training=TrainingConfig(epochs=np.int64(4), beta=np.float32(0.5), learning_rate=np.float64(1e-3), seed=np.uint8(7)),
    )
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert type(config.training.epochs) is int and type(config.training.beta) is float
    assert [type(width) for width in config.model.encoder_widths] == [int, int]
    assert config.with_epochs(np.int64(9)).to_dict()["training"]["epochs"] == 9
    prior = PriorConfig(steps=np.int64(10), learning_rate=np.float32(0.5))
    assert json.loads(json.dumps(prior.to_dict()))["steps"] == 10
    assert json.loads(json.dumps(ControlRequest(beta=np.float32(2), epochs=np.int64(5)).to_dict()))["beta"] == 2


@pytest.mark.parametrize("wrong", [True, np.True_, np.float64(2.0), np.array([2, 3]), "2"])
def test_what_is_no_whole_number_is_refused_be_it_numpys_or_not(wrong):
    for make in (lambda: TrainingConfig(epochs=wrong), lambda: PriorConfig(steps=wrong), lambda: ControlRequest(epochs=wrong)):
        with pytest.raises(ConfigError, match="has to be a whole number"):
            make()


@pytest.mark.parametrize("format", [3, 4, 5])
def test_what_earlier_formats_had_and_did_not_use_is_passed_over_and_what_they_used_is_refused(format):
    fields = RunConfig().to_dict()
    fields["model"]["encoder_channels"] = None
    fields["training"] |= {"freeze_decoder": False, "warped": 0.0}
    assert RunConfig.from_dict(fields, format) == RunConfig()
    with pytest.raises(ConfigError):
        RunConfig.from_dict(fields)
    for part, name, value in (
        ("model", "encoder_channels", [4, 6]),
        ("training", "freeze_decoder", True),
        ("training", "warped", 0.5),
    ):
        with pytest.raises(ConfigError, match=f"trained with {name}"):
            RunConfig.from_dict(fields | {part: fields[part] | {name: value}}, format)
