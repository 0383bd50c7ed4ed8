"""Settings that go well together, for whoever asks for a run."""

from __future__ import annotations

from typing import Any

from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.data.datasets import SIZES

RECIPES = ("fast", "best", "textbook")

SMALL = 10_000
"""Training images of a data set that takes more epochs, each of which is soon done."""


def recipe(name: str, dataset: str, architecture: str) -> RunConfig:
    """What to begin with for a data set and an architecture.

    `fast` reaches a given held-out ELBO soonest: larger batches and a high learning rate that rises and falls within a few
    epochs, and for an mlp half the encoder, and sin and cos of z beside z. With more epochs it ends higher. `best` reaches
    the highest, in more time: its mlp has an encoder that looks images up. `textbook` is what tutorials print: batches of
    128 and Adam at 1e-3 to the end. `python -m benchmarks.time_to_elbo` compares the first with the last.
    """
    small = SIZES[dataset][0] < SMALL
    if name == "textbook":
        return RunConfig(dataset, ModelConfig(architecture), TrainingConfig(epochs=60 if small else 30))
    if name == "best" and architecture == "mlp":
        return RunConfig(dataset, *(_BEST_OF_FEW if small else _BEST))
    if architecture == "mlp" and not small:
        return RunConfig(dataset, _FAST_MODEL, _FAST_TRAINING)
    model = ModelConfig(architecture, activation="silu", fourier_features=3 if architecture == "mlp" else 0)
    size, rate = (64, 2e-3) if small else (256, 4e-3)
    epochs = (60 if small else 5) * (5 if name == "best" else 1)
    training = TrainingConfig(epochs=epochs, batch_size=size, learning_rate=rate, schedule="one-cycle")
    return RunConfig(dataset, model, training)


_FAST_MODEL = ModelConfig("mlp", encoder_widths=(256, 256), decoder_widths=(512, 512), fourier_features=3)
"""In these few steps relu comes 8 nats farther than silu, which wins in long trainings."""

_FAST_TRAINING = TrainingConfig(epochs=3, batch_size=256, learning_rate=1e-2, clip_norm=100.0, schedule="one-cycle")

_SMOOTH: dict[str, Any] = {"activation": "silu", "fourier_features": 1}
"""With more Fourier features a run that looks images up ends higher still, its classes torn into many pieces."""

_CAREFUL: dict[str, Any] = {"learning_rate": 2e-3, "clip_norm": 100.0, "schedule": "one-cycle"}
_BEST = (
    ModelConfig("mlp", encoder_lattice=84, encoder_widths=(256,) * 3, decoder_widths=(512,) * 6, **_SMOOTH),
    TrainingConfig(epochs=16, batch_size=256, weight_decay=0.01, **_CAREFUL),
)
_BEST_OF_FEW = (
    ModelConfig("mlp", encoder_lattice=60, encoder_widths=(128,) * 2, decoder_widths=(256,) * 3, **_SMOOTH),
    TrainingConfig(epochs=100, batch_size=64, weight_decay=0.05, **_CAREFUL),
)
