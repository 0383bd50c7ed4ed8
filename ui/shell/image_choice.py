"""Which held-out image is looked at: by class, at random within it, or by number."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
import torch

from ui.state import choices, session

ANY = "any class"


def choose_image(labels: torch.Tensor, class_names: Sequence[str], probe: int | None, words: str = "Another image") -> None:
    """Three controls side by side; `words` stand on the button. No number is shown where no held-out image is chosen."""
    names = [ANY, *class_names]
    hidden = {"label_visibility": "collapsed", "width": 150}
    st.selectbox("Class", range(len(names)), format_func=names.__getitem__, key="of_class", **hidden)
    st.button(words, key="another", on_click=_another, args=(labels, len(names)), help="At random, of this class")
    st.session_state["image_number"] = probe
    st.number_input(
        "Image number", 0, len(labels) - 1, None, key="image_number", placeholder="number", on_change=_by_number, **hidden
    )


def _another(labels: torch.Tensor, classes: int) -> None:
    of_class = choices.chosen("of_class", range(classes))
    among = (labels == of_class - 1).nonzero().flatten() if of_class else torch.arange(len(labels))
    if len(among):
        _pin(int(among[torch.randint(len(among), (1,))]))


def _by_number() -> None:
    number = st.session_state["image_number"]
    if number is not None:
        _pin(int(number))


def _pin(probe: int) -> None:
    session.pin(session.view().z, probe=probe)
