"""The one kind of error that is meant to be read by a user."""


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
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'} cannot be used: {error.strerror}."
    return f"{type(error).__name__}: {error}"
