"""How a run was trained: its curves, its figures and the command that makes one like it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.cache import run_files
from ui.charts import curves
from ui.glossary import term
from vae.cli.arguments import command_line
from vae.config import RunConfig
from vae.runs.folder import RunFolder

LOOKS_UP = (
    "Its encoder **looks images up**: of {side} x {side} points of the plane it takes the one whose decoded image explains the "
    "picture best, weighed with the prior, and a small network says from the points around it where q lies and how wide it is. "
    "A network that sees nothing but pixels more often takes the wrong one of several places for an image that is new to it."
)


def show(folder: RunFolder, config: RunConfig) -> None:
    """Below the fold of Explore: the curves and the settings."""
    reports = run_files.metrics(folder)
    st.subheader("How this run was trained")
    held_out = [report for report in reports if report.split == "held_out"]
    if not held_out:
        st.info("No epoch of this run is finished yet.")
        return
    last = held_out[-1]
    words = f"After epoch {last.epoch:,}, in {term('nats')} per {term('held out', 'held-out')} image: "
    figures = f"reconstruction <b>{last.reconstruction:.2f}</b>, KL <b>{last.kl:.2f}</b>, ELBO <b>{last.elbo:.2f}</b>."
    st.html(f"<p>{words}{figures}</p>")
    if side := config.model.encoder_lattice:
        st.markdown(LOOKS_UP.format(side=side))
    figure = curves.curves(reports, config.training.epochs, last.step / last.epoch)
    st.plotly_chart(figure, key="history_chart", config=curves.CURVES_CONFIG, height=520, alt="Curves of the ELBO's terms")
    st.markdown("The command that trains a run like it:")
    st.code(command_line(config, Path("checkpoints/NAME")), language="bash", wrap_lines=True)
