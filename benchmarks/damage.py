"""Damages to a run's folder: of everything that lies there, by everything that can happen to it or be put in its place."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FRAMES = ("frames/0000.safetensors", "frames/0001.safetensors", "frames/0002.safetensors")
PRIOR = ("prior.json", "status.json", "metrics.jsonl", "model.safetensors", "codes.safetensors", "figures.json", "control.json")
FILES = (
    "run.json", "status.json", "metrics.jsonl", "model.safetensors", "trainer.safetensors", "control.json", "trainer.lock",
    "control.lock", *FRAMES, *(f"diffusion/{name}" for name in PRIOR),
)  # fmt: skip
FOLDERS = ("frames", "diffusion")
DEVICES = ("/dev/zero", "/dev/full", "/dev/null", "/dev/random", "/dev/tty")
NUMBERS = ("NaN", "-Infinity", "1e999", "1e308", "-1", "0", "1e-320", "9" * 19, "9" * 400, "0.5", "true", "null", '"1"', '"²"')
OTHERS = (*NUMBERS, '"x"', f'"{"x" * 10_000}"', "[]", "{}", "[" * 5000 + "]" * 5000, '"\\ud800"', "[[[1]]]", '{"a": {}}')
STEMS = ("²", "①", "٣", "+001", "1_000", "-001", " 0001", "0x01", "00001", "1e3", "9" * 200, "0001.safetensors", "½")


@dataclass(frozen=True)
class Damage:
    """What was done to which part of a run's folder."""

    part: str
    kind: str


def do_damage(run: Path, other: Path, chance: random.Random) -> Damage:
    """Damage one part of `run`, as `chance` will have it; `other` is a run of another shape, to take files from."""
    part = chance.choice(FILES + FOLDERS)
    kinds = OF_FOLDERS if part in FOLDERS else OF_ALL | (OF_JSON if ".json" in part else {})
    kinds |= OF_TENSORS if part.endswith(".safetensors") else {}
    kind = chance.choice(sorted(kinds))
    kinds[kind](run / part, other / part, chance)
    return Damage(part, kind)


