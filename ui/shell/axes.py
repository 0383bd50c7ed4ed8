"""Which two dimensions of a wider latent space the plane shows."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.state import choices, session
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
    shown = {"format_func": "z{}".format, "on_change": _take_axes, "args": (numbers,)}
    left.selectbox("Across", [n for n in numbers if n != second], key="axis_1", **shown)
    right.selectbox("Up", [n for n in numbers if n != first], key="axis_2", **shown)


def _take_axes(numbers: Sequence[int] = ()) -> None:
    if st.session_state["axes_kind"] == "Principal components":
        session.change(axes=PRINCIPAL)
    elif session.view().axes == PRINCIPAL:
        session.change(axes="1,2")
    elif None not in (axes := [choices.chosen(key, numbers) for key in ("axis_1", "axis_2")]):
        session.change(axes=",".join(map(str, axes)))
