"""What is cached for the central equation of one image, which is known by its grey levels."""

from __future__ import annotations

import math
import zlib

import streamlit as st
import torch
from torch import Tensor

from ui.cache import memory, runs
from ui.cache.runs import RunVersion
from ui.components.elbo_identity.elbo_identity import packed
from vae.bounded_cache import BoundedCache
from vae.data.datasets import pixels
from vae.data.inputs import IMAGE_SHAPE
from vae.evidence.elbo_identity import IdentityTerms, elbo_identity
from vae.evidence.importance_sampling import ImportanceEstimate, importance_log_evidence
from vae.evidence.log_joint import EvidenceError
from vae.evidence.log_likelihood_grids import log_likelihood_grids
from vae.evidence.optimal_gaussian import OptimalGaussian, optimal_gaussian
from vae.evidence.plane_quadrature import KEPT, PlaneQuadrature, TruePosterior
from vae.model.autoencoder import Posterior
from vae.model.elbo import kl_to_prior
from vae.model.reconstruction import reconstruction_term

IMPORTANCE_SAMPLES = 5000

TELLING = (1.0, 3.0)
CANDIDATES = 32
"""The gap, in nats, of the image that the page opens on, and the held-out images among which it is sought."""

Gaussian = tuple[tuple[float, ...], tuple[float, ...]]
"""Means and log variances."""

Window = tuple[float, float, float]
"""A square of the plane: its centre, and half of its side."""


def gaussian_key(q: Posterior) -> Gaussian:
    """q (1, D) as something to cache by."""
    return tuple(q.mean[0].tolist()), tuple(q.log_variance[0].tolist())


def _gaussian(key: Gaussian) -> Posterior:
    return Posterior(torch.tensor([key[0]]), torch.tensor([key[1]]))


def _image(key: bytes) -> Tensor:
    return pixels(torch.frombuffer(bytearray(key), dtype=torch.uint8).view(1, *IMAGE_SHAPE))


@st.cache_resource(show_spinner=False)
def _kept() -> BoundedCache:
    """One bound for the quadrature of all runs that visitors look at."""
    return BoundedCache(KEPT)


@st.cache_resource(max_entries=8, show_spinner="Decoding the plane once for this run ...")
def quadrature(version: RunVersion) -> PlaneQuadrature:
    """Quadrature for a run with two latent dimensions; takes seconds to make."""
    return PlaneQuadrature(runs.load_run(version).model, kept=_kept()).prepare()


@st.cache_resource(max_entries=256, show_spinner=False)
def true_posterior_of(version: RunVersion, image: bytes) -> TruePosterior:
    """p(z given x) near its mass, and log p(x)."""
    plane = quadrature(version)
    with memory.LARGE_QUESTIONS:
        return plane.true_posterior(_image(image))


def name_of(version: RunVersion, image: bytes, window: Window | None = None) -> str:
    """A name for an image and what is shown of its plane, the same for all visitors."""
    return f"{zlib.crc32(repr((version, window)).encode() + image):x}"


@st.cache_data(max_entries=16, show_spinner=False)
def grids_of(version: RunVersion, image: bytes, window: Window) -> dict:
    """log p(x given z) on two grids, as the browser is given them; the fine one reaches twice as far as the window."""
    plane = quadrature(version)
    with memory.LARGE_QUESTIONS:
        grids = log_likelihood_grids(plane, _image(image), window[:2], 2 * window[2])
    described = {"name": name_of(version, image, window), "extent": grids.extent}
    for name, grid in (("coarse", grids.coarse), ("fine", grids.fine)):
        rows, columns = grid.values.shape
        values = packed(grid.values.numpy())
        described[name] = {"first": grid.first, "spacing": grid.spacing, "rows": rows, "columns": columns, "values": values}
    return described


@st.cache_data(max_entries=1024, show_spinner=False)
def numbers_of(version: RunVersion, image: bytes, q: Gaussian) -> IdentityTerms:
    """The equation's four numbers, each side computed without the other's."""
    plane, evidence = quadrature(version), true_posterior_of(version, image).evidence
    with memory.LARGE_QUESTIONS:
        terms = elbo_identity(plane, _image(image), _gaussian(q))
    return IdentityTerms(
        evidence, terms.kl_to_posterior, terms.reconstruction, terms.kl_to_prior,
        kl_to_posterior_error=terms.kl_to_posterior_error, reconstruction_error=terms.reconstruction_error,
    )  # fmt: skip


