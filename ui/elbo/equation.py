"""The equation for one image: its four numbers, both sides as columns, the plane, and q to move by hand."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
import torch

from ui.charts import markup
from ui.charts.markup import estimated, signed
from ui.components.elbo_identity.elbo_identity import Moved, elbo_identity, packed
from ui.components.likelihood_grids.likelihood_grids import likelihood_grids
from ui.elbo import cache
from ui.elbo.cache import Window
from ui.elbo.selected_image import SelectedImage
from ui.shell import image_choice
from ui.state import session
from ui.state.view import FARTHEST
from vae.evidence.elbo_identity import IdentityTerms
from vae.evidence.monte_carlo import bits_per_pixel
from vae.model.reconstruction import MOST_DIMENSIONS, SAMPLES

SMALLEST_SIGMA, LARGEST_SIGMA, SIGMAS_A_DECADE = 0.003, 3.0, 40
"""What the sliders offer for q's standard deviations, and less where the encoder says less."""

ROOM, WIDER = 1.03, 1.5
"""What the plane shows besides the posterior's mass, and by how much it grows where q needs more."""

HOW_TO_MOVE = "Drag q on the plane: its centre moves the mean, its squares the sigmas; the arrow keys do it too."

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
    """q's means and standard deviations where there is no plane to drag it on; of many dimensions one at a time."""
    with st.container(key="sliders"):
        st.markdown("**Be the encoder**: move q")
        latent = selected.q.mean.shape[1]
        index = 0 if latent == 1 else _choose_dimension(latent)
        _mean_slider(selected, index)
        _sigma_slider(selected, index)


def show_buttons(selected: SelectedImage) -> None:
    """Two q's to have at once."""
    st.button("The encoder's q", key="q_encoder", width="stretch", disabled=not selected.by_hand, on_click=_reset)
    st.button("The best Gaussian", key="q_best", width="stretch", on_click=_best, args=(selected,), help="Fitted to this image")


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


def show_identity(selected: SelectedImage, numbers: IdentityTerms) -> None:
    """The picture that rules the page: the four numbers, both sides as columns and, where there is one, the plane with q."""
    terms = {
        "evidence": (numbers.log_evidence, numbers.log_evidence_error),
        "gap": (numbers.kl_to_posterior, numbers.kl_to_posterior_error),
        "reconstruction": (numbers.reconstruction, numbers.reconstruction_error),
        "kl": (numbers.kl_to_prior, 0.0),
        "elbo": (numbers.right, numbers.reconstruction_error),
    }
    window = posterior_window(selected) if selected.has_plane else None
    data = {
        "image": cache.name_of(selected.version, selected.key),
        "terms": {name: number for name, (number, _) in terms.items()},
        "texts": {name: estimated(*term) for name, term in terms.items()},
        "check": _check(numbers) if numbers.is_check else [],
        "hint": HOW_TO_MOVE if window else "",
        "plane": _plane(selected, window) if window else None,
    }
    elbo_identity(data, _moved)
    if window:
        likelihood_grids(cache.grids_of(selected.version, selected.key, window))


def _moved(move: Moved) -> None:
    session.change(q=(*move.mean, *move.sigma))


def _check(numbers: IdentityTerms) -> list[tuple[str, str]]:
    """Both sides and their difference, with what the last refinements of the integrals changed."""
    error = numbers.kl_to_posterior_error + numbers.reconstruction_error
    difference = round(numbers.left, 4) - round(numbers.right, 4)
    return [
        ("left side", signed(numbers.left, 4)),
        ("right side", signed(numbers.right, 4)),
        ("difference", f"{signed(difference, 4)} ± {error:.4f}"),
    ]


def posterior_window(selected: SelectedImage) -> Window:
    """The square of the plane that shows the true posterior and q: it stands still while q moves within it."""
    posterior = cache.true_posterior_of(selected.version, selected.key)
    axes = [(axis[0].item(), axis[-1].item()) for axis in (posterior.z1, posterior.z2)]
    centre = tuple((low + high) / 2 for low, high in axes)
    half = max(high - low for low, high in axes) / 2 * ROOM
    means, sigmas = selected.q.mean[0].tolist(), selected.q.standard_deviation[0].tolist()
    needed = max(abs(mean - middle) + 2.2 * sigma for mean, middle, sigma in zip(means, centre, sigmas, strict=True))
    return (*centre, half * WIDER ** max(0, math.ceil(math.log(needed / half) / math.log(WIDER))))


def _plane(selected: SelectedImage, window: Window) -> dict:
    """The true posterior, and q in it."""
    posterior = cache.true_posterior_of(selected.version, selected.key)
    peak = max(posterior.density.max().item(), 1e-300)
    deviations = selected.encoder.standard_deviation[0].tolist()
    return {
        "names": ["z1", "z2"],
        "window": {"centre": window[:2], "half": window[2]},
        "density": {
            "first": [posterior.z1[0].item(), posterior.z2[0].item()],
            "spacing": posterior.spacing,
            "columns": len(posterior.z1),
            "rows": len(posterior.z2),
            "values": packed((posterior.density / peak).sqrt().numpy()),
        },
        "q": {"mean": selected.q.mean[0].tolist(), "sigma": selected.q.standard_deviation[0].tolist()},
        "limits": [min(SMALLEST_SIGMA, max(min(deviations), 1e-9) / 10), FARTHEST],
        "grids": cache.name_of(selected.version, selected.key, window),
    }


def without_check(latent: int) -> str:
    """Why there is no difference of both sides to see where there is no plane."""
    found = "is an integral over q" if latent <= MOST_DIMENSIONS else f"is the mean of {SAMPLES:,} samples of z"
    return (
        f"With {'1 latent dimension' if latent == 1 else f'{latent} latent dimensions'} there is no plane to integrate over. "
        f"log p(x) is estimated by <b>importance sampling</b>, from {cache.IMPORTANCE_SAMPLES:,} draws, the "
        f"reconstruction term {found}, ± are standard errors. KL(q ‖ p(z|x)) is what is left between log p(x) and the right "
        "side: both sides are equal by definition, so their difference would check nothing."
    )


def honesty(selected: SelectedImage, log_evidence: float) -> str:
    """What kind of number log p(x) is here; only the probability of pixels that are 0 or 1 is also the length of a code."""
    if selected.is_density:
        return DENSITY
    words = HONEST[session.view().pixels]
    if session.view().pixels == "grey":
        return words
    bits = signed(bits_per_pixel(log_evidence), 3)
    return f"{words} A code made for this model spends −log p(x) on it: {bits} bits per pixel."
