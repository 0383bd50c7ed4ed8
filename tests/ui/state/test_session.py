"""The view and its address through a session, by AppTest."""

import numpy as np
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui.state import session
from ui.state.view import View

OWN = np.random.default_rng(0).integers(0, 256, 784, np.uint8).tobytes()


def test_a_place_is_pinned_to_four_decimals_and_a_code_as_it_is(monkeypatch):
    monkeypatch.setattr(st, "session_state", {session.VIEW: View(probe=3), session.PROBLEM: "A sentence."})
    session.pin((0.123456, 1.0))
    assert session.view() == View(z=(0.1235, 1.0)) and session.problem() is None
    session.pin((0.123456, 1.0), probe=5)
    assert session.view() == View(z=(0.123456, 1.0), probe=5)
    session.pin((0.123456, 1.0), own=OWN)
    assert session.view() == View(z=(0.123456, 1.0), own=OWN)


def script() -> None:
    import streamlit as st

    from ui.state import session

    st.text(f"{session.chosen_run()}|{session.view().z}|{session.view().probe}|{session.problem()}")
    session.write_address()
    st.button("elsewhere", on_click=lambda: session.choose_run("other"))
    st.button("again", on_click=lambda: session.choose_run(session.chosen_run()))


def looking_at(**query: str) -> AppTest:
    app = AppTest.from_function(script)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_the_address_is_read_and_written_back():
    app = looking_at(run="mine", z="0.5,-1.25", image="7", layers="none", mode="present")
    assert app.text[0].value == "mine|(0.5, -1.25)|7|None"
    written = {"run": "mine", "z": "0.5000,-1.2500", "image": "7", "layers": "none", "mode": "present"}
    assert app.query_params == written


def test_what_the_address_asked_for_in_vain_leaves_it():
    app = looking_at(run="mine", z="north", cells="8", junk="x")
    assert app.text[0].value.startswith("mine|()|None|The address asks for `z=north")
    assert app.query_params == {"run": "mine", "cells": "8"}


def test_another_run_keeps_z_and_layers_but_nobodys_image_and_no_road():
    query = {"z": "0.5,-1.25", "image": "7", "layers": "prior", "a": "0,0", "b": "1,1", "axes": "2,3"}
    app = looking_at(run="mine", **query)
    app.button[0].click().run()
    assert app.text[0].value == "other|(0.5, -1.25)|None|None"
    assert app.query_params == {"run": "other", "z": "0.5000,-1.2500", "layers": "prior"}


def test_the_same_run_again_changes_nothing():
    app = looking_at(run="mine", z="0.5,-1.25", image="7")
    app.button[1].click().run()
    assert app.text[0].value == "mine|(0.5, -1.25)|7|None"
