"""What a run is, in a few lines behind its name: data, model, beta, figures, and how it was made."""

from __future__ import annotations

import html
from functools import cache
from pathlib import Path

import streamlit as st

from ui.cache import run_files
from ui.charts.markup import signed
from ui.text import charted, plain
from vae.cli.arguments import command_line
from vae.config import RunConfig
from vae.diffusion.folder import PriorFolder
from vae.errors import ExplorerError
from vae.runs.folder import RunFolder

ENCODER_SEES = {True: "encoder that looks images up", False: "encoder that sees pixels"}


def show(folder: RunFolder) -> None:
    """The card, behind a button beside the run's name."""
    with st.popover("", icon=":material/info:", help="About this run", key="run_card"):
        try:
            config, _ = folder.read_config()
            rows = [*described(config), *_figures(folder), ("diffusion prior", _prior(folder))]
        except ExplorerError as error:
            st.caption(plain(error))  # the page says it too, and louder
            return
        body = "".join(f"<tr><td>{name}</td><td class='words'>{charted(value)}</td></tr>" for name, value in rows)
        st.html(f'<p class="lead"><b>{charted(folder.name)}</b></p><table class="numbers card">{body}</table>')
        st.caption("The command that trains a run like it:")
        st.html(f"<code>{charted(command_line(config, Path('checkpoints/NAME')))}</code>")


def line(folder: RunFolder) -> str:
    """The card in one line, as short as it can be; nothing where the run cannot be read."""
    try:
        stamp = (folder.path / "run.json").stat().st_mtime_ns
    except OSError:
        return ""
    return _line(folder, stamp)


@cache
def _line(folder: RunFolder, _stamp: int) -> str:
    try:
        config, _ = folder.read_config()
    except ExplorerError:
        return ""
    return f"{config.dataset}, {config.model.latent}-D, beta {config.training.beta:g}"


def described(config: RunConfig) -> list[tuple[str, str]]:
    """What was asked of a run, as names and values."""
    model, training = config.model, config.training
    dimensions = f"{model.latent} latent dimension{'s' * (model.latent > 1)}"
    scale = f" of scale {model.scale:g}" if model.likelihood == "gaussian" else ""
    pixels = f", black and white pixels ({training.binarise})" if training.binarise else ""
    meaning = ": an autoencoder, the KL term has no weight" if training.beta == 0 else ""
    return [
        ("data", f"{config.dataset}{pixels}"),
        ("model", f"{model.architecture}, {dimensions}, {ENCODER_SEES[bool(model.encoder_lattice)]}"),
        ("likelihood", f"{model.likelihood}{scale}"),
        ("beta", f"{training.beta:g}{meaning}"),
    ]


def _figures(folder: RunFolder) -> list[tuple[str, str]]:
    """The terms of the last report on held-out images."""
    held_out = [report for report in run_files.metrics(folder) if report.split == "held_out"]
    if not held_out:
        return [("held-out terms", "none yet: no epoch is finished")]
    last = held_out[-1]
    terms = (("reconstruction", last.reconstruction), ("KL", last.kl), ("ELBO", last.elbo))
    return [
        ("after epoch", f"{last.epoch:,}"),
        *((f"held-out {html.escape(name)}", f"{signed(value, 2)} nats per image") for name, value in terms),
    ]


def _prior(folder: RunFolder) -> str:
    return "yes, see Diffusion" if (PriorFolder.of(folder).path / "model.safetensors").is_file() else "none yet"
