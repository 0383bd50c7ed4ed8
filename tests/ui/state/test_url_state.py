"""A view and how it reads in an address: every part alone."""

import base64
import dataclasses
import zlib

import numpy as np
import pytest

from ui.state.url_state import FIELDS, in_words, read_address
from ui.state.view import LAYERS, View
from ui.text import literally

OWN = np.random.default_rng(0).integers(0, 256, 784, np.uint8).tobytes()
CHANGED = {
    "z": (0.5, -1.25, 3.1416),
    "probe": 7,
    "own": OWN,
    "source": "upload",
    "layers": ("manifold", "change"),
    "colour": "kl",
    "axes": "3,1",
    "scale": "quantile",
    "cells": 33,
    "buttons": True,
    "epsilon": 12,
    "draws": 3,
    "drawn_pixels": True,
    "q": (0.5, -1.25, 0.0625, 0.5),
    "pixels": "random",
    "section": "derivation",
    "epoch": 0,
    "start": (-1.0, 0.25, 0.0),
    "end": (2.5, -3.0, 1.0),
    "presenting": True,
    "runs": ("mnist", "digits", "mine-2"),
    "picture": "codes",
    "one_scale": True,
    "aligned": True,
    "direction": "backward",
    "guide": 0,
    "weight": 7.5,
    "chain": 1000,
    "sampler": "ancestral",
    "noise": "linear",
    "chapter": "ledger",
    "lesson": "my lesson",
    "step": 3,
}


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def test_the_examples_change_every_field():
    assert set(CHANGED) == {field.name for field in dataclasses.fields(View)}
    assert not [name for name, value in CHANGED.items() if value == getattr(View(), name)]


@pytest.mark.parametrize("names", [*([name] for name in CHANGED), list(CHANGED)], ids=lambda names: "+".join(names)[:20])
def test_an_address_reopens_the_view_it_was_written_for(names):
    view = View(**{name: CHANGED[name] for name in names})
    query = in_words(view)
    assert len(query) == len(names)
    assert all(isinstance(value, str) and value.isascii() for value in query.values())
    assert read_address(query) == (view, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("layers", ()), ("layers", LAYERS), ("axes", "pca"), ("source", "draw"), ("colour", "reconstruction"),
     ("cells", 5), ("cells", 40), ("z", (0.25,)), ("z", (0.5,) * 256), ("z", (-100.0, 100.0)), ("own", bytes(784)),
     ("own", b"\xff" * 784), ("probe", 0),
     ("runs", ("one",)), ("runs", ("a", "b", "c", "d"))],
)  # fmt: skip
def test_extremes_of_a_part_survive_as_well(name, value):
    view = View(**{name: value})
    assert read_address(in_words(view)) == (view, None)


def test_z_is_written_to_four_decimals():
    view, problem = read_address(in_words(View(z=(0.123456, -2.98768))))
    assert view.z == (0.1235, -2.9877) and problem is None


@pytest.mark.parametrize("latent", [2, 8, 256])
def test_a_gaussian_comes_back_from_its_address_in_single_precision(latent):
    generator = np.random.default_rng(latent)
    means, deviations = 3 * generator.standard_normal(latent), 10 ** generator.uniform(-9, 1, latent)
    q = tuple(np.concatenate([means, deviations]).astype(np.float32).tolist())
    view, problem = read_address(in_words(View(q=q)))
    assert problem is None and np.float32(view.q).tolist() == list(q)


def test_deviations_of_a_gaussian_that_four_decimals_would_lose_come_back():
    view = View(q=(0.5, -1.2, 3.12e-05, 4.51e-05))
    assert in_words(view) == {"q": "0.5,-1.2,3.12e-05,4.51e-05"}
    assert read_address(in_words(view)) == (view, None)


def test_what_is_as_always_is_left_out():
    assert in_words(View()) == {}
    assert read_address({}) == (View(), None)
    assert read_address({"run": "mine", "utm_source": "mail"}) == (View(), None)


MALFORMED = [
    *(("z", text) for text in ("", "north", "1,,2", "nan,0", "inf,0", "1e9,0", "1000001,0", ",".join(["0"] * 257), "1;2")),
    *(("image", text) for text in ("", "x", "-1", "1.5", "99999999999", "1,2")),
    *(("original", text) for text in ("", "camera", "Test")),
    *(("layers", text) for text in ("", "clouds", "prior,", "prior,clouds", "prior;density", "none,prior")),
    *(("colour", text) for text in ("", "red", "KL")),
    *(("axes", text) for text in ("", "1", "1,1", "0,1", "1,257", "1,2,3", "x,y", "PCA", "-1,2")),
    *(("scale", text) for text in ("", "log")),
    *(("cells", text) for text in ("", "4", "41", "many", "1e1", "-20")),
    *(("buttons", text) for text in ("", "off", "1", "true")),
    *(("epsilon", text) for text in ("", "-1", "x", "2147483648")),
    *(("draws", text) for text in ("", "-1", "many")),
    *(("x", text) for text in ("", "mean")),
    *(("q", text) for text in ("", "0,0,1", "0,0,1,0", "0,0,1,-1", "0,0,nan,1", "x,0,1,1", ",".join(["1"] * 514))),
    *((name, text) for name in ("pixels", "section") for text in ("", "else")),
    *(("runs", text) for text in ("", ",", "mnist,", "mnist,mnist", "a,b,c,d,e")),
    *(("picture", text) for text in ("", "all")),
    *(("scales", text) for text in ("", "shared")),
    *((end, text) for end in "ab" for text in ("", "here", "nan,0", "1e9,0")),
    *(("mode", text) for text in ("", "train", "on")),
    ("own", ""),
    ("own", "junk"),
    ("own", "not base64!"),
    ("own", "…"),
    ("own", packed(b"not zlib")),
    ("own", packed(zlib.compress(OWN[:783]))),
    ("own", packed(zlib.compress(OWN + b"x"))),
    ("own", packed(zlib.compress(OWN)[:200])),
    ("own", packed(OWN)),
    ("own", "A"),
]


@pytest.mark.parametrize(("name", "text"), MALFORMED, ids=[f"{name}={text[:16]}" for name, text in MALFORMED])
def test_a_malformed_part_is_told_and_costs_only_itself(name, text):
    query = in_words(View(**CHANGED)) | {name: text}
    view, problem = read_address(query)
    field = FIELDS[name].name
    assert view == dataclasses.replace(View(**CHANGED), **{field: getattr(View(), field)})
    asked = literally(f"{name}={text[:60]}")
    expected = FIELDS[name].expected
    article = "an" if expected.startswith(("image", "epoch")) else "a"
    assert problem == f"The address asks for {asked}, which is not {article} {expected}."


def test_the_first_of_several_malformed_parts_is_told():
    view, problem = read_address({"cells": "x", "z": "north", "colour": "kl"})
    assert view == View(colour="kl")
    assert "z=north" in problem and "cells" not in problem


def test_a_decompression_bomb_is_told_and_never_unpacked(monkeypatch):
    taken = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self):
            self.inner = real()

        def decompress(self, *arguments):
            taken.append(self.inner.decompress(*arguments))
            return taken[-1]

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    monkeypatch.setattr(zlib, "decompress", lambda *_: pytest.fail("unpacked without a bound"))
    bomb = packed(zlib.compress(bytes(50_000_000), 9))
    view, problem = read_address({"own": bomb})
    assert view == View() and "which is not an image of one's own" in problem and len(problem) < 200
    assert len(taken[0]) <= 785


def test_an_own_image_fits_into_an_address():
    assert len(in_words(View(own=OWN))["own"]) < 1200  # noise, the worst there is
