"""How the plane is drawn: colour, axes, scale and cells."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from torch import Tensor

import vae
from ui.charts.markup import percent
from ui.shell.axes import choose_axes
from ui.state import session
from ui.state.view import CELLS, COLOURS, SCALES
from vae.evaluation.comparison import explained_by_class
from vae.model.elbo import Terms

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
        st.session_state["cells"] = session.view().cells
        st.slider("Cells a side of the manifold", *CELLS, key="cells", on_change=_take, args=("cells",))
        st.session_state["buttons"] = session.view().buttons
        st.toggle("Cells as buttons, below the plane", key="buttons", on_change=_take, args=("buttons",))


def colour_sentence(colour: str, terms: Terms, labels: Tensor) -> str:
    """What to see in the codes coloured by a term."""
    if colour == "kl":
        return "**KL term** of each image: it grows outwards, with |mean|²/2, and as sigma gets smaller, with −log sigma."
    explained = percent(explained_by_class(terms.reconstruction, labels))
    return f"**Reconstruction term** of each image, from one sample of z: its class explains {explained} of the variance."


def _choose(name: str, widget: Callable, label: str, choices: tuple[str, ...], words: Callable, **options: object) -> None:
    st.session_state[name] = getattr(session.view(), name)
    widget(label, list(choices), key=name, format_func=words, on_change=_take, args=(name,), **options)


def _take(name: str) -> None:
    value = st.session_state[name]
    if value is not None:
        session.change(**{name: value})
