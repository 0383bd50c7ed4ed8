"""What is pinned: its z, the decoded image, and for a data point its original, posterior and terms."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

import vae
from ui import pictures, resources, state
from ui.resources import RunVersion
from vae.data import pixels
from vae.elbo import elbo_terms
from vae.frames import Frame
from vae.latent import to_uint8

SAMPLES = 64
"""Draws of z for a pinned image's reconstruction term."""


@dataclass(frozen=True)
class Story:
    """What is known of one held-out image: its posterior, (2,) each, and its terms in nats."""

    mean: np.ndarray
    standard_deviation: np.ndarray
    reconstruction: float
    samples: int
    kl: float


@torch.no_grad()
def show(version: RunVersion, band: DeltaGenerator) -> None:
    """Decode the pinned point of a run with two latent dimensions: pictures here, words and numbers in the `band`.

    The decoded image is sent first, the terms, which take samples, last.
    """
    run, frame = resources.load_run(version), resources.frame_of(version)
    if state.address_error():
        st.warning(state.address_error())
    pinned = state.pinned()
    z = torch.tensor([pinned.z], device=run.model.device)
    parameters = run.model.decode_parameters(z)
    decoded = to_uint8(run.model.likelihood.mean(parameters))[0, 0].cpu().numpy()
    caption = "reconstruction" if pinned.probe is not None else "decoded at z"
    st.html(f'<div class="pinned-image">{pictures.figure(decoded, caption, "The image decoded at z")}</div>')
    if not parameters.isfinite().all():
        st.warning("The decoder gives no finite numbers at this z; choose a point nearer to the middle.")
    _inputs()
    original = _original_of(run, pinned.probe)
    st.html(f'<div class="original-image">{_original(run, frame, pinned.probe, original)}</div>')
    state.write_address()
    if pinned.probe is None:
        band.html(_invitation(frame))
    else:
        band.html(_numbers(_story(run, frame, pinned.probe, original)))


def warm_up(version: RunVersion) -> None:
    """Load what the first click on a data point needs, so that it feels like the others."""
    run, frame = resources.load_run(version), resources.frame_of(version)
    if frame is not None and len(frame.labels) and run.config.model.latent == 2:
        _story(run, frame, 0, _original_of(run, 0))


def settle(version: RunVersion) -> None:
    """Put a pinned point that names a held-out image exactly at its code, before anything is drawn at it."""
    pinned, frame = state.pinned(), resources.frame_of(version)
    if pinned.probe is None:
        return
    if frame is None or pinned.probe >= len(frame.labels):
        state.pin(pinned.z)
    else:
        state.pin(tuple(frame.codes.posterior.mean[pinned.probe].tolist()), pinned.probe)


def _original_of(run: vae.Run, probe: int | None) -> torch.Tensor | None:
    """The held-out image (1, 1, H, W) as uint8, or None where nothing was clicked or the data set is not at hand."""
    if probe is None:
        return None
    images = resources.held_out(run.config.dataset, run.config.held_out)
    return images.images[probe : probe + 1] if images is not None and probe < len(images) else None


def _story(run: vae.Run, frame: Frame, probe: int, original: torch.Tensor | None) -> Story:
    """The reconstruction term is estimated anew, with more samples, where the original is at hand; else it is the frame's."""
    posterior, terms = frame.codes.posterior, frame.codes.terms
    reconstruction, samples = terms.reconstruction[probe].item(), 1
    if original is not None:
        reconstruction, samples = elbo_terms(run.model, pixels(original), SAMPLES).reconstruction.item(), SAMPLES
    return Story(
        mean=posterior.mean[probe].numpy(),
        standard_deviation=posterior.standard_deviation[probe].numpy(),
        reconstruction=reconstruction,
        samples=samples,
        kl=terms.kl[probe].item(),
    )


def _inputs() -> None:
    """z to type or to nudge, for people without a mouse."""
    for column, key, value in zip(st.columns(2, gap="small"), ("z1", "z2"), state.pinned().z, strict=True):
        st.session_state[key] = round(value, 3)  # what it shows: the browser reports any other value as typed
        column.number_input(key, -state.FARTHEST, state.FARTHEST, step=0.1, format="%.3f", key=key, on_change=_typed)


def _typed() -> None:
    typed = (st.session_state["z1"], st.session_state["z2"])
    if typed != tuple(round(value, 3) for value in state.pinned().z):
        state.pin(typed)


def _original(run: vae.Run, frame: Frame | None, probe: int | None, original: torch.Tensor | None) -> str:
    """The place of the original: always of one size, so that nothing jumps."""
    if probe is None:
        return pictures.placeholder("Nobody wrote this one: the decoder made it up.", "no original")
    caption = f"original: {html.escape(run.class_names[int(frame.labels[probe])])}"
    if original is None:
        return pictures.placeholder(html.escape(resources.how_to_get(run)), caption)
    return pictures.figure(original[0, 0].numpy(), caption, "The original image")


def _numbers(story: Story) -> str:
    """The terms as the equation they stand in, and the posterior."""
    mean, deviation = story.mean, story.standard_deviation
    samples = f"the mean of {story.samples} samples of z" if story.samples > 1 else "estimated with one sample of z"
    return f"""<div class="equation">
    <span class="elbo"><b>{_signed(story.reconstruction - story.kl)}</b><i>ELBO</i></span><span class="sign">=</span>
    <span class="reconstruction"><b>{_signed(story.reconstruction)}</b><i>reconstruction</i></span><span class="sign">−</span>
    <span class="kl"><b>{story.kl:.2f}</b><i>KL</i></span><span class="unit">nats</span>
    <table class="numbers"><tr><th>posterior</th><th>z1</th><th>z2</th></tr>
    <tr><td>mean</td><td>{_signed(mean[0], 3)}</td><td>{_signed(mean[1], 3)}</td></tr>
    <tr><td>standard deviation</td><td>{deviation[0]:.3f}</td><td>{deviation[1]:.3f}</td></tr></table>
    </div><p class="small">The reconstruction term is {samples}; the KL term is exact.</p>"""


def _signed(number: float, digits: int = 2) -> str:
    """A number with a real minus sign."""
    return f"{number:.{digits}f}".replace("-", "−")


def _invitation(frame: Frame | None) -> str:
    if frame is None:
        return ""
    return '<p class="small">Click a coloured point on the left: its original, its posterior and its terms appear.</p>'
