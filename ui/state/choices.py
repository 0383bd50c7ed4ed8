"""What a visitor chose in a widget, where the browser may speak of one that was drawn anew since."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import streamlit as st

Option = TypeVar("Option")


def chosen(key: str, options: Collection[Option]) -> Option | None:
    """The value of the widget of this key where it is one of its options as they are now, else None.

    Streamlit hands a callback any words that it does not know as if they were a value: those of an option that went away, or
    that is called something else, between the browser's looking and its telling.
    """
    value = st.session_state.get(key)
    return value if value in options else None