@st.cache_data(max_entries=256, show_spinner=False)
def importance_of(version: RunVersion, image: bytes) -> ImportanceEstimate:
    """log p(x) by importance sampling, for any number of latent dimensions."""
    model, generator = runs.load_run(version).model, torch.Generator().manual_seed(0)
    with memory.LARGE_QUESTIONS:
        return importance_log_evidence(model, _image(image), IMPORTANCE_SAMPLES, generator)


@st.cache_data(max_entries=1024, show_spinner=False)
def numbers_by_sampling(version: RunVersion, image: bytes, q: Gaussian) -> IdentityTerms:
    """The equation's numbers without a plane: KL(q to p(z given x)) is what is left between log p(x) and the right side.

    Raises `EvidenceError` where they are not finite.
    """
    model, posterior = runs.load_run(version).model, _gaussian(q)
    with memory.LARGE_QUESTIONS:
        reconstruction = reconstruction_term(model, _image(image), posterior)
    kl, estimate = kl_to_prior(posterior).item(), importance_of(version, image)
    evidence, error = estimate.log_evidence.item(), estimate.standard_error.item()
    if not all(map(math.isfinite, (evidence, reconstruction.value, kl))):
        raise EvidenceError("The weights of this run give terms that are not finite for this image; train it anew.")
    gap = evidence - reconstruction.value + kl
    errors = (error, math.hypot(error, reconstruction.error), reconstruction.error)
    return IdentityTerms(evidence, gap, reconstruction.value, kl, *errors, is_check=False)


@st.cache_data(max_entries=64, show_spinner=False)
def opening_image(version: RunVersion) -> int:
    """The number of the held-out image to open on: the first whose gap is seen beside log p(x) and leaves room for better q's.

    Of the first ones; where none is, that whose gap comes nearest. Without a plane an estimate for each would take seconds,
    and it is image 0. There have to be images: see `resources.held_out`.
    """
    run = runs.load_run(version)
    if run.config.model.latent != 2:
        return 0
    images = runs.held_out(run.config).images[:CANDIDATES]
    gaps: list[float] = []
    try:
        for part in images.split(CANDIDATES // 4):
            gaps += _gaps(version, part)
            if any(TELLING[0] <= gap <= TELLING[1] for gap in gaps):
                break
    except EvidenceError:
        return 0
    away = [max(TELLING[0] - gap, gap - TELLING[1], 0.0) if math.isfinite(gap) else math.inf for gap in gaps]
    return away.index(min(away))


def _gaps(version: RunVersion, images: Tensor) -> list[float]:
    """log p(x) - ELBO of uint8 images (N, C, H, W) by the encoder's q, in nats."""
    evidence = quadrature(version).log_evidence(pixels(images)).log_evidence.tolist()
    elbos = [runs.summary(version, image.numpy().tobytes()).elbo for image in images]
    return [log_p - elbo for log_p, elbo in zip(evidence, elbos, strict=True)]


@st.cache_resource(max_entries=256, show_spinner=False)
def best_gaussian_of(version: RunVersion, image: bytes) -> OptimalGaussian:
    """The best diagonal Gaussian for one image, sought from the encoder's q and from the true posterior's mean and peak."""
    model, x = runs.load_run(version).model, _image(image)
    with torch.no_grad():
        start = model.encode(x)
    means = None
    if model.config.latent == 2:
        posterior = true_posterior_of(version, image)
        row, column = divmod(int(posterior.density.argmax()), posterior.density.shape[1])
        means = torch.stack([posterior.mean.float(), torch.tensor([posterior.z1[column], posterior.z2[row]]).float()])
    with memory.LARGE_QUESTIONS:
        return optimal_gaussian(model, x, start, means)


def best_numbers_of(version: RunVersion, image: bytes) -> IdentityTerms:
    """The equation's numbers for the best Gaussian."""
    return any_numbers_of(version, image, gaussian_key(best_gaussian_of(version, image).posterior))


@torch.no_grad()
def encoder_numbers_of(version: RunVersion, image: bytes) -> IdentityTerms:
    """The equation's numbers for the encoder's q."""
    return any_numbers_of(version, image, gaussian_key(runs.load_run(version).model.encode(_image(image))))


def any_numbers_of(version: RunVersion, image: bytes, q: Gaussian) -> IdentityTerms:
    """By quadrature on a plane, else by sampling."""
    has_plane = runs.load_run(version).config.model.latent == 2
    return (numbers_of if has_plane else numbers_by_sampling)(version, image, q)
