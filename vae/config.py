"""What a run is asked to be: small frozen dataclasses, checked on creation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vae.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 6
"""Of run.json."""

LATER_FIELDS = {
    2: ("beta_schedule", "beta_rise", "beta_cycles", "precision"),
    3: ("start_from",),
    4: ("encoder_lattice",),
    5: ("binarise",),
}
"""What each format added; earlier runs were trained by the defaults."""

GONE_FIELDS = {"encoder_channels": None, "freeze_decoder": False, "warped": 0.0}
"""What formats 3 to 5 had, and how nearly all runs were trained: without it."""

DATASETS = ("mnist", "digits", "fashion-mnist", "kmnist")
ARCHITECTURES = ("conv", "mlp")
LIKELIHOODS = ("bernoulli", "gaussian")
ACTIVATIONS = ("relu", "silu", "gelu", "tanh")
SCHEDULES = ("constant", "cosine", "one-cycle")
BETA_SCHEDULES = ("constant", "warm-up", "cyclical")
PRECISIONS = ("auto", "fp32", "bf16")
HELD_OUT = ("test", "validation")
BINARISE = ("dynamic", "static")

MOST_EPOCHS = 100_000
MLP_WIDTHS = (512, 512)
LAYERS = ("encoder_widths", "decoder_widths")


def take_plain_numbers(config: DataclassInstance) -> None:
    """Let a frozen dataclass hold Python's numbers where it was given numpy's, which no JSON file stores."""
    for part in dataclasses.fields(config):
        object.__setattr__(config, part.name, _plain(getattr(config, part.name)))


def _plain(value: object) -> object:
    if isinstance(value, (tuple, list)):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"The {name} {value!r} is unknown; choose one of {', '.join(choices)}.")


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"The {name} is {value!r}; it has to be a whole number from {low:,} to {high:,}.")


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # so NaN, infinities and integers of any size are refused
        raise ConfigError(f"The {name} is {value!r}; it has to be a number from {low:g} to {high:g}.")


def check_beta(value: object) -> None:
    """Raise `ConfigError` unless this can be the weight of the KL term."""
    _check_number("beta", value, 0, 10_000)


def check_learning_rate(value: object) -> None:
    """Raise `ConfigError` unless this can be a learning rate."""
    _check_number("learning rate", value, 1e-8, 10)


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a VAE.

    `encoder_widths` and `decoder_widths` are the hidden layers of an `mlp`, first to last; a `conv` has fixed layers
    and takes none. With `encoder_lattice` the encoder's layers do not see the image but what is found when it is looked up on a
    lattice of so many points along each axis of the plane; see `vae.model.lattice_encoder`. `fourier_features` is the number
    of frequencies 1, 2, 4, ... at which the decoder is fed sin and cos of z besides z itself. `scale` is the standard
    deviation of the `gaussian` likelihood, in pixel values.
    """

    architecture: str = "conv"
    latent: int = 2
    likelihood: str = "bernoulli"
    scale: float = 0.2
    encoder_widths: tuple[int, ...] | None = None
    decoder_widths: tuple[int, ...] | None = None
    activation: str = "relu"
    fourier_features: int = 0
    encoder_lattice: int | None = None

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        _check_choice("architecture", self.architecture, ARCHITECTURES)
        _check_integer("number of latent dimensions", self.latent, 1, 256)
        _check_choice("likelihood", self.likelihood, LIKELIHOODS)
        _check_number("scale of the Gaussian likelihood", self.scale, 0.01, 10)
        _check_choice("activation", self.activation, ACTIVATIONS)
        _check_integer("number of Fourier features", self.fourier_features, 0, 8)
        for name in LAYERS:
            object.__setattr__(self, name, self._checked_layers(name))
        if self.encoder_lattice is not None:
            self._check_lattice()

    def _check_lattice(self) -> None:
        _check_integer("number of lattice points along an axis", self.encoder_lattice, 16, 256)
        if self.architecture != "mlp" or self.latent != 2:
            raise ConfigError("An encoder looks images up on a plane, so its lattice takes an mlp with 2 latent dimensions.")

    def _checked_layers(self, name: str) -> tuple[int, ...] | None:
        widths, words = getattr(self, name), name.replace("_", " ")
        if self.architecture == "conv":
            if widths is not None:
                raise ConfigError(f"A conv model has fixed layers and takes no {words}; leave them out or ask for an mlp.")
            return None
        if widths is None:
            return MLP_WIDTHS
        if not isinstance(widths, (tuple, list)) or not 1 <= len(widths) <= 16:
            raise ConfigError(f"The {words} are {widths!r}; expected one to sixteen whole numbers, such as 512,512.")
        for width in widths:
            _check_integer(words.rstrip("s"), width, 1, 8192)
        return tuple(widths)


