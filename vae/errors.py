"""The one kind of error that is meant to be read by a user."""

import re

import torch


class ExplorerError(Exception):
    """What went wrong, what was expected and what to do next, in one sentence.

    The command line prints it and exits with status 2; the pages show it in place of what could not be drawn.
    """


class ConfigError(ExplorerError):
    """A run was asked to be something it cannot be."""


class DataError(ExplorerError):
    """A data set is unknown, missing, damaged or out of reach."""


class RunError(ExplorerError):
    """A run folder is missing, damaged, foreign, busy or cannot be written."""


class TrainingError(ExplorerError):
    """A training could not go on."""


def describe(error: BaseException) -> str:
    """One sentence for any error: an `ExplorerError` as it is, an `OSError` by its reason, others by their kind."""
    if isinstance(error, ExplorerError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return _out_of_memory(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'} cannot be used: {error.strerror}."
    return f"{type(error).__name__}: {error}"


def _out_of_memory(words: str) -> str:
    """torch's own words are a paragraph; these are its two figures."""
    wanted, free = (re.search(pattern, words) for pattern in (r"allocate ([\d.]+ \w+)", r"of which ([\d.]+ \w+) is free"))
    seen = f" ({wanted[1]} wanted, {free[1]} free)" if wanted and free else ""
    return (
        f"The GPU's memory is full{seen}; ask for a smaller batch or model, close other programs on the GPU, or train on "
        "the processor by --device cpu."
    )
