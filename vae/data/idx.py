"""MNIST's own file format, idx: a number that tells what is in the file, the length of each axis, then one byte a value.

Files may be packed by gzip, as they are published, or unpacked.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

KINDS = {0x803: "images", 0x801: "labels"}
"""Files begin with such a number: bytes (8) along three axes, or along one."""

PACKED = b"\x1f\x8b"
"""How a file begins that is packed by gzip, whatever its name is."""


class IdxError(Exception):
    """What a file holds in place of what was expected, in words that go on after the file's name."""


class MisnamedError(IdxError):
    """The file holds what belongs into another file of the data set."""


def read_idx(path: Path, kind: str, shape: tuple[int, ...]) -> Tensor:
    """The `images` (N, H, W) or `labels` (N,) in a file, uint8, of exactly this shape.

    Raises `IdxError` where the file holds anything else, and `OSError` where it cannot be read.
    """
    size = math.prod(shape)
    header = struct.calcsize(_header(shape))
    try:
        with path.open("rb") as file:
            content = _unpacked(file).read(header + size + 1)  # a file that unpacks to more than fits is not read on
    except EOFError as error:
        raise IdxError("is cut off") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise IdxError("is damaged: it cannot be unpacked") from error
    _check_kind(content, kind)
    if len(content) < header:
        raise IdxError("is cut off")
    _check_shape(kind, struct.unpack_from(_header(shape), content)[1:], shape)
    if len(content) != header + size:
        raise IdxError("is cut off" if len(content) < header + size else "is longer than it says")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header).view(shape)


def _header(shape: tuple[int, ...]) -> str:
    return f">{1 + len(shape)}I"


def _unpacked(file: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    packed = file.read(len(PACKED)) == PACKED
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if packed else file


def _check_kind(content: bytes, kind: str) -> None:
    if not content:
        raise IdxError("is empty")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise IdxError("is a web page, perhaps the refusal of a server, saved under the name of the data")
    found = KINDS.get(int.from_bytes(content[:4], "big"))
    if found is None:
        raise IdxError(f"is no file of {kind} in MNIST's format (idx)")
    if found != kind:
        raise MisnamedError(f"holds {found} and not {kind}")


def _check_shape(kind: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found[1:] != expected[1:]:
        raise IdxError(f"holds images of {found[1]:,} x {found[2]:,} pixels and not of {expected[1]} x {expected[2]}")
    if found[0] != expected[0]:
        raise MisnamedError(f"holds {found[0]:,} {kind} and not {expected[0]:,}")
