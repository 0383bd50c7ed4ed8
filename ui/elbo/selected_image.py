"""Whose equation is shown: one image of a run, what the encoder says of it, and the Gaussian q in its place."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import torch
from torch import Tensor

import vae
from ui.cache import runs
from ui.cache.runs import RunVersion, own_image
from ui.elbo import cache
from ui.state import session, unavailable
from ui.state.view import Point
from vae.data.binarisation import binarised
from vae.data.datasets import pixels
from vae.model.autoencoder import Posterior
from vae.model.likelihood import Bernoulli
from vae.runs.snapshots import Snapshot


@dataclass(frozen=True)
class SelectedImage:
    """One image x (1, 1, 28, 28) in [0, 1] with the encoder's posterior and q, (1, D) each.

    `probe` is its number among the held-out images, or None for an image of one's own.
    """

    version: RunVersion
    run: vae.Run
    x: Tensor
    encoder: Posterior
    q: Posterior
    probe: int | None
    name: str

    @property
    def by_hand(self) -> bool:
        """Whether q is not the encoder's."""
        return self.q is not self.encoder

    @property
    def key(self) -> bytes:
        """The image's pixels, to cache by; they are whole grey levels."""
        return image_key(self.x)

    @property
    def has_plane(self) -> bool:
        """Whether there is a plane to integrate over."""
        return self.run.config.model.latent == 2

    @property
    def is_density(self) -> bool:
        """Whether p(x given z) is a density of pixel values and not a probability."""
        return not isinstance(self.run.model.likelihood, Bernoulli)


def image_key(x: Tensor) -> bytes:
    """An image's grey levels as bytes."""
    return (x * 255).round().to(torch.uint8).numpy().tobytes()


@torch.no_grad()
def subject_of(version: RunVersion, run: vae.Run, snapshot: Snapshot | None) -> SelectedImage | None:
    """The image that is pinned, else a held-out one with a gap to see; None where the data set is not at hand."""
    view = session.view()
    if view.own is not None:
        image, probe, name = own_image(view.own), None, "your own image"
    else:
        images = runs.held_out(run.config)
        if images is None:
            return None
        if view.probe is not None and view.probe >= len(images):
            session.report_of_address(unavailable.about_image(view.probe, len(images)))
        is_there = view.probe is not None and view.probe < len(images)
        probe = view.probe if is_there else cache.opening_image(version)
        image = images.images[probe : probe + 1]
        name = f"{html.escape(run.class_names[int(images.labels[probe])])} (image {probe:,})"
    x = pixels(image)
    if view.pixels != "grey":
        x = binarised(x, view.pixels, torch.Generator().manual_seed(probe or 0))  # the image stays when epsilons are new
    encoder = run.model.encode(x)
    return SelectedImage(version, run, x, encoder, _gaussian_by_hand(view.q, encoder) or encoder, probe, name)


def _gaussian_by_hand(q: Point | None, encoder: Posterior) -> Posterior | None:
    """q as the address has it, where it fits the run."""
    size = encoder.mean.shape[1]
    if q is None or len(q) != 2 * size:
        return None
    log_variance = [2 * math.log(deviation) for deviation in q[size:]]
    return Posterior(torch.tensor([q[:size]]), torch.tensor([log_variance]))
