"""The right of the plane: the lens, what is pinned, its neighbours, and the layers of the plane."""

from __future__ import annotations

import math
import zlib

import streamlit as st
import torch

from ui.cache import runs
from ui.charts import markup, palette
from ui.components.lens.lens import Pick, lens
from ui.explore import cache, layers, plane_controls
from ui.explore.scene import Scene
from ui.state import session
from ui.state.view import FARTHEST, LAYERS
from ui.text import plain
from vae.data.datasets import to_uint8
from vae.latent.atlas import AtlasError
from vae.latent.fields import nearest
from vae.latent.plane import Plane
from vae.latent.posterior_summary import PosteriorSummary, Samples
from vae.model.inference import decode_points

CHART = "plane"
NEIGHBOURS = 5
INPUTS_BESIDE = 2
"""With more latent dimensions than this the inputs for z fold away."""


def show_lens(scene: Scene, summary: PosteriorSummary | None, samples: Samples | None) -> None:
    """What is pinned, decoded exactly, and the lens."""
    with torch.no_grad():
        parameters = scene.run.model.decode_parameters(scene.z[None].to(scene.run.model.device))
        decoded = to_uint8(scene.run.model.likelihood.mean(parameters))[0, 0].cpu().numpy()
    caption = "reconstruction" if scene.has_image else "pinned"
    with st.container(key="pinned", horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="pinned-image">{markup.figure(decoded, caption, "The image decoded at the pinned z")}</div>')
        _inputs(scene)
    lens(_described(scene, markup.png_url(decoded), summary, samples), lambda pick: _pin(scene, pick))
    if not parameters.isfinite().all():
        st.warning("The decoder gives no finite numbers at this z; choose a point nearer to the middle.")


def _pin(scene: Scene, pick: Pick) -> None:
    """Pin what was clicked: the code of an image, or a place of the slice through the point pinned before."""
    if pick.probe is not None and scene.snapshot is not None and 0 <= pick.probe < len(scene.snapshot.labels):
        session.pin(tuple(scene.snapshot.codes.posterior.mean[pick.probe].tolist()), probe=pick.probe)
    else:
        z = scene.plane.points(torch.tensor([pick.place]), scene.z)[0]
        z = z.clamp(-FARTHEST, FARTHEST)
        session.pin(tuple(z.tolist()), exactly=scene.plane.is_slice)  # rounded, it would lie beside the slice


def _described(scene: Scene, image: str, summary: PosteriorSummary | None, samples: Samples | None) -> dict:
    """All that the lens draws on the plane, in the plane's coordinates."""
    plane, view, draws = scene.plane, scene.view, scene.draws()
    interpolation = [point for point in (view.start, view.end) if point is not None]
    return {
        "chart": CHART,
        "run": scene.run.folder.name,
        "atlas_id": atlas_id(scene),
        "scale": view.scale,
        "strip": plane.is_strip,
        "latent": plane.latent,
        "names": list(plane.names),
        "centre": plane.project(torch.zeros(1, plane.latent))[0].tolist(),
        "place": scene.place.tolist(),
        "image": image,
        "pinned": "pinned: the reconstruction" if scene.has_image else "pinned",
        "layers": list(view.layers),
        "cells": view.cells,
        "fields": _fields(scene),
        "posterior": _posterior(plane, summary, samples),
        "probe": view.probe,
        "neighbours": plane.project(_codes(scene)).tolist(),
        "draws": plane.project(draws.z).tolist() if draws else [],
        "interpolation": [plane.project(torch.tensor([point]))[0].tolist() for point in interpolation],
    }


def _codes(scene: Scene) -> torch.Tensor:
    """Where the neighbours' codes are, (N, D)."""
    probes = neighbours_of(scene)
    return scene.snapshot.codes.posterior.mean[probes] if probes else torch.zeros(0, scene.plane.latent)


def _posterior(plane: Plane, summary: PosteriorSummary | None, samples: Samples | None) -> dict | None:
    if summary is None or samples is None or not summary.is_finite:
        return None
    return {
        "mean": plane.project(summary.posterior.mean)[0].tolist(),
        "covariance": plane.project_covariance(summary.posterior.log_variance.exp())[0].tolist(),
        "samples": plane.project(samples.z).tolist(),
    }


def _field(scene: Scene, layer: str) -> layers.Picture | None:
    """The picture of a field, where it is asked for and there is what it is made of."""
    if layer not in scene.view.layers:
        return None
    if layer == "density" and scene.snapshot is not None:
        return cache.density(scene.version, scene.view.axes)
    return cache.change(scene.version, scene.view.axes, scene.rest) if layer == "change" else None


def _fields(scene: Scene) -> list[dict]:
    drawn = {layer: _field(scene, layer) for layer in ("density", "change")}
    classes = _class_picture(scene) if "classes" in scene.view.layers else None
    return ([{"layer": "classes", "picture": classes, "extent": scene.extent}] if classes else []) + [
        {
            "layer": layer,
            "picture": picture.url,
            "extent": scene.extent,
            "key": layers.key(layer, picture, scene.plane.is_strip),
        }
        for layer, picture in drawn.items()
        if picture is not None
    ]


def _class_picture(scene: Scene) -> str | None:
    """What a classifier takes the plane's images for, in the colours of the theme on the screen."""
    shades = palette.DARK if st.context.theme.type == "dark" else palette.LIGHT
    return cache.classes(scene.version, scene.view.axes, scene.rest, shades.classes)


def atlas_id(scene: Scene) -> str:
    """A name for the atlas of this slice, the same for all visitors."""
    words = (scene.version.path.name, scene.version.stamp, scene.view.axes, scene.rest)
    return f"atlas-{zlib.crc32(repr(words).encode()):x}"


def show_atlas(scene: Scene) -> None:
    """Hand the atlas to the browser, as a picture that nobody sees; the lens finds it by its description."""
    try:
        atlas = cache.atlas(scene.version, scene.view.axes, scene.rest)
    except AtlasError as error:
        with st.container(key=f"no-{atlas_id(scene)}"):  # by this name the lens learns that it waits in vain
            st.warning(plain(error))
        return
    with st.container(key="atlas"):
        st.image(atlas.picture, alt=f"{atlas_id(scene)} {atlas.size} {atlas.extent} {atlas.high_error:.4f}")


# z, to type or to nudge, for people without a mouse


def _inputs(scene: Scene) -> None:
    if scene.plane.latent <= INPUTS_BESIDE:
        _number_inputs(scene)
        return
    with st.popover(f"z, {scene.plane.latent} numbers", icon=":material/edit:"):
        _number_inputs(scene)


def _number_inputs(scene: Scene) -> None:
    with st.container(key="inputs"):
        for index, value in enumerate(scene.view.z):
            key = f"z{index + 1}"
            st.session_state[key] = round(value, 3)  # what it shows: the browser reports any other value as typed
            limits = (-FARTHEST, FARTHEST)
            st.number_input(key, *limits, step=0.1, format="%.3f", key=key, on_change=_typed, args=(scene.view.z,))


def _typed(before: tuple[float, ...]) -> None:
    typed = (st.session_state[f"z{index + 1}"] for index in range(len(before)))
    # An emptied box tells its lower limit.
    typed = tuple(round(old, 3) if new == -FARTHEST else new for old, new in zip(before, typed, strict=True))
    if typed != tuple(round(value, 3) for value in before):
        session.pin(typed)


# Neighbours


def neighbours_of(scene: Scene) -> list[int]:
    """The numbers of the images whose codes are nearest to the pinned point, the pinned image left out."""
    if scene.snapshot is None:
        return []
    found = nearest(scene.snapshot.codes.posterior.mean, scene.z, NEIGHBOURS + 1).tolist()
    return [probe for probe in found if probe != scene.view.probe][:NEIGHBOURS]


def show_neighbours(scene: Scene) -> None:
    """The images whose codes are nearest, to be pinned by a click; decoded ones where the data set is not at hand."""
    probes = neighbours_of(scene)
    if not probes:
        return
    images = runs.held_out(scene.run.config)
    at_hand = images is not None and max(probes) < len(images)
    shown = images.images[probes] if at_hand else decode_points(scene.run.model, scene.snapshot.codes.posterior.mean[probes])
    where = "on the plane" if scene.plane.latent <= 2 else f"in all {scene.plane.latent} dimensions"
    st.html(f'<p class="small">Nearest codes {where}{"" if at_hand else ", decoded"} (pale blue dots): click one</p>')
    with st.container(horizontal=True, key="neighbours"):
        for place, (probe, image) in enumerate(zip(probes, shown, strict=True)):
            name = plain(scene.run.class_names[int(scene.snapshot.labels[probe])])
            label = f"![Image {probe}]({markup.png_url(image[0].numpy())}) {name}"
            code = tuple(scene.snapshot.codes.posterior.mean[probe].tolist())
            st.button(label, key=f"neighbour_{place}", on_click=session.pin, args=(code, probe))


# Layers


def show_layers(scene: Scene) -> None:
    """Switch the layers; each says what to see in it."""
    view = scene.view
    st.session_state["layers"] = list(view.layers)
    st.pills(
        "Layers", list(layers.NAMES), selection_mode="multi", key="layers", format_func=layers.NAMES.get,
        on_change=_choose_layers, label_visibility="collapsed",
    )  # fmt: skip
    coloured = scene.snapshot is not None and view.colour != "class" and "clusters" in view.layers
    lines = [plane_controls.colour_sentence(view.colour, scene.snapshot.codes.terms, scene.snapshot.labels)] if coloured else []
    lines += [f"{layers.sentence(layer, scene.plane.is_strip)}{_range(scene, layer)}" for layer in view.layers]
    if scene.plane.is_slice:
        lines.insert(0, _slice(scene))
    with st.container(key="sentences"):
        st.markdown("\n\n".join(lines) or "No layer is on: the plane is empty, and the lens still decodes it.")


def _choose_layers() -> None:
    chosen = st.session_state["layers"]
    session.change(layers=tuple(layer for layer in LAYERS if layer in chosen))


def _range(scene: Scene, layer: str) -> str:
    """What a field's faintest and strongest colour stand for."""
    if layer == "classes":
        known = cache.classifier(scene.version)
        return f" It is right for {known.accuracy:.1%} of the held-out images." if known else f" {runs.why_absent(scene.run)}"
    field = _field(scene, layer)
    if field is None:
        return "" if layer in ("clusters", "manifold", "prior") else " There is nothing to draw it from."
    per = "z" if scene.plane.is_strip else "unit of area"
    if layer == "density":
        return f" Strongest: {field.high:.2g} per {per}; N(0, I) peaks at {_prior_peak(scene.plane):.2g}."
    return f" From {layers.number(field.low)} to {layers.number(field.high)} pixel values per {per}."


def _prior_peak(plane: Plane) -> float:
    return (2 * math.pi) ** (-0.5 if plane.is_strip else -1.0)


def _slice(scene: Scene) -> str:
    first, second = scene.plane.names
    return (
        f"**A slice** along {first} and {second} of {scene.plane.latent} dimensions: the dots are projected onto it, lens and "
        "manifold decode the slice itself, and the other coordinates are the pinned point's."
    )
