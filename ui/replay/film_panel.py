"""A run's frames as a film: what is read of the folder, what is said about it, what the projector is handed."""

from __future__ import annotations

import base64
import html
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ui.cache import run_files, runs
from ui.charts import palette
from ui.charts.curves import TERMS, thin_out, y_range
from ui.components.replay_player.replay_player import projector
from ui.replay import cache, packed_frames
from ui.replay.gif_export import make_gif
from ui.replay.packed_frames import Packed, PackedFilm
from ui.state import session
from ui.state.view import PRINCIPAL
from ui.text import plain
from vae.config import RunConfig
from vae.errors import ExplorerError, RunError
from vae.latent.plane import Plane, plane_of_axes, plane_of_principal_components
from vae.runs.folder import RunFolder, Status
from vae.training.trainer import Report

SECONDS_BETWEEN_LOOKS = 1.5
MOST_CURVE_POINTS = 250
"""Of each curve, which is a few hundred pixels wide here."""


@dataclass(frozen=True)
class Film:
    """A film with all that belongs to it. `name` tells films of other planes or other images apart, `files` counts frames.

    `instead` says in a sentence why the plane is another one than was asked for, where it is.
    """

    name: str
    film: PackedFilm
    plane: Plane
    config: RunConfig
    class_names: tuple[str, ...]
    status: Status
    files: int
    instead: str | None

    @property
    def steps_per_epoch(self) -> float:
        """By the status; where it does not say, by the frames."""
        if self.status.total_steps:
            return self.status.total_steps / self.config.training.epochs
        return max([1.0, *(frame.step / frame.epoch for frame in self.film.frames if frame.epoch)])

    def epochs(self, frame: Packed) -> float:
        """Where a frame stands on the axis of epochs."""
        return frame.step / self.steps_per_epoch

    def word(self, frame: Packed) -> str:
        """What a frame's epoch is called: "2" at its end, and within it "1.1" to "1.9", never the whole number."""
        at = self.epochs(frame)
        if abs(at - round(at)) < 1e-6:
            return str(round(at))
        return f"{math.floor(at) + min(max(round(at % 1, 1), 0.1), 0.9):.1f}"


def reel_of(folder: RunFolder, axes: str) -> Film:
    """The film of a run on the plane that `axes` name, where the run has one. Raises `RunError`."""
    config, class_names = folder.read_config()
    status = run_files.look(folder).status or Status("stopped")
    paths = folder.snapshot_paths()
    plane_name, plane, instead = _plane(folder, config.model.latent, axes, paths, status.active)
    packed = [(path.name, _packed(path, len(class_names), plane_name, plane)) for path in packed_frames.thin(paths)]
    joined = packed_frames.join(packed)
    probes = zlib.crc32(repr((joined.labels.tobytes(), class_names)).encode())
    name = f"{folder.path} {plane_name} {probes:x}"
    return Film(name, joined, plane, config, class_names, status, len(paths), instead)


def _packed(path: Path, classes: int, plane_name: str, plane: Plane) -> Packed | None:
    try:
        return cache.packed_frame(path, path.stat().st_mtime_ns, classes, plane_name, plane)
    except (OSError, RunError):  # taken away by a training that begins anew, or out of reach for the moment
        return None


def _plane(folder: RunFolder, latent: int, axes: str, paths: Sequence[Path], growing: bool) -> tuple[str, Plane, str | None]:
    """One plane for all frames, its name, and why it is another one than was asked for.

    Principal components are those of the last frame, so they wait for the training's end.
    """
    instead = None
    if axes == PRINCIPAL and latent > 2 and growing:
        instead = "The principal components are those of the last frame, so they come at the training's end."
    elif axes == PRINCIPAL and latent > 2 and paths:
        try:
            stamp, means = paths[-1].stat().st_mtime_ns, folder.read_snapshot(paths[-1]).codes.posterior.mean
            return f"{PRINCIPAL} {stamp} of {latent}", plane_of_principal_components(means), None
        except (OSError, ExplorerError):
            instead = "Principal components need a last frame that can be read and holds two codes or more."
    first, second = (1, 2) if axes == PRINCIPAL or latent < 3 else map(int, axes.split(","))
    if max(first, second) > latent:
        first, second = 1, 2
    return f"{first},{second} of {latent}", plane_of_axes(latent, first - 1, second - 1), instead


def show(folder: RunFolder) -> None:
    """The film; it grows by itself while the run is trained."""
    active = runs.is_active(folder)
    st.fragment(_show, run_every=SECONDS_BETWEEN_LOOKS if active else None)(folder, active)


def _show(folder: RunFolder, active: bool) -> None:
    try:
        film, seen = reel_of(folder, session.view().axes), run_files.look(folder)
    except RunError as error:
        st.error(plain(error))
        return
    for damage in seen.damages:
        st.error(plain(damage))
    if active and not film.status.active:
        st.rerun()  # the whole page, once: it looks no more
    if film.film.frames:
        pictures = [(_name(film, frame), frame.picture) for frame in film.film.frames]
        projector(described(film, seen.reports), pictures, lambda epoch: session.change(epoch=epoch))
    elif film.film.left_out:
        st.error(plain(_left_out(film.film.left_out, "There is nothing to play.")))
    elif active:
        st.info("The film begins here as soon as the training has written its first frame.")
    else:
        st.info("This run has no frames to play; resume its training on **Train** or choose another run at the top.")
    session.write_address()


