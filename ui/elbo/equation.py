"""The equation for one image: its four numbers, both sides as columns, the plane, and q to move by hand."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from ui.charts import markup
from ui.charts.markup import estimated, signed
from ui.charts.style import CONFIG
from ui.elbo import cache, identity_figure
from ui.elbo.selected_image import SelectedImage
from ui.shell import image_choice
from ui.state import session
from vae.evidence.elbo_identity import IdentityTerms
from vae.evidence.monte_carlo import bits_per_pixel
from vae.model.reconstruction import MOST_DIMENSIONS, SAMPLES

SMALLEST_SIGMA, LARGEST_SIGMA, SIGMAS_A_DECADE = 0.003, 3.0, 40
"""What the sliders offer for q's standard deviations, and less where the encoder says less."""

MOST_TOGETHER = 2
"""Latent dimensions whose sliders fit beside the columns."""

PIXEL_NAMES = {"grey": "Grey", "threshold": "Threshold", "random": "Random"}
HONEST = {
    "grey": "Grey pixels are taken as probabilities of white: the cross-entropy is the expected log-likelihood of randomly "
    "binarised pixels, not the log-probability of a grey image. <b>Threshold</b> and <b>Random</b> make it one.",
    "threshold": "Each pixel is white where it was brighter than a half: log p(x) is the log-probability of this very image.",
    "random": "Each pixel is white with its grey value as probability: log p(x) is the log-probability of this very image.",
}
DENSITY = "Under the Gaussian likelihood log p(x) is the log-density of the pixel values, so it may exceed zero."


# Which image


def choose_image(selected: SelectedImage, labels: torch.Tensor | None) -> None:
    """By class, by number or at random; an image pinned on Explore is chosen already."""
    if labels is not None:
        image_choice.choose_image(labels, selected.run.class_names, selected.probe or 0)
    if not selected.is_density:
        st.session_state["pixels"] = session.view().pixels
        st.segmented_control(
            "Pixels", list(PIXEL_NAMES), format_func=PIXEL_NAMES.get, key="pixels", on_change=_choose_pixels,
            label_visibility="collapsed", required=True,
        )  # fmt: skip


def _choose_pixels() -> None:
    session.change(pixels=st.session_state["pixels"], q=None)


def show_image(selected: SelectedImage) -> None:
    """The image whose equation it is, and what its log p(x) means."""
    grey = (selected.x[0, 0] * 255).round().to(torch.uint8).numpy()
    st.html(f'<div class="original-image">{markup.figure(grey, f"x: {selected.name}", "The image")}</div>')


# Be the encoder


def show_sliders(selected: SelectedImage) -> None:
    """q's means and standard deviations, and two buttons that set all of them. Of many dimensions one at a time is moved."""
    with st.container(key="sliders"):
        st.markdown("**Be the encoder**: move q")
        latent = selected.q.mean.shape[1]
        dimensions = range(latent) if latent <= MOST_TOGETHER else [_choose_dimension(latent)]
        for index in dimensions:
            _mean_slider(selected, index)
        for index in dimensions:
            _sigma_slider(selected, index)
        st.button("What the encoder said", key="q_encoder", width="stretch", disabled=not selected.by_hand, on_click=_reset)
        st.button("The best Gaussian for this image", key="q_best", width="stretch", on_click=_best, args=(selected,))


def _choose_dimension(latent: int) -> int:
    return st.selectbox("Dimension", range(latent), format_func=lambda index: f"z{index + 1}", key="q_dimension")


def _mean_slider(selected: SelectedImage, index: int) -> None:
    mean, middle = selected.q.mean[0, index].item(), selected.encoder.mean[0, index].item()
    low, high = (math.floor(min(middle, mean) - 2.0) * 1.0, math.ceil(max(middle, mean) + 2.0) * 1.0)
    key = f"q_mean_{index}"
    st.session_state[key] = mean
    st.slider(f"mean of z{index + 1}", low, high, step=0.005, format="%.3f", key=key, on_change=_move, args=(selected, index))


def _sigma_slider(selected: SelectedImage, index: int) -> None:
    deviation, key = selected.q.standard_deviation[0, index].item(), f"q_sigma_{index}"
    sigmas = sigmas_offered(selected.encoder.standard_deviation[0, index].item(), deviation)
    st.session_state[key] = deviation
    st.select_slider(
        f"sigma of z{index + 1}", sigmas, key=key, format_func=_three_digits, on_change=_move,
        args=(selected, selected.q.mean.shape[1] + index),
    )  # fmt: skip


def _three_digits(sigma: float) -> str:
    return f"{sigma:.3g}"


