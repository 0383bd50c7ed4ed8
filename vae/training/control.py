"""What is asked of a training while it runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from vae.config import MOST_EPOCHS, check_beta, check_learning_rate, take_plain_numbers
from vae.errors import ConfigError

BY_HAND = ("beta", "learning_rate")
"""What a trainer's state keeps of a wish."""


@dataclass(frozen=True)
class ControlRequest:
    """What a watcher wants of a training from its next step on: a wish that holds until it is changed, not a command.

    `beta` and `learning_rate` take the place of their schedules; None leaves it to them. The training pauses when it has
    taken `pause_at` steps or more, so 0 pauses it at once and one more than the steps taken lets it take one. `epochs` is
    how long it is to be in all, never shorter than it was asked to be. `stop` ends it.
    """

    beta: float | None = None
    learning_rate: float | None = None
    pause_at: int | None = None
    epochs: int | None = None
    stop: bool = False

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        if self.beta is not None:
            check_beta(self.beta)
        if self.learning_rate is not None:
            check_learning_rate(self.learning_rate)
        for name, least, most in (("pause_at", 0, 2**53), ("epochs", 1, MOST_EPOCHS)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and least <= value <= most):
                raise ConfigError(f"{name} is {value!r}; it has to be a whole number from {least:,} to {most:,}.")
        if not isinstance(self.stop, bool):
            raise ConfigError(f"stop is {self.stop!r}; it has to be true or false.")

    def to_dict(self) -> dict[str, Any]:
        """As control.json stores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ControlRequest:
        """What `to_dict` gave; what is missing is not asked for. Raises `ConfigError`."""
        unknown = set(fields) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ConfigError(f"A training cannot be asked for {', '.join(sorted(map(str, unknown)))[:80]}.")
        return cls(**fields)

    def by_hand(self) -> dict[str, float]:
        """What takes the place of a schedule, by name."""
        return {name: value for name in BY_HAND if (value := getattr(self, name)) is not None}

    def words(self, before: ControlRequest) -> str:
        """What is new beside an earlier wish for beta and the learning rate, in words for the curves."""
        changes = []
        for name in BY_HAND:
            value, word = getattr(self, name), name.replace("_", " ")
            if value != getattr(before, name):
                changes.append(f"{word} as scheduled" if value is None else f"{word} {value:g}")
        return ", ".join(changes)
