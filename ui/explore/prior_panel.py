"""The left of the plane when z comes from the prior: what the decoder makes of it, as means and as draws of pixels."""

from __future__ import annotations

import streamlit as st
import torch

from ui.charts import markup
from ui.explore.scene import Scene
from ui.state import choices, session
from vae.latent.prior_samples import draw_from_prior, generate
from vae.model.likelihood import Bernoulli

FEW_DIMENSIONS = 3
PICTURES = {False: "Means", True: "Draws of x"}
SENTENCES = {
    "bernoulli": "The decoder gives a distribution p(x|z) over images, and the usual picture is its <b>mean</b>: each pixel's "
    "probability of white. A <b>draw of x</b> makes each pixel white with that probability, independently of the others: it "
    "looks grainy, because pixels are joined by z alone.",
    "gaussian": "The decoder gives a distribution p(x|z) over images, and the usual picture is its <b>mean</b>. A <b>draw of "
    "x</b> adds noise of sigma = {scale:g} to each pixel, independently of the others; beyond black and white it is cut off.",
}


def show(scene: Scene) -> None:
    """Draw z from the prior, then pixels from p(x|z): the model that makes new images."""
    st.html('<p class="formula">z ~ N(0, I), then x ~ p(x|z)</p>')
    with st.container(horizontal=True, key="prior_buttons"):
        st.button("One z", key="one_z", on_click=_draw_one, args=(scene.plane.latent,), help="Draw a z from the prior, pin it")
        st.button("Sixteen z", key="sixteen_z", on_click=_draw_sixteen, help="Draw sixteen z from the prior")
        st.button("New x", key="new_x", on_click=_draw_pixels, help="Draw other pixels at the same z")
    pinned = generate(scene.run.model, scene.z[None], seed=scene.view.epsilon)
    pair = (
        markup.figure(pinned.means[0, 0].numpy(), "mean of p(x|z)", "The mean of p(x|z) at the pinned z"),
        markup.figure(pinned.draws[0, 0].numpy(), "a draw of x", "One draw of x from p(x|z) at the pinned z"),
    )
    st.html(f'<div class="pair">{"".join(pair)}</div>')
    _show_sixteen(scene)
    st.html(f'<p class="small">{sentence(scene)}</p>')


def sentence(scene: Scene) -> str:
    """What tells the mean picture from a sample, by the run's likelihood."""
    likelihood = scene.run.model.likelihood
    return SENTENCES["bernoulli"] if isinstance(likelihood, Bernoulli) else SENTENCES["gaussian"].format(scale=likelihood.scale)


def _show_sixteen(scene: Scene) -> None:
    drawn = scene.draws()
    if drawn is None:
        return
    st.session_state["drawn_pixels"] = scene.view.drawn_pixels
    st.segmented_control(
        "Pictures show", list(PICTURES), key="drawn_pixels", format_func=PICTURES.get, on_change=_choose_pictures,
        label_visibility="collapsed", required=True, width="stretch",
    )  # fmt: skip
    images = drawn.draws if scene.view.drawn_pixels else drawn.means
    with st.container(key="sixteen"):
        for number, (z, image) in enumerate(zip(drawn.z, images, strict=True), start=1):
            label = f"![{_name(number, z)}]({markup.png_url(image[0].numpy())})"
            st.button(label, key=f"drawn_{number}", on_click=session.pin, args=(tuple(z.tolist()),))


def _name(number: int, z: torch.Tensor) -> str:
    """What a picture is called by those who do not see it."""
    where = ", ".join(f"z{index} {value:.2f}" for index, value in enumerate(z.tolist(), start=1))
    return f"Sample {number}: {where}" if len(z) <= FEW_DIMENSIONS else f"Sample {number}"


def _draw_one(latent: int) -> None:
    session.pin(tuple(draw_from_prior(latent, 1, seed=torch.seed() % 2**31)[0].tolist()))


def _draw_sixteen() -> None:
    session.change(draws=session.view().draws + 1)


def _draw_pixels() -> None:
    session.change(epsilon=session.view().epsilon + 1)


def _choose_pictures() -> None:
    chosen = choices.chosen("drawn_pixels", tuple(PICTURES))
    if chosen is not None:
        session.change(drawn_pixels=chosen)
