"""The view and its address through a session, by AppTest."""

import numpy as np
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui import state
from ui.view import View

OWN = np.random.default_rng(0).integers(0, 256, 784, np.uint8).tobytes()


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
