"""The one kind of error that is meant to be read by a user."""

import contextlib
import errno
import re
from collections.abc import Iterator

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


class TooLittleMemory(ExplorerError):
    """Something does not fit into the memory that there is."""


MEMORY_WORDS = ("allocate memory", "not enough memory", "start new thread", "failed to map segment")
"""What torch and Python say as a plain `RuntimeError`, and the system as an `ImportError`, where the memory is full."""


def lacks_memory(error: BaseException) -> bool:
    """Whether this says, in whichever way, that there is too little memory."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, (RuntimeError, ImportError)) and any(words in str(error) for words in MEMORY_WORDS)


@contextlib.contextmanager
def telling_of_memory() -> Iterator[None]:
    """Raise `TooLittleMemory` in place of what says the same in many ways. It decorates functions, too."""
    try:
        yield
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if not lacks_memory(error):
            raise
        raise TooLittleMemory(describe(error)) from error


def describe(error: BaseException) -> str:
    """One sentence for any error: an `ExplorerError` as it is, an `OSError` by its reason, others by their kind."""
    if isinstance(error, ExplorerError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return _full_gpu(str(error))
    if lacks_memory(error):
        return _full_memory(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'} cannot be used: {error.strerror}."
    return f"{type(error).__name__}: {error}"


def _full_memory(words: str) -> str:
    wanted = re.search(r"allocate (\d+) bytes", words)
    seen = f" ({int(wanted[1]) / 1e6:,.0f} MB more are wanted)" if wanted else ""
    return f"This machine's memory is full{seen}; ask for a smaller batch or model, or close other programs."


def _full_gpu(words: str) -> str:
    """torch's own words are a paragraph; these are its two figures."""
    wanted, free = (re.search(pattern, words) for pattern in (r"allocate ([\d.]+ \w+)", r"of which ([\d.]+ \w+) is free"))
    seen = f" ({wanted[1]} wanted, {free[1]} free)" if wanted and free else ""
    return (
        f"The GPU's memory is full{seen}; ask for a smaller batch or model, close other programs on the GPU, or train on "
        "the processor by --device cpu."
    )


class DiffusionError(ExplorerError):
    """A diffusion prior cannot do what was asked."""
