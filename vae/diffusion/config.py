"""What a diffusion prior is asked to be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from vae.config import take_plain_numbers
from vae.errors import ConfigError


@dataclass(frozen=True)
class PriorConfig:
    """How a denoiser is shaped and trained.

    `width` and `layers` are those of its residual blocks, `features` the waves it sees of a code, the fastest of `fastest`
    radians a unit. Noise levels s are drawn log-normal: log s ~ N(`level_mean`, `level_spread`^2) (Karras et al. 2022,
    table 1). A share `dropped` of the classes is left out, so that guidance works (Ho and Salimans 2022, arXiv 2207.12598).
    The learning rate rises over 50 steps and falls along half a cosine; weights are averaged over the last share `average` of
    the steps taken so far.
    """

    steps: int = 2000
    batch_size: int = 1024
    learning_rate: float = 1e-2
    width: int = 128
    layers: int = 3
    features: int = 128
    fastest: float = 20.0
    level_mean: float = -1.7
    level_spread: float = 1.1
    dropped: float = 0.15
    average: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        whole = {
            "steps": (1, 1_000_000), "batch_size": (1, 65_536), "width": (8, 4096), "layers": (1, 32), "features": (1, 4096),
            "seed": (0, 2**31 - 1),
        }  # fmt: skip
        real = {
            "learning_rate": (1e-8, 1), "fastest": (1, 1e4), "level_mean": (-6, 4), "level_spread": (0.01, 4),
            "dropped": (0, 1), "average": (0.001, 1),
        }  # fmt: skip
        for name, (low, high) in {**whole, **real}.items():
            value, words = getattr(self, name), name.replace("_", " ")
            kind, what = (int, "a whole number") if name in whole else ((int, float), "a number")
            fits = isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high
            if not fits:
                raise ConfigError(f"The prior's {words} is {value!r}; it has to be {what} from {low:,} to {high:,}.")

    def to_dict(self) -> dict[str, Any]:
        """As prior.json stores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: object) -> PriorConfig:
        """What `to_dict` gave. Raises `ConfigError` on anything missing, unknown or out of range."""
        expected = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(fields, dict) or set(fields) != expected:
            raise ConfigError(f"A prior's configuration has the fields {sorted(expected)}.")
        return cls(**fields)
