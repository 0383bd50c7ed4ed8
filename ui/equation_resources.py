"""What is cached for the central equation of one image, which is known by its grey levels."""

from __future__ import annotations

import math

import streamlit as st
import torch
from torch import Tensor

from ui import memory, resources
from ui.balance import Numbers
from ui.resources import RunVersion
from vae.best_gaussian import BestGaussian, best_gaussian
from vae.data import pixels
from vae.elbo import kl_to_prior
from vae.estimators import reconstruction_draws
from vae.evidence import KEPT, PlaneQuadrature, TruePosterior
from vae.importance import ImportanceEstimate, importance_log_evidence
from vae.joint import EvidenceError
from vae.kept import Kept
from vae.model import IMAGE_SHAPE, Posterior
from vae.sides import sides

IMPORTANCE_SAMPLES = 5000

Gaussian = tuple[tuple[float, ...], tuple[float, ...]]
"""Means and log variances."""


def gaussian_key(q: Posterior) -> Gaussian:
    """q (1, D) as something to cache by."""
    return tuple(q.mean[0].tolist()), tuple(q.log_variance[0].tolist())


def _gaussian(key: Gaussian) -> Posterior:
    return Posterior(torch.tensor([key[0]]), torch.tensor([key[1]]))


def _image(key: bytes) -> Tensor:
    return pixels(torch.frombuffer(bytearray(key), dtype=torch.uint8).view(1, *IMAGE_SHAPE))


@st.cache_resource(show_spinner=False)
def _kept() -> Kept:
    """One bound for the quadrature of all runs that visitors look at."""
    return Kept(KEPT)


@st.cache_resource(max_entries=8, show_spinner="Decoding the plane once for this run ...")
def quadrature(version: RunVersion) -> PlaneQuadrature:
    """Quadrature for a run with two latent dimensions; takes seconds to make."""
    return PlaneQuadrature(resources.load_run(version).model, kept=_kept()).prepare()


@st.cache_resource(max_entries=256, show_spinner=False)
def true_posterior_of(version: RunVersion, image: bytes) -> TruePosterior:
    """p(z given x) near its mass, and log p(x)."""
    plane = quadrature(version)
    with memory.LARGE_QUESTIONS:
        return plane.true_posterior(_image(image))


@st.cache_data(max_entries=1024, show_spinner=False)
def numbers_of(version: RunVersion, image: bytes, q: Gaussian) -> Numbers:
    """The equation's four numbers, each side computed without the other's."""
    plane, evidence = quadrature(version), true_posterior_of(version, image).evidence
    with memory.LARGE_QUESTIONS:
        terms = sides(plane, _image(image), _gaussian(q))
    return Numbers(evidence, terms.kl_to_posterior, terms.reconstruction, terms.kl_to_prior)


@st.cache_data(max_entries=256, show_spinner=False)
def importance_of(version: RunVersion, image: bytes) -> ImportanceEstimate:
    """log p(x) by importance sampling, for any number of latent dimensions."""
    model, generator = resources.load_run(version).model, torch.Generator().manual_seed(0)
    with memory.LARGE_QUESTIONS:
        return importance_log_evidence(model, _image(image), IMPORTANCE_SAMPLES, generator)


@st.cache_data(max_entries=1024, show_spinner=False)
def numbers_by_sampling(version: RunVersion, image: bytes, q: Gaussian) -> Numbers:
    """The equation's numbers without a plane: KL(q to p(z given x)) is what is left between log p(x) and the right side.

    Raises `EvidenceError` where they are not finite.
    """
    model, x, posterior = resources.load_run(version).model, _image(image), _gaussian(q)
    generator = torch.Generator().manual_seed(0)
    with memory.LARGE_QUESTIONS:
        reconstruction = reconstruction_draws(model, x, posterior, IMPORTANCE_SAMPLES, generator).double().mean().item()
    kl = kl_to_prior(posterior).item()
    evidence = importance_of(version, image).log_evidence.item()
    if not all(map(math.isfinite, (evidence, reconstruction, kl))):
        raise EvidenceError("The weights of this run give terms that are not finite for this image; train it anew.")
    return Numbers(evidence, evidence - reconstruction + kl, reconstruction, kl)


@st.cache_resource(max_entries=256, show_spinner=False)
def best_gaussian_of(version: RunVersion, image: bytes) -> BestGaussian:
    """The best diagonal Gaussian for one image, sought from the encoder's q and from the true posterior's mean and peak."""
    model, x = resources.load_run(version).model, _image(image)
    with torch.no_grad():
        start = model.encode(x)
    means = None
    if model.config.latent == 2:
        posterior = true_posterior_of(version, image)
        row, column = divmod(int(posterior.density.argmax()), posterior.density.shape[1])
        means = torch.stack([posterior.mean.float(), torch.tensor([posterior.z1[column], posterior.z2[row]]).float()])
    with memory.LARGE_QUESTIONS:
        return best_gaussian(model, x, start, means)


def best_numbers_of(version: RunVersion, image: bytes) -> Numbers:
    """The equation's numbers for the best Gaussian."""
    return any_numbers_of(version, image, gaussian_key(best_gaussian_of(version, image).posterior))


@torch.no_grad()
def encoder_numbers_of(version: RunVersion, image: bytes) -> Numbers:
    """The equation's numbers for the encoder's q."""
    return any_numbers_of(version, image, gaussian_key(resources.load_run(version).model.encode(_image(image))))


def any_numbers_of(version: RunVersion, image: bytes, q: Gaussian) -> Numbers:
    """By quadrature on a plane, else by sampling."""
    has_plane = resources.load_run(version).config.model.latent == 2
    return (numbers_of if has_plane else numbers_by_sampling)(version, image, q)
