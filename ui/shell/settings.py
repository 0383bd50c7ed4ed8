"""What whoever starts the server may set, each with a default: `streamlit run app.py -- --visitors-may-train`."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NoReturn

from vae.errors import ConfigError

SCRIPT = "app.py"


def _limit(default: float, means: str) -> float:
    return field(default=default, metadata={"means": means})


@dataclass(frozen=True)
class Settings:
    """Who may do what on this server, and how much."""

    visitors_may_train: bool = _limit(False, "whoever reaches this server may do all that its owner may")
    behind_proxy: bool = _limit(False, "visitors come through a proxy or a tunnel, which makes them look like this machine")
    most_trainings: int = _limit(8, "trainings that are at work or wait at the same time")
    most_epochs: int = _limit(10_000, "epochs of a run")
    most_parameters: int = _limit(20_000_000, "numbers that a run's training adjusts")
    most_gigabytes: float = _limit(4.0, "of a run on the disk, about")
    free_gigabytes: float = _limit(2.0, "that a training leaves free on the disk")


def read(words: list[str]) -> Settings:
    """The settings that command-line words ask for. Raises `ConfigError`."""
    options = _parser().parse_args(words)
    settings = Settings(**vars(options))
    for name, value in vars(settings).items():
        if not isinstance(value, bool) and not 0 <= value < math.inf:
            raise ConfigError(f"{_word(name)} is {value:g}; it has to be a number from zero, so start the explorer again.")
    return settings


@cache
def of_server() -> Settings:
    """The settings of this server: what follows `--` behind `streamlit run app.py`. Raises `ConfigError`."""
    own = Path(sys.argv[0]).name == SCRIPT  # a test or a benchmark that draws pages has words of its own
    return read(sys.argv[1:] if own else [])


def _word(name: str) -> str:
    return "--" + name.replace("_", "-")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        known = ", ".join(_word(setting.name) for setting in dataclasses.fields(Settings))
        raise ConfigError(f"The explorer was started with what it does not understand ({message}); it knows {known}.")


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    for setting in dataclasses.fields(Settings):
        kind = {"action": "store_true"} if setting.default is False else {"type": type(setting.default)}
        parser.add_argument(_word(setting.name), default=setting.default, help=setting.metadata["means"], **kind)
    return parser
