"""The Train page: ask for a run, watch it live and steer it.

The page is only a watcher. Trainings are processes of their own, and all it knows of them is in their folders.
"""

from __future__ import annotations

import streamlit as st

from ui.cache import memory, runs
from ui.shell import page_frame
from ui.state import session
from ui.text import literally
from ui.train import control_panel, live_run, manage_runs, run_form
from vae.errors import ExplorerError

LEAD = (
    "Training makes the ELBO rise: better reconstructions, paid for by the KL term. "
    "<b>Start one</b> and watch both. It goes on when you close this page."
)
LEAD_WHILE_TRAINING = (
    "Training makes <b>reconstruction − beta · KL</b> rise, with beta 1 the ELBO. "
    "<b>Turn beta</b>, the price of the KL term, and watch the plane answer."
)


def main() -> None:
    folder = page_frame.begin("Train")
    active = folder is not None and runs.is_active(folder)
    with st.container(key="say"):
        st.html(f'<p class="lead">{LEAD_WHILE_TRAINING if active else LEAD}</p>')
    form, live = st.columns([0.3, 1], gap="medium")
    if folder is not None:
        with form, st.container(border=True, key="this_run"):  # first: it is soon there, and a hand may wait for it
            st.markdown(f"**This run**: {literally(folder.name)}")
            control_panel.show(folder, active, manage_runs.remove)
    with live:
        if folder is None:
            page_frame.no_runs()
        else:
            try:
                live_run.show(folder)
            except ExplorerError as error:
                page_frame.say(error)
    with form:
        with st.container(border=True, key="new_run"):
            if active:
                with st.expander("**A new run**"):
                    run_form.show()
            else:
                st.markdown("**A new run**")
                run_form.show()
        if folder is not None and not active:
            manage_runs.show(folder)
    memory.settle_memory("train", "")
    session.write_address()


main()
