"""What the view means for the run on the screen: the point, the plane through it, and the image whose code it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import vae
from ui.cache import runs
from ui.cache.runs import RunVersion, own_image
from ui.explore import cache
from ui.shell import axes
from ui.state import session, unavailable
from ui.state.view import View
from vae.latent.plane import Plane
from vae.latent.posterior_summary import PosteriorSummary, summarise_code
from vae.latent.prior_samples import Generated
from vae.model.autoencoder import Posterior
from vae.runs.snapshots import Snapshot


@dataclass(frozen=True)
class Scene:
    """A run, a view that fits it, and the plane through the pinned point."""

    version: RunVersion
    run: vae.Run
    snapshot: Snapshot | None
    view: View
    plane: Plane
    extent: float

    @property
    def z(self) -> Tensor:
        """The pinned point, (D,)."""
        return torch.tensor(self.view.z)

    @property
    def place(self) -> Tensor:
        """Its coordinates on the plane, (2,)."""
        return self.plane.project(self.z[None])[0]

    @property
    def rest(self) -> tuple[float, ...]:
        """What all points of this slice have in common."""
        rest = self.plane.rest(self.z).tolist() if self.plane.is_slice else [0.0] * self.plane.latent
        return tuple(round(value, 4) + 0.0 for value in rest)

    @property
    def has_image(self) -> bool:
        """Whether the pinned point is the code of an image."""
        return self.view.probe is not None or self.view.own is not None

    def image(self) -> Tensor | None:
        """That image, uint8 (1, 1, 28, 28); None where there is none or the data set is not at hand."""
        if self.view.own is not None:
            return own_image(self.view.own)
        if self.view.probe is None:
            return None
        images = runs.held_out(self.run.config)
        at_hand = images is not None and self.view.probe < len(images)
        return images.images[self.view.probe : self.view.probe + 1] if at_hand else None

    def draws(self) -> Generated | None:
        """Sixteen z from the prior with their pictures, where they are asked for."""
        if self.view.source != "prior" or not self.view.draws:
            return None
        return cache.sixteen_generated(self.version, self.view.draws, self.view.epsilon)

    def summary(self) -> PosteriorSummary | None:
        """The pinned image's posterior and terms; without the image they are those of the run's snapshot."""
        image, probe = self.image(), self.view.probe
        if image is not None:
            return runs.summary(self.version, image.numpy().tobytes())
        if probe is None or self.snapshot is None:
            return None
        posterior, terms = self.snapshot.codes.posterior, self.snapshot.codes.terms
        one = Posterior(posterior.mean[probe : probe + 1], posterior.log_variance[probe : probe + 1])
        return summarise_code(self.run.model, one, terms.reconstruction[probe].item())


def settle(version: RunVersion) -> Scene:
    """Make the view fit the run, and say what it means."""
    run, snapshot = runs.load_run(version), runs.snapshot_of(version)
    latent = run.config.model.latent
    axes.settle_axes(latent, snapshot is not None)
    _settle_point(run, snapshot, latent)
    _settle_road(latent)
    view = session.view()
    return Scene(version, run, snapshot, view, runs.plane(version, view.axes), runs.extent(version, view.axes))


def _settle_point(run: vae.Run, snapshot: Snapshot | None, latent: int) -> None:
    """A point of another run's size becomes the origin; the code of an image is where the encoder puts it."""
    view = session.view()
    if view.probe is not None and snapshot is not None and view.probe >= len(snapshot.labels):
        session.report_of_address(unavailable.about_image(view.probe, len(snapshot.labels)))
    z = view.z if len(view.z) == latent else (0.0,) * latent
    if view.own is not None:
        with torch.no_grad():
            mean = run.model.encode(own_image(view.own) / 255).mean[0]
        if mean.isfinite().all():
            session.settle(z=tuple(mean.tolist()), probe=None)
        else:
            session.settle(z=z, probe=None, own=None)
            session.report("The encoder of this run gives no finite numbers for your image; choose another run.")
    elif view.probe is not None and snapshot is not None and view.probe < len(snapshot.labels):
        session.settle(z=tuple(snapshot.codes.posterior.mean[view.probe].tolist()))
    elif z != view.z or view.probe is not None:
        session.settle(z=z, probe=None)


def _settle_road(latent: int) -> None:
    for end in ("start", "end"):
        point = getattr(session.view(), end)
        if point is not None and len(point) != latent:
            session.settle(**{end: None})