def show_download(folder: RunFolder) -> None:
    """The film as a GIF, made when the button is pressed."""
    axes, dark = session.view().axes, st.context.theme.type == "dark"

    def made() -> bytes:
        film = reel_of(folder, axes)
        if not film.film.frames:
            raise RunError(f"{folder.path} has no frames to make a GIF of; wait for its first one or choose another run.")
        words = [f"epoch {film.word(frame)} of {film.config.training.epochs}" for frame in film.film.frames]
        return make_gif(film.film, words, film.class_names, film.plane.names, film.plane.is_strip, dark)

    st.download_button(
        "GIF", made, f"{folder.name}-replay.gif", "image/gif", key="get_gif", icon=":material/download:", on_click="ignore",
        disabled=not (runs.is_active(folder) or folder.snapshot_paths()),  # asked once, and a training will have frames
        help="Plane, manifold and epoch for your slides; made in some seconds",
    )  # fmt: skip


def _name(film: Film, frame: Packed) -> str:
    """A name for a packed frame, the same for all visitors."""
    return f"frame-{zlib.crc32(frame.picture):x}-{zlib.crc32(film.name.encode()):x}-{frame.step}"


def described(film: Film, reports: Sequence[Report]) -> dict:
    """All that the projector is told; pictures apart."""
    frames, labels = film.film.frames, film.film.labels
    colours = [palette.of_class(label) for label in range(len(film.class_names))]
    return {
        "film": film.name,
        "frames": [_described_frame(film, frame) for frame in frames],
        "labels": base64.b64encode(labels.tobytes()).decode(),
        "names": list(film.class_names),
        "colours": colours,
        "inks": [palette.ink_of_class(label) for label in range(len(film.class_names))],
        "axes": list(film.plane.names),
        "extent": film.film.extent,
        "strip": film.plane.is_strip,
        "manifold": film.film.has_manifold,
        "curves": curves(reports, film.steps_per_epoch),
        "epochs": film.config.training.epochs,
        "range": _range(film),
        "active": film.status.active,
        "epoch": session.view().epoch,
        "probe": session.view().probe,
        "notes": notes(film, bool(reports)),
    }


def _described_frame(film: Film, frame: Packed) -> dict:
    return {
        "id": _name(film, frame), "epoch": frame.epoch, "word": film.word(frame), "at": film.epochs(frame),
        "reach": frame.reach, "cells": frame.cells,
        "elbo": frame.elbo, "reconstruction": frame.reconstruction, "kl": frame.kl,
    }  # fmt: skip


def _range(film: Film) -> tuple[float, float]:
    """First and last epoch of slider and curves: of a training, all that is still to come too, so that nothing moves."""
    first, last = film.epochs(film.film.frames[0]), film.epochs(film.film.frames[-1])
    last = max(last, film.config.training.epochs) if film.status.active else last
    return first, max(last, first + 1)


def curves(reports: Sequence[Report], steps_per_epoch: float) -> list[dict]:
    """ELBO and its two terms over the epochs, in nats per image; none before the first report."""
    train = [report for report in reports if report.split == "train" and report.scope == "steps"]
    held_out = [report for report in reports if report.split == "held_out"]
    drawn = {
        "train": thin_out(train, MOST_CURVE_POINTS),
        "held_out": thin_out(held_out, MOST_CURVE_POINTS),
    }
    if not any(drawn.values()):
        return []
    return [
        {"term": term, "name": name, "colour": colour}
        | {split: _curve(chosen, term, steps_per_epoch) for split, chosen in drawn.items()}
        | {"range": y_range(*([getattr(report, term) for report in chosen] for chosen in drawn.values()))}
        for term, name, colour in TERMS
    ]


def _curve(reports: Sequence[Report], term: str, steps_per_epoch: float) -> list[list[float]]:
    x = [round(report.step / steps_per_epoch, 3) for report in reports]
    return [x, [round(getattr(report, term), 3) for report in reports]]


def notes(film: Film, has_curves: bool) -> list[str]:
    """What has to be said about this film, each in a sentence; HTML of our own words."""
    said = []
    if film.film.left_out:
        said.append(f"<b>{html.escape(_left_out(film.film.left_out, 'The others play.'))}</b>")
    if len(film.film.frames) == 1 and not film.status.active:
        said.append("This run has one frame, so nothing moves; a training writes one after every epoch.")
    if film.instead:
        said.append(f"<b>{film.instead}</b>")
    every = packed_frames.stride(film.files)
    if every > 1:
        said.append(f"{film.files:,} frames are too many to hold: every {_ordinal(every)} is played, and the last.")
    latent = film.config.model.latent
    if film.plane.is_strip:
        said.append("One latent dimension: each class has a row, and there is no manifold grid.")
    elif film.plane.is_slice:
        names = " and ".join(film.plane.names)
        said.append(f"{latent} latent dimensions, seen along {names}: there is no manifold grid.")
    elif not film.film.has_manifold:
        said.append("The frames of this run have no manifold grid.")
    if not has_curves:
        said.append("This run has no report, so there are no curves.")
    if len(film.film.frames) > 1:
        said.append("Each dot is one image throughout: press one to follow it.")
        said.append("Positions between epochs are interpolated.")
    return said


def _left_out(names: Sequence[str], then: str) -> str:
    """One sentence on files that are no frames of this run."""
    listed = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    which = f"The frame {listed} is" if len(names) == 1 else f"{len(names)} frames ({listed}) are"
    it = "it" if len(names) == 1 else "them"
    return f"{which} damaged or of other images and left out; delete {it} or copy the run again. {then}"


def _ordinal(number: int) -> str:
    """2nd, 4th, 8th, 16th, 32nd ...: powers of two never end in 1 or 3."""
    return f"{number}{'nd' if number % 10 == 2 and number % 100 != 12 else 'th'}"
