"""Files that are replaced whole, and read with suspicion. Every failure is a `RunError` of one sentence."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from vae.errors import RunError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LARGEST_JSON, LARGEST_TENSORS = 1_000_000, 200_000_000  # bytes; a prior's codes in 256 dimensions have 143 million
LARGEST_INTEGER, LARGEST_NUMBER = 2**63, 1e100
METADATA = "__metadata__"
KINDS: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float)}

NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""A pipe is not waited for, and a terminal does not take over the process."""


def open_regular(path: Path, mode: str = "rb", largest: int | None = None) -> IO[bytes]:
    """`path` in the binary `mode`, where it is a regular file of at most `largest` bytes. Raises `OSError`, and never waits."""
    file = open(path, mode, opener=lambda name, flags: os.open(name, flags | NO_WAITING, 0o666))  # noqa: SIM115
    try:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device", str(path))
        if largest is not None and seen.st_size > largest:
            raise OSError(errno.EFBIG, f"it has {seen.st_size:,} bytes, and {largest:,} are the most", str(path))
    except OSError:
        file.close()
        raise
    return file


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, flush to disk, rename: a reader sees the old file or the new one, never half of either."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        patiently(lambda: os.replace(temporary, path))
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise cannot_write(path, error) from error


SECONDS_TO_READ = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""How long one waits, again and again, for those who read a file. What a run's readers open they have read in a moment."""


def patiently(change: Callable[[], None]) -> None:
    """Replace or remove a file, which Windows refuses while anybody has it open."""
    for seconds in SECONDS_TO_READ:
        try:
            return change()
        except PermissionError:
            time.sleep(seconds)
    return change()


def cannot_write(path: Path, error: OSError) -> RunError:
    """The sentence for a file or folder that could not be written."""
    return RunError(f"{path} cannot be written ({error.strerror or error}); {_WAYS_TO_WRITE.get(error.errno, TRY_AGAIN)}.")


TRY_AGAIN = "try again, or choose another folder"
_WAYS_TO_WRITE: dict[int | None, str] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on that disk"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that you may write to"),
    **dict.fromkeys((errno.EISDIR, errno.EINVAL, errno.ENXIO), "move away what is in its place"),
    errno.ENOTDIR: "a folder on the way there is a file, so choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOMEM: "close other programs, which take the memory",
}


def cannot_read(path: Path, error: OSError) -> RunError:
    """The sentence for a file that is there and could not be read."""
    denied = error.errno in (errno.EACCES, errno.EPERM)
    way = "check the folder's permissions" if denied else "copy the run again"
    return RunError(f"{path} cannot be read ({error.strerror or error}); {way}.")


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Replace `path` by `fields` as JSON; numbers that are not finite are refused."""
    write_whole(path, (json.dumps(fields, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`."""
    try:
        with open_regular(path, largest=LARGEST_JSON) as file:
            fields = parse_json(file.read(LARGEST_JSON))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing, so {path.parent} is no run; choose a folder that a training wrote.") from error
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValueError as error:
        raise _damaged(path, "is not JSON of finite numbers") from error
    if not isinstance(fields, dict):
        raise _damaged(path, "does not hold one JSON object")
    return fields


def parse_json(content: bytes | str) -> Any:
    """What JSON says. Raises `ValueError` on anything else, NaN and infinities, and numbers too large to compute with."""
    try:
        return json.loads(content, parse_constant=_finite, parse_float=_finite, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("values lie within values without end") from error


def fields_fit(instance: DataclassInstance) -> bool:
    """Whether all fields of a dataclass that are said to be words or finite numbers are. Others are passed over."""
    values = [(field.type, getattr(instance, field.name)) for field in dataclasses.fields(instance)]
    return all(_is_of(kind, value) for kind, value in values if kind in KINDS)


def _is_of(kind: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, KINDS[kind]):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _finite(digits: str) -> float:
    if not abs(number := float(digits)) <= LARGEST_NUMBER:  # so NaN and infinities are refused
        raise ValueError(f"{digits[:40]} is not finite, or too large")
    return number


def _integer(digits: str) -> int:
    if abs(number := int(digits)) >= LARGEST_INTEGER:
        raise ValueError(f"{digits[:40]} is too large")
    return number


def write_tensors(path: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
    """Replace `path` by a safetensors file of named tensors, and named numbers in its header."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {name: json.dumps(value) for name, value in numbers.items()}
    write_whole(path, safetensors.torch.save(contiguous, metadata))


NOT_TENSORS = (safetensors.SafetensorError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a file's content makes its readers raise when it is something else (recursion without end is a `RuntimeError`)."""


def read_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None, largest: int = LARGEST_TENSORS
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The tensors and numbers of `write_tensors`, from a file of at most `largest` bytes.

    With `shapes`, names and shapes are compared, every tensor has to be float32, and the file is as large as they make it.
    """
    if shapes is not None:
        largest = LARGEST_JSON + sum(4 * math.prod(shape) for shape in shapes.values())
    try:
        header, content = _read_content(path, largest)
        numbers = {name: float(json.loads(value)) for name, value in header.get(METADATA, {}).items()}
        tensors = safetensors.torch.load(content)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; copy the run again, or resume its training to write it.") from error
    except OSError as error:
        raise cannot_read(path, error) from error
    except NOT_TENSORS as error:
        raise _damaged(path, "is cut off or is not a safetensors file") from error
    if not all(map(math.isfinite, numbers.values())):
        raise _damaged(path, "holds numbers that are not finite")
    if shapes is not None:
        _check_shapes(path, tensors, shapes)
    return tensors, numbers


def _read_content(path: Path, largest: int) -> tuple[dict[str, Any], bytes]:
    """The header and all bytes of a safetensors file that is as long as its header says, and no longer than that is sensible.

    Its tensors are not left on the disk, as safetensors does by default: the system ends a process that reads there when the
    file has been cut off meanwhile, by copying another one over it, say.
    """
    with open_regular(path, largest=largest) as file:
        begin = file.read(8)
        if (length := int.from_bytes(begin, "little")) > LARGEST_JSON:
            raise ValueError("the header has no end")
        begin += file.read(length)
        header = parse_json(begin[8:])
        end = max((tensor["data_offsets"][1] for name, tensor in header.items() if name != METADATA), default=0)
        if 8 + length + end != os.fstat(file.fileno()).st_size:
            raise ValueError("the file is longer or shorter than its header says")
        return header, begin + file.read(end)


def _check_shapes(path: Path, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    there = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(set(there) | set(shapes)):
        if there.get(name) != shapes.get(name):
            raise RunError(
                f"{path} does not fit run.json: {name} is {_shape(there.get(name))} in the file and "
                f"{_shape(shapes.get(name))} in the model; copy the run again, both files together."
            )
    if any(tensor.dtype != torch.float32 for tensor in tensors.values()):
        raise _damaged(path, "holds weights that are not float32")


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape)) or "one number"


def _damaged(path: Path, what: str) -> RunError:
    return RunError(f"{path} {what}; it was damaged or was not written by a training, so copy the run again.")


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether no tensor holds a NaN or an infinity."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())