def sigmas_offered(encoder: float, now: float) -> list[float]:
    """Standard deviations for the slider of an image that the encoder gives `encoder`: it can be halved several times.

    Where the slider stands, `now`, is one of them, and where the encoder put it: exactly, in place of what reads the same.
    """
    smallest = min(SMALLEST_SIGMA, max(encoder, 1e-9) / 10)
    count = math.ceil(SIGMAS_A_DECADE * math.log10(LARGEST_SIGMA / smallest)) + 1
    steps = [float(f"{value:.3g}") for value in np.geomspace(smallest, LARGEST_SIGMA, count)]
    return sorted({_three_digits(sigma): sigma for sigma in (*steps, encoder, now)}.values())


def _move(selected: SelectedImage, index: int) -> None:
    """Take the one number that was moved; the others stay exactly what they were."""
    latent = selected.q.mean.shape[1]
    q = [*selected.q.mean[0].tolist(), *selected.q.standard_deviation[0].tolist()]
    q[index] = st.session_state[f"q_mean_{index}" if index < latent else f"q_sigma_{index - latent}"]
    session.change(q=tuple(float(value) for value in q))


def _reset() -> None:
    session.change(q=None)


def _best(selected: SelectedImage) -> None:
    found = cache.best_gaussian_of(selected.version, selected.key).posterior
    session.change(q=(*found.mean[0].tolist(), *found.standard_deviation[0].tolist()))


# The numbers


def show_numbers(numbers: IdentityTerms, place: DeltaGenerator) -> None:
    """Both sides and, where they could differ, their difference."""
    place.html(f"""<div class="equation">
    <span class="evidence"><b>{estimated(numbers.log_evidence, numbers.log_evidence_error)}</b><i>log p(x)</i></span>
    <span class="sign">−</span>
    <span class="gap"><b>{estimated(numbers.kl_to_posterior, numbers.kl_to_posterior_error)}</b><i>KL(q ‖ p(z|x))</i></span>
    <span class="sign">=</span>
    <span class="reconstruction"><b>{estimated(numbers.reconstruction, numbers.reconstruction_error)}</b>
    <i>E<sub>q</sub>[log p(x|z)]</i></span><span class="sign">−</span>
    <span class="kl"><b>{numbers.kl_to_prior:.2f}</b><i>KL(q ‖ p(z))</i></span><span class="sign">nats</span>
    <table class="numbers">{_check(numbers) if numbers.is_check else _elbo(numbers)}</table></div>""")


def _check(numbers: IdentityTerms) -> str:
    """Both sides and their difference, with what the last refinements of the integrals changed."""
    error = numbers.kl_to_posterior_error + numbers.reconstruction_error
    return f"""<tr><td>left side</td><td>{signed(numbers.left, 4)}</td></tr>
    <tr><td>right side</td><td>{signed(numbers.right, 4)}</td></tr>
    <tr><td>difference</td><td>{signed(numbers.left - numbers.right, 4)} ± {error:.4f}</td></tr>"""


def _elbo(numbers: IdentityTerms) -> str:
    return f"<tr><td>ELBO</td><td>{estimated(numbers.right, numbers.reconstruction_error)}</td></tr>"


def without_check(latent: int) -> str:
    """Why there is no difference of both sides to see where there is no plane."""
    found = "is an integral over q" if latent <= MOST_DIMENSIONS else f"is the mean of {SAMPLES:,} samples of z"
    return (
        f"With {'1 latent dimension' if latent == 1 else f'{latent} latent dimensions'} there is no plane to integrate over. "
        f"log p(x) is estimated by <b>importance sampling</b>, from {cache.IMPORTANCE_SAMPLES:,} draws, the "
        f"reconstruction term {found}, ± are standard errors. KL(q ‖ p(z|x)) is what is left between log p(x) and the right "
        "side: both sides are equal by definition, so their difference would check nothing."
    )


def show_columns(numbers: IdentityTerms) -> None:
    """The picture that rules the page."""
    with st.container(key="balance"):
        st.plotly_chart(
            identity_figure.balance(numbers), key="balance_chart", config={"displayModeBar": False}, height="stretch",
            alt="Both sides of the equation as columns of equal height",
        )  # fmt: skip


def show_plane(selected: SelectedImage) -> None:
    """The true posterior under q."""
    posterior = cache.true_posterior_of(selected.version, selected.key)
    covariance = torch.diag(selected.q.log_variance[0].exp())
    figure = identity_figure.posterior_plane(
        (posterior.z1.numpy(), posterior.z2.numpy()), posterior.density.numpy(), selected.q.mean[0], covariance, ("z1", "z2")
    )
    with st.container(key="posterior_plane"):
        st.plotly_chart(figure, key="posterior_chart", config=CONFIG, height="stretch", alt="The true posterior and q")


def honesty(selected: SelectedImage, log_evidence: float) -> str:
    """What kind of number log p(x) is here; only the probability of pixels that are 0 or 1 is also the length of a code."""
    if selected.is_density:
        return DENSITY
    words = HONEST[session.view().pixels]
    if session.view().pixels == "grey":
        return words
    bits = signed(bits_per_pixel(log_evidence), 3)
    return f"{words} A code made for this model spends −log p(x) on it: {bits} bits per pixel."
