"""The command line's words for a configuration, in both directions."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from vae.config import (
    ACTIVATIONS,
    ARCHITECTURES,
    BETA_SCHEDULES,
    BINARISE,
    DATASETS,
    HELD_OUT,
    LAYERS,
    LIKELIHOODS,
    PRECISIONS,
    SCHEDULES,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from vae.diffusion.config import PriorConfig
from vae.errors import ConfigError


def widths(text: str) -> tuple[int, ...]:
    """`512,256` as (512, 256)."""
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError as error:
        raise ConfigError(f"The widths {text!r} are not whole numbers between commas, such as 512,256.") from error


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser one option for everything that a run can be asked to be."""
    model, training = ModelConfig(), TrainingConfig()
    add = parser.add_argument_group("data set").add_argument
    add("--dataset", choices=DATASETS, default="mnist")
    add("--held-out", choices=HELD_OUT, default="test", help="what is kept from training (default: test)")
    add = parser.add_argument_group("model").add_argument
    add("--model", choices=ARCHITECTURES, default=model.architecture)
    add("--latent", type=int, default=model.latent, metavar="D", help="latent dimensions (default: 2)")
    add("--likelihood", choices=LIKELIHOODS, default=model.likelihood)
    add("--scale", type=float, default=model.scale, help="of the Gaussian likelihood, in pixel values (default: 0.2)")
    add("--encoder-widths", type=str, metavar="W,W", help="hidden layers of an mlp's encoder (default: 512,512)")
    add("--decoder-widths", type=str, metavar="W,W", help="hidden layers of an mlp's decoder (default: 512,512)")
    add("--encoder-lattice", type=int, metavar="N", help="let the encoder look images up at N x N points of the plane")
    add("--activation", choices=ACTIVATIONS, default=model.activation)
    add("--fourier-features", type=int, default=0, metavar="N", help="feed the decoder sin and cos of z, 2z, ... (default: 0)")
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=int, default=training.epochs)
    add("--batch-size", type=int, default=training.batch_size)
    add("--learning-rate", type=float, default=training.learning_rate)
    add("--weight-decay", type=float, default=0.0, help="decoupled, as in AdamW (default: 0)")
    add("--clip-norm", type=float, help="shorten longer gradients to this norm (default: never)")
    add("--schedule", choices=SCHEDULES, default=training.schedule, help="of the learning rate")
    add("--beta", type=float, default=training.beta, help="weight of the KL term (default: 1)")
    add("--beta-schedule", choices=BETA_SCHEDULES, default=training.beta_schedule, help="beta rises from 0, once or in cycles")
    add("--beta-rise", type=float, default=training.beta_rise, help="share of the run, or of a cycle, in which it rises")
    add("--beta-cycles", type=int, default=training.beta_cycles)
    add("--precision", choices=PRECISIONS, default=training.precision, help="of matrix products (default: auto)")
    add("--seed", type=int, default=training.seed)
    add("--start-from", metavar="RUN", help="begin with this run's weights; only its decoder's where the encoders differ")
    add("--binarise", choices=BINARISE, help="black and white pixels, drawn at each look or once (default: grey ones)")
    add("--report-every", type=int, metavar="STEPS", help="(default: a hundred times an epoch)")


def given_options(words: Sequence[str]) -> list[str]:
    """Those of the options of `add_config_arguments` that stand among a command's words, those with their defaults too."""
    parser = argparse.ArgumentParser(add_help=False)
    add_config_arguments(parser)
    names, not_given = vars(parser.parse_args([])), object()
    found, _ = parser.parse_known_args(words, argparse.Namespace(**dict.fromkeys(names, not_given)))
    return [f"--{name.replace('_', '-')}" for name, value in vars(found).items() if value is not not_given]


def config_from(arguments: argparse.Namespace) -> RunConfig:
    """The configuration that the options ask for. Raises `ConfigError`."""
    model = ModelConfig(
        architecture=arguments.model,
        latent=arguments.latent,
        likelihood=arguments.likelihood,
        scale=arguments.scale,
        encoder_widths=widths(arguments.encoder_widths) if arguments.encoder_widths else None,
        decoder_widths=widths(arguments.decoder_widths) if arguments.decoder_widths else None,
        encoder_lattice=arguments.encoder_lattice,
        activation=arguments.activation,
        fourier_features=arguments.fourier_features,
    )
    training = TrainingConfig(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(TrainingConfig)})
    return RunConfig(arguments.dataset, model, training, arguments.held_out)


def add_prior_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser one option for everything that a diffusion prior can be asked to be."""
    default = PriorConfig()
    words = {
        "level_mean": "of the logarithm of the noise levels that are drawn",
        "level_spread": "standard deviation of that logarithm",
        "dropped": "share of the codes whose class the network is not told, so that it can do without",
        "average": "share of the steps over which weights are averaged",
        "features": "waves of a code that the network sees",
        "fastest": "of them, radians a unit",
    }
    for field in dataclasses.fields(PriorConfig):
        value = getattr(default, field.name)
        what = f"{words[field.name]} (default: {value:g})" if field.name in words else f"(default: {value:g})"
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(value), default=value, help=what)


def prior_config_from(arguments: argparse.Namespace) -> PriorConfig:
    """The configuration that the options ask for. Raises `ConfigError`."""
    return PriorConfig(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(PriorConfig)})


def command_line(config: RunConfig, run: Path, device: str = "auto") -> str:
    """The command that makes a run like this one, with what differs from the defaults and what one looks for first."""
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    always = ("dataset", "model", "epochs")
    words = ["python", "-m", "vae", "train"]
    for name, value in _as_options(config).items():
        if value != parser.get_default(name) or name in always:
            words += ["--" + name.replace("_", "-"), *([] if value is True else [str(value)])]
    words += [] if device == "auto" else ["--device", device]
    return shlex.join([*words, "--run", str(run)])


def _as_options(config: RunConfig) -> dict[str, object]:
    model, training = vars(config.model).copy(), vars(config.training)
    options = {"dataset": config.dataset, "held_out": config.held_out, "model": model.pop("architecture")}
    for name in LAYERS:
        default = getattr(ModelConfig(config.model.architecture), name)
        model[name] = None if model[name] == default else ",".join(map(str, model[name]))
    return options | model | training
