"""The Train page: ask for a run, watch it live and steer it.

The page is only a watcher. Trainings are processes of their own, and all it knows of them is in their folders.
"""

from __future__ import annotations

import streamlit as st

from ui import ask, frame, manage, resources, state, steer, watch
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
    folder = frame.begin("Train")
    active = folder is not None and resources.is_active(folder)
    with st.container(key="say"):
        st.html(f'<p class="lead">{LEAD_WHILE_TRAINING if active else LEAD}</p>')
    form, live = st.columns([0.3, 1], gap="medium")
    if active:
        with form:
            steer.show(folder)  # first: it is soon there, and a hand may wait for it
    with live:
        if folder is None:
            frame.no_runs()
        else:
            try:
                watch.show(folder)
            except ExplorerError as error:
                frame.say(error)
    with form:
        if active:
            with st.expander("Ask for another run"):
                ask.show()
        else:
            if folder is not None:
                steer.show_ended(folder)
            ask.show()
            if folder is not None:
                manage.show(folder)
    resources.settle_memory("train", "")
    state.write_address()


main()
