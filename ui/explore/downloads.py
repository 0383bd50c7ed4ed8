"""What can be downloaded: the manifold, the codes, the pinned image."""

from __future__ import annotations

import csv
import io

import streamlit as st
import torch
from PIL import Image

from ui.explore import plane_chart
from ui.explore.scene import Scene
from vae.latent.grid import make_grid, tile
from vae.model.inference import decode_points

PINNED_SCALE = 20
"""Screen pixels for each pixel of the pinned image."""


def show(scene: Scene) -> None:
    """Buttons; what they hand out is made when they are pressed."""
    st.subheader("Downloads")
    name = scene.run.folder.name
    manifold, codes, image, vector, page = st.columns(5)
    words = {"width": "stretch", "on_click": "ignore"}
    manifold.download_button(
        "Manifold (PNG)", lambda: manifold_png(scene), f"{name}-manifold.png", "image/png", key="get_manifold",
        help="Every cell decoded exactly, 28 x 28 pixels each", **words,
    )  # fmt: skip
    codes.download_button(
        "Codes (CSV)", lambda: codes_csv(scene), f"{name}-codes.csv", "text/csv", key="get_codes",
        disabled=scene.snapshot is None, **words,
        help="Class, posterior and terms of every held-out image, the reconstruction from one sample of z",
    )  # fmt: skip
    image.download_button(
        "Pinned image (PNG)", lambda: pinned_png(scene), f"{name}-pinned.png", "image/png", key="get_pinned",
        help="28 x 28 pixels, enlarged by whole pixels", **words,
    )  # fmt: skip
    for column, words_of, kind, mime in ((vector, "SVG", "svg", "image/svg+xml"), (page, "PDF", "pdf", "application/pdf")):
        column.download_button(
            f"Plane ({words_of})", lambda kind=kind: getattr(plane_chart.for_a_paper(scene), kind)(), f"{name}-plane.{kind}",
            mime, key=f"get_plane_{kind}", help="The whole plane as vectors, with axes and legend, for a paper", **words,
        )  # fmt: skip


def manifold_png(scene: Scene) -> bytes:
    """The manifold of the plane on the screen, decoded exactly at the cells' centres, on z or on the prior's quantiles."""
    grid = make_grid(scene.view.cells, scene.extent, scene.view.scale)
    places = grid.points()
    if scene.plane.is_strip:
        places = torch.stack([grid.z1, torch.zeros_like(grid.z1)], 1)
    images = decode_points(scene.run.model, scene.plane.points(places, torch.tensor(scene.rest)))
    return _png(tile(images, scene.view.cells))


def codes_csv(scene: Scene) -> str:
    """One row for each held-out image: its number, class, posterior and terms in nats."""
    codes, labels = scene.snapshot.codes, scene.snapshot.labels.tolist()
    latent = range(1, scene.plane.latent + 1)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["image", "class", *(f"mean_{n}" for n in latent), *(f"sigma_{n}" for n in latent), "reconstruction", "kl", "elbo"]
    )
    columns = (codes.posterior.mean, codes.posterior.standard_deviation, *_terms(scene))
    numbers = torch.cat([column.reshape(len(labels), -1) for column in columns], 1).tolist()
    for index, (label, row) in enumerate(zip(labels, numbers, strict=True)):
        writer.writerow([index, scene.run.class_names[label], *(f"{value:.6g}" for value in row)])
    return text.getvalue()


def _terms(scene: Scene) -> tuple[torch.Tensor, ...]:
    terms = scene.snapshot.codes.terms
    return terms.reconstruction, terms.kl, terms.elbo


def pinned_png(scene: Scene) -> bytes:
    """The pinned point, decoded and enlarged."""
    image = decode_points(scene.run.model, scene.z[None])[0, 0]
    return _png(image.repeat_interleave(PINNED_SCALE, 0).repeat_interleave(PINNED_SCALE, 1))


def _png(picture: torch.Tensor) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture.numpy()).save(content, "PNG")
    return content.getvalue()
