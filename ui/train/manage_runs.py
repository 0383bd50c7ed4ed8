"""Renaming and deleting the run on the screen, folded away; each is asked once more before it is done."""

from __future__ import annotations

import streamlit as st

from ui.shell import actions, owner
from ui.state import session
from ui.text import literally, plain
from vae.runs.folder import RunFolder
from vae.runs.lifecycle import is_shipped

MEANWHILE = "Who looks at it meanwhile is told that it is gone, and sees another run."


def show(folder: RunFolder) -> None:
    """Two buttons for a run of one's own that is not in training."""
    with st.expander("Rename or delete"):
        if is_shipped(folder):
            st.caption(f"{literally(folder.name)} came with the explorer and stays as it is.")
            return
        if not owner.may_act():
            st.caption(owner.SENTENCE)
        left, right = st.columns(2, gap="small")
        options = {"width": "stretch"} | actions.for_visitors({})
        if left.button("Rename", key="ask_rename", **options):
            _rename(folder)
        if right.button("Delete", key="ask_delete", **options):
            remove(folder)
        actions.tell(actions.UPKEEP)


@st.dialog("Rename the run")
def _rename(folder: RunFolder) -> None:
    st.text_input("Its new name", folder.name, key="new_name", max_chars=64)
    st.caption("Links to the old name lead elsewhere from now on.")

    def rename() -> None:
        session.follow_rename(folder.name, actions.rename(folder, st.session_state["new_name"].strip()).name)

    if actions.button(st, "Rename", "rename", rename, actions.UPKEEP, type="primary"):
        st.rerun()


@st.dialog("Delete the run")
def remove(folder: RunFolder) -> None:
    """Ask once more, and delete."""
    words = "is deleted with its weights, frames and diffusion prior, and **cannot be had back**."
    st.markdown(f"{literally(folder.name)} {words}")
    st.caption(MEANWHILE)

    def delete() -> None:
        actions.delete(folder)
        session.leave_run(folder.name)

    if actions.button(st, f"Delete {plain(folder.name)}", "delete", delete, actions.UPKEEP, type="primary"):
        st.rerun()
