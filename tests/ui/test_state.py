"""The address, read and written by a session, through AppTest."""

import pytest
from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from ui import state

    st.text(f"{state.chosen_run()}|{state.pinned().z}|{state.pinned().probe}|{state.address_error()}")
    state.write_address()
    st.button("elsewhere", on_click=lambda: state.choose_run("other"))


def session(**query: str) -> AppTest:
    app = AppTest.from_function(script)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_the_address_is_read_and_written_back():
    app = session(run="mine", z="0.5,-1.25", image="7")
    assert app.text[0].value == "mine|(0.5, -1.25)|7|None"
    assert app.query_params["z"] == "0.5000,-1.2500"
    assert app.query_params["image"] == "7"


def test_another_run_keeps_z_but_nobodys_image():
    app = session(run="mine", z="0.5,-1.25", image="7")
    app.button[0].click().run()
    assert app.text[0].value == "other|(0.5, -1.25)|None|None"
    assert "image" not in app.query_params


@pytest.mark.parametrize(
    "query",
    [
        {"z": "here"},
        {"z": "1"},
        {"z": "1,2,3"},
        {"z": "nan,0"},
        {"z": "1e9,0"},
        {"z": "0,0", "image": "x"},
        {"z": "0,0", "image": "-1"},
    ],
)
def test_an_address_that_is_no_point_is_told_and_the_origin_shown(query):
    value = session(**query).text[0].value
    assert value.startswith("None|(0.0, 0.0)|None|The address asks for")
