"""Which two dimensions of a wider latent space the plane shows."""

from __future__ import annotations

import streamlit as st

from ui.state import session
from ui.state.view import PRINCIPAL, View


def settle_axes(latent: int, with_codes: bool) -> None:
    """Axes that the run does not have become the default; principal components need its codes."""
    axes = session.view().axes
    fits = with_codes if axes == PRINCIPAL else max(map(int, axes.split(","))) <= latent
    if axes != View.axes and (latent < 3 or not fits):
        session.settle(axes=View.axes)


def choose_axes(latent: int, with_codes: bool) -> None:
    """Two latent dimensions, or the two first principal components of the codes."""
    axes = session.view().axes
    kinds = ["Two dimensions", "Principal components"] if with_codes else ["Two dimensions"]
    st.session_state["axes_kind"] = kinds[axes == PRINCIPAL]
    st.segmented_control("The plane spans", kinds, key="axes_kind", on_change=_take_axes, required=True)
    if axes == PRINCIPAL:
        return
    numbers = list(range(1, latent + 1))
    first, second = map(int, axes.split(","))
    st.session_state["axis_1"], st.session_state["axis_2"] = first, second
    left, right = st.columns(2)
    left.selectbox("Across", [n for n in numbers if n != second], key="axis_1", format_func="z{}".format, on_change=_take_axes)
    right.selectbox("Up", [n for n in numbers if n != first], key="axis_2", format_func="z{}".format, on_change=_take_axes)


def _take_axes() -> None:
    if st.session_state["axes_kind"] == "Principal components":
        session.change(axes=PRINCIPAL)
    elif session.view().axes == PRINCIPAL:
        session.change(axes="1,2")
    else:
        session.change(axes=f"{st.session_state['axis_1']},{st.session_state['axis_2']}")
