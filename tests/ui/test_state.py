"""The view and its address: every part alone, and through a session by AppTest."""

import base64
import dataclasses
import zlib

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui import state
from ui.view import FIELDS, LAYERS, View, literally, read_address

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
    "q": (0.5, -1.25, 0.0625, 0.5),
    "pixels": "random",
    "section": "derivation",
    "epoch": 0,
    "start": (-1.0, 0.25, 0.0),
    "end": (2.5, -3.0, 1.0),
    "presenting": True,
    "runs": ("mnist", "digits", "mine-2"),
    "picture": "codes",
    "own_scales": True,
    "direction": "backward",
    "guide": 0,
    "weight": 7.5,
    "chain": 1000,
    "sampler": "ancestral",
    "noise": "linear",
    "chapter": "ledger",
}


@pytest.fixture
def address_of(monkeypatch):
    """The address of a view, in a session of its own."""

    def address(view: View, run: str | None = None) -> dict[str, str]:
        monkeypatch.setattr(st, "session_state", {state.VIEW: view, state.RUN: run})
        return state.address()

    return address


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def test_the_examples_change_every_field():
    assert set(CHANGED) == {field.name for field in dataclasses.fields(View)}
    assert not [name for name, value in CHANGED.items() if value == getattr(View(), name)]


@pytest.mark.parametrize("names", [*([name] for name in CHANGED), list(CHANGED)], ids=lambda names: "+".join(names)[:20])
def test_an_address_reopens_the_view_it_was_written_for(address_of, names):
    view = View(**{name: CHANGED[name] for name in names})
    query = address_of(view, "mine")
    assert query.pop("run") == "mine" and len(query) == len(names)
    assert all(isinstance(value, str) and value.isascii() for value in query.values())
    assert read_address(query) == (view, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("layers", ()), ("layers", LAYERS), ("axes", "pca"), ("source", "draw"), ("colour", "reconstruction"),
     ("cells", 5), ("cells", 40), ("z", (0.25,)), ("z", (0.5,) * 256), ("z", (-100.0, 100.0)), ("own", bytes(784)),
     ("own", b"\xff" * 784), ("probe", 0),
     ("runs", ("one",)), ("runs", ("a", "b", "c", "d"))],
)  # fmt: skip
def test_extremes_of_a_part_survive_as_well(address_of, name, value):
    view = View(**{name: value})
    assert read_address(address_of(view)) == (view, None)


def test_z_is_written_to_four_decimals(address_of):
    view, problem = read_address(address_of(View(z=(0.123456, -2.98768))))
    assert view.z == (0.1235, -2.9877) and problem is None


@pytest.mark.parametrize("latent", [2, 8, 256])
def test_a_gaussian_comes_back_from_its_address_in_single_precision(address_of, latent):
    generator = np.random.default_rng(latent)
    means, deviations = 3 * generator.standard_normal(latent), 10 ** generator.uniform(-9, 1, latent)
    q = tuple(np.concatenate([means, deviations]).astype(np.float32).tolist())
    view, problem = read_address(address_of(View(q=q)))
    assert problem is None and np.float32(view.q).tolist() == list(q)


def test_deviations_of_a_gaussian_that_four_decimals_would_lose_come_back(address_of):
    view = View(q=(0.5, -1.2, 3.12e-05, 4.51e-05))
    assert address_of(view) == {"q": "0.5,-1.2,3.12e-05,4.51e-05"}
    assert read_address(address_of(view)) == (view, None)


def test_what_is_as_always_is_left_out(address_of):
    assert address_of(View()) == {}
    assert address_of(View(), "mine") == {"run": "mine"}
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
def test_a_malformed_part_is_told_and_costs_only_itself(address_of, name, text):
    query = address_of(View(**CHANGED)) | {name: text}
    view, problem = read_address(query)
    field = FIELDS[name].name
    assert view == dataclasses.replace(View(**CHANGED), **{field: getattr(View(), field)})
    asked = literally(f"{name}={text[:60]}")
    assert problem == f"The address asks for {asked}, which is no {FIELDS[name].expected}."


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
    assert view == View() and "which is no image of one's own" in problem and len(problem) < 200
    assert len(taken[0]) <= 785


def test_an_own_image_fits_into_an_address(address_of):
    assert len(address_of(View(own=OWN))["own"]) < 1200  # noise, the worst there is


def test_a_place_is_pinned_to_four_decimals_and_a_code_as_it_is(monkeypatch):
    monkeypatch.setattr(st, "session_state", {state.VIEW: View(probe=3), state.PROBLEM: "A sentence."})
    state.pin((0.123456, 1.0))
    assert state.view() == View(z=(0.1235, 1.0)) and state.problem() is None
    state.pin((0.123456, 1.0), probe=5)
    assert state.view() == View(z=(0.123456, 1.0), probe=5)
    state.pin((0.123456, 1.0), own=OWN)
    assert state.view() == View(z=(0.123456, 1.0), own=OWN)


def script() -> None:
    import streamlit as st

    from ui import state

    st.text(f"{state.chosen_run()}|{state.view().z}|{state.view().probe}|{state.problem()}")
    state.write_address()
    st.button("elsewhere", on_click=lambda: state.choose_run("other"))
    st.button("again", on_click=lambda: state.choose_run(state.chosen_run()))


def session(**query: str) -> AppTest:
    app = AppTest.from_function(script)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_the_address_is_read_and_written_back():
    app = session(run="mine", z="0.5,-1.25", image="7", layers="none", mode="present")
    assert app.text[0].value == "mine|(0.5, -1.25)|7|None"
    written = {"run": "mine", "z": "0.5000,-1.2500", "image": "7", "layers": "none", "mode": "present"}
    assert app.query_params == written


def test_what_the_address_asked_for_in_vain_leaves_it():
    app = session(run="mine", z="north", cells="8", junk="x")
    assert app.text[0].value.startswith("mine|()|None|The address asks for `z=north")
    assert app.query_params == {"run": "mine", "cells": "8"}


def test_another_run_keeps_z_and_layers_but_nobodys_image_and_no_road():
    query = {"z": "0.5,-1.25", "image": "7", "layers": "prior", "a": "0,0", "b": "1,1", "axes": "2,3"}
    app = session(run="mine", **query)
    app.button[0].click().run()
    assert app.text[0].value == "other|(0.5, -1.25)|None|None"
    assert app.query_params == {"run": "other", "z": "0.5000,-1.2500", "layers": "prior"}


def test_the_same_run_again_changes_nothing():
    app = session(run="mine", z="0.5,-1.25", image="7")
    app.button[1].click().run()
    assert app.text[0].value == "mine|(0.5, -1.25)|7|None"