def _put(path: Path, content: bytes) -> None:
    _remove(path)
    path.write_bytes(content)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flip(path: Path, other: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    reach = chance.choice((64, 4096, len(content)))  # the header matters most
    for _ in range(chance.randint(1, 30)):
        if content:
            content[chance.randrange(min(reach, len(content)))] = chance.randrange(256)
    _put(path, bytes(content))


def _cut(path: Path, other: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    _put(path, content[: chance.randrange(len(content) + 1)])


def _garbage(path: Path, other: Path, chance: random.Random) -> None:
    _put(path, chance.randbytes(chance.choice((1, 7, 8, 9, 1000, 1_000_000))))


def _link(path: Path, target: str) -> None:
    _remove(path)
    path.symlink_to(target)


def _sparse(path: Path, other: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(chance.choice((10**8, 10**9, 10**12)))


def _long_line(path: Path, other: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    _put(path, chance.choice((b'{"a": "', content.strip(), b"")) + b"x" * chance.choice((20_000, 10**6, 10**8)))


def _nested(path: Path, other: Path, chance: random.Random) -> None:
    depth, (opened, closed) = chance.choice((500, 5000, 400_000)), chance.choice((("[", "]"), ('{"a":', "}")))
    content = path.read_bytes() if path.suffix == ".jsonl" else b""
    _put(path, content + (opened * depth + "1" + closed * depth).encode() + b"\n")


def _another_value(path: Path, other: Path, chance: random.Random) -> None:
    """In the place of any value, however deep."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = chance.randrange(len(lines))
    lines[at] = changed_json(lines[at], chance)
    _put(path, ("\n".join(lines) + "\n").encode())


def changed_json(text: str, chance: random.Random) -> str:
    """JSON with another value in some place."""
    fields = json.loads(text)
    places = list(_places(fields))
    container, key = chance.choice(places)
    container[key] = MARK
    return json.dumps(fields).replace(f'"{MARK}"', chance.choice(OTHERS))


MARK = "a value is put here"


def _places(value: object) -> list[tuple]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    here = [(value, key) for key in keys]
    return here + [place for key in keys for place in _places(value[key])]


def _missing_field(path: Path, other: Path, chance: random.Random) -> None:
    fields = json.loads(path.read_text().splitlines()[0] if path.suffix == ".jsonl" else path.read_text())
    fields.pop(chance.choice(sorted(fields)))
    _put(path, json.dumps(fields | chance.choice(({}, {"more": 1}))).encode() + b"\n")


def _another_header(path: Path, other: Path, chance: random.Random) -> None:
    """A safetensors header with another value in some place, and its length told rightly."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = changed_json(content[8 : 8 + length].decode(), chance).encode()
    _put(path, struct.pack("<Q", len(header)) + header + content[8 + length :])


def _header_length(path: Path, other: Path, chance: random.Random) -> None:
    _put(path, struct.pack("<Q", chance.choice((0, 1, 10**6, 10**8, 10**15, 2**64 - 1))) + path.read_bytes()[8:])


def _many_tensors(path: Path, other: Path, chance: random.Random) -> None:
    one = {"dtype": chance.choice(("F32", "U8", "F64", "BOOL", "C64")), "shape": [0, 2**40], "data_offsets": [0, 0]}
    header = json.dumps({f"t{number}": one for number in range(chance.choice((1, 1000, 1_000_000)))}).encode()
    _put(path, struct.pack("<Q", len(header)) + header)


def _of_another_run(path: Path, other: Path, chance: random.Random) -> None:
    _remove(path)
    (shutil.copytree if other.is_dir() else shutil.copy)(other, path)


def _of_another_part(path: Path, other: Path, chance: random.Random) -> None:
    _put(path, (_root(path) / chance.choice(FILES)).read_bytes())


def _root(path: Path) -> Path:
    return next(parent for parent in path.parents if (parent / "run.json").exists())


def _odd_name(path: Path, other: Path, chance: random.Random) -> None:
    inside = sorted(path.iterdir())
    chosen = chance.choice(inside)
    chosen.rename(chosen.with_name(f"{chance.choice(STEMS)}{chosen.suffix}"))


def _file_instead(path: Path, other: Path, chance: random.Random) -> None:
    _put(path, chance.randbytes(100))


OF_FOLDERS: dict[str, Callable] = {
    "absent": lambda path, other, chance: _remove(path),
    "a file": _file_instead,
    "a pipe": lambda path, other, chance: (_remove(path), os.mkfifo(path)),
    "a link to itself": lambda path, other, chance: _link(path, str(path)),
    "of another run": _of_another_run,
    "an odd name": _odd_name,
}
OF_ALL: dict[str, Callable] = {
    "absent": OF_FOLDERS["absent"],
    "empty": lambda path, other, chance: _put(path, b""),
    "bytes flipped": _flip,
    "cut off": _cut,
    "garbage": _garbage,
    "a folder": lambda path, other, chance: (_remove(path), path.mkdir()),
    "a pipe": OF_FOLDERS["a pipe"],
    "a link to a device": lambda path, other, chance: _link(path, chance.choice(DEVICES)),
    "a link to itself": OF_FOLDERS["a link to itself"],
    "a link to nothing": lambda path, other, chance: _link(path, "/nowhere"),
    "sparse": _sparse,
    "a long line": _long_line,
    "nested": _nested,
    "of another run": _of_another_run,
    "of another part": _of_another_part,
}
OF_JSON: dict[str, Callable] = {"another value": _another_value, "a field is missing": _missing_field}
OF_TENSORS: dict[str, Callable] = {
    "another header": _another_header,
    "another length of the header": _header_length,
    "many tensors": _many_tensors,
}