@dataclass(frozen=True)
class TrainingConfig:
    """How a VAE is trained: Adam on -(reconstruction - beta * KL) per image, one sample of z per image.

    `weight_decay` is decoupled from the gradient (AdamW). A gradient longer than `clip_norm` is shortened to it.
    `schedule` is the learning rate's and `beta_schedule` beta's; see `vae.training.schedules`. With `warm-up` beta rises over
    the share `beta_rise` of the run, with `cyclical` over that share of each of `beta_cycles` cycles. `precision` is that of
    matrix products; `auto` takes bf16 where the processor multiplies in it. Every `report_every` steps the training terms
    are reported; by default a hundred times an epoch.

    `start_from` is the folder of a run whose weights are the initial ones; where its encoder has another shape, they are
    the decoder's alone.

    With `binarise` every pixel is black or white, white with its grey value as the probability: drawn anew whenever an image
    is seen (`dynamic`, Salakhutdinov and Murray 2008), or once for the whole training (`static`). The held-out images are
    drawn once in either case, the same for every run.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip_norm: float | None = None
    schedule: str = "constant"
    beta: float = 1.0
    seed: int = 0
    report_every: int | None = None
    beta_schedule: str = "constant"
    beta_rise: float = 0.5
    beta_cycles: int = 4
    precision: str = "auto"
    start_from: str | None = None
    binarise: str | None = None

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        _check_integer("number of epochs", self.epochs, 1, MOST_EPOCHS)
        _check_integer("batch size", self.batch_size, 1, 65_536)
        check_learning_rate(self.learning_rate)
        _check_number("weight decay", self.weight_decay, 0, 10)
        if self.clip_norm is not None:
            _check_number("greatest gradient norm", self.clip_norm, 1e-6, 1e6)
        _check_choice("schedule", self.schedule, SCHEDULES)
        check_beta(self.beta)
        _check_choice("schedule of beta", self.beta_schedule, BETA_SCHEDULES)
        _check_number("share in which beta rises", self.beta_rise, 0.001, 1)
        _check_integer("number of beta's cycles", self.beta_cycles, 1, 1000)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_integer("seed", self.seed, 0, 2**31 - 1)
        if self.report_every is not None:
            _check_integer("number of steps between reports", self.report_every, 1, 1_000_000)
        if self.binarise is not None:
            _check_choice("way to binarise", self.binarise, BINARISE)
        if self.start_from is not None and not (isinstance(self.start_from, str) and self.start_from):
            raise ConfigError(f"The run to start from is {self.start_from!r}; it has to be the path of a run's folder.")


@dataclass(frozen=True)
class RunConfig:
    """All that a run was asked to be.

    `held_out` says which images are kept from training: the data set's own `test` split, or a `validation` sixth of
    its training split, which is how settings are chosen without a look at the test images.
    """

    dataset: str = "mnist"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    held_out: str = "test"

    def __post_init__(self) -> None:
        _check_choice("data set", self.dataset, DATASETS)
        _check_choice("held-out split", self.held_out, HELD_OUT)

    def with_epochs(self, epochs: int) -> RunConfig:
        """The same for so many epochs."""
        return dataclasses.replace(self, training=dataclasses.replace(self.training, epochs=epochs))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers, as run.json stores them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: object, format: int = FORMAT) -> RunConfig:
        """The configuration that `to_dict` gave, or gave when run.json had an earlier `format`.

        Raises `ConfigError` on anything missing, unknown or out of range.
        """
        fields = _checked_fields(cls, "configuration", fields)
        later = tuple(name for added, names in LATER_FIELDS.items() if format < added for name in names)
        model, training = (
            _without_gone_fields(fields[part]) if format < FORMAT else fields[part] for part in ("model", "training")
        )
        model = dict(_checked_fields(ModelConfig, "model", model, later))
        for name in LAYERS:
            if isinstance(model.get(name), list):
                model[name] = tuple(model[name])
        training = _checked_fields(TrainingConfig, "training", training, later)
        return cls(**{**fields, "model": ModelConfig(**model), "training": TrainingConfig(**training)})


def _without_gone_fields(fields: object) -> object:
    """What an earlier format says, less what there is no longer. Raises `ConfigError` where that was asked for."""
    if not isinstance(fields, dict):
        return fields
    for name, usual in GONE_FIELDS.items():
        if fields.get(name, usual) != usual:
            raise ConfigError(f"it was trained with {name} {fields[name]!r}, which there is no longer")
    return {name: value for name, value in fields.items() if name not in GONE_FIELDS}


def _checked_fields(cls: type, name: str, fields: Any, later: tuple[str, ...] = ()) -> dict[str, Any]:
    expected = {f.name for f in dataclasses.fields(cls)}
    seen = set(fields) if isinstance(fields, dict) else None
    if seen is None or not expected.difference(later) <= seen <= expected:
        words = sorted(map(str, seen)) if seen is not None else type(fields).__name__
        raise ConfigError(f"The {name} has the fields {words}; expected {sorted(expected)}.")
    return fields
