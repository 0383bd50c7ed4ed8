"""How the plane is drawn: colour, axes, scale and cells."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from torch import Tensor

import vae
from ui import state
from ui.pictures import percent
from ui.view import CELLS, COLOURS, PRINCIPAL, SCALES, View
from vae.comparison import explained_by_class
from vae.elbo import Terms

COLOUR_NAMES = {"class": "Class", "kl": "KL term", "reconstruction": "Reconstruction"}
SCALE_NAMES = {"linear": "z", "quantile": "The prior's quantiles"}


def show(run: vae.Run, with_codes: bool) -> None:
    """What redraws the chart."""
    latent = run.config.model.latent
    if with_codes:
        _choose(
            "colour", st.segmented_control, "Colour", COLOURS, COLOUR_NAMES.get, label_visibility="collapsed", required=True
        )
    with st.popover("Plane", icon=":material/tune:", help="Axes, scale and cells of the plane"):
        if latent > 2:
            choose_axes(latent, with_codes)
        _choose("scale", st.segmented_control, "Axes show", SCALES, SCALE_NAMES.get, required=True)
        st.session_state["cells"] = state.view().cells
        st.slider("Cells a side of the manifold", *CELLS, key="cells", on_change=_take, args=("cells",))
        st.session_state["buttons"] = state.view().buttons
        st.toggle("Cells as buttons, below the plane", key="buttons", on_change=_take, args=("buttons",))


def colour_sentence(colour: str, terms: Terms, labels: Tensor) -> str:
    """What to see in the codes coloured by a term."""
    if colour == "kl":
        return "**KL term** of each image: it grows outwards, with |mean|²/2, and as sigma gets smaller, with −log sigma."
    explained = percent(explained_by_class(terms.reconstruction, labels))
    return f"**Reconstruction term** of each image, from one sample of z: its class explains {explained} of the variance."


def _choose(name: str, widget: Callable, label: str, choices: tuple[str, ...], words: Callable, **options: object) -> None:
    st.session_state[name] = getattr(state.view(), name)
    widget(label, list(choices), key=name, format_func=words, on_change=_take, args=(name,), **options)


def _take(name: str) -> None:
    value = st.session_state[name]
    if value is not None:
        state.change(**{name: value})


def settle_axes(latent: int, with_codes: bool) -> None:
    """Axes that the run does not have become the default; principal components need its codes."""
    axes = state.view().axes
    fits = with_codes if axes == PRINCIPAL else max(map(int, axes.split(","))) <= latent
    if axes != View.axes and (latent < 3 or not fits):
        state.settle(axes=View.axes)


def choose_axes(latent: int, with_codes: bool) -> None:
    """Two latent dimensions, or the two first principal components of the codes."""
    axes = state.view().axes
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
        state.change(axes=PRINCIPAL)
    elif state.view().axes == PRINCIPAL:
        state.change(axes="1,2")
    else:
        state.change(axes=f"{st.session_state['axis_1']},{st.session_state['axis_2']}")
