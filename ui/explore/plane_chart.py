"""The chart of the codes on the plane, as the page shows it and as a paper prints it."""

from __future__ import annotations

import plotly.graph_objects as go
import torch

from ui.cache import runs
from ui.charts import paper, plane
from ui.charts.vector import Drawing
from ui.explore import plane_controls
from ui.explore.scene import Scene

SIGMAS = (1, 2, 3)


def figure_of(scene: Scene) -> go.Figure:
    """The codes on the plane; a plane without codes where there are none."""
    view, axes = scene.view, axes_of(scene)
    if scene.snapshot is None:
        return plane.empty_plane(axes)
    colour = None if view.colour == "class" else getattr(scene.snapshot.codes.terms, view.colour).numpy()
    name = plane_controls.COLOUR_NAMES[view.colour].removesuffix(" term") + " term"
    places = runs.places(scene.version, view.axes)
    return plane.scatter(places, scene.snapshot.labels, scene.run.class_names, axes, colour, name)


def axes_of(scene: Scene) -> plane.Axes:
    """How the plane lies on the screen."""
    middle, half = runs.window(scene.version, scene.view.axes)
    return plane.Axes(scene.plane.names, half, scene.view.scale, scene.plane.is_strip, middle)


def for_a_paper(scene: Scene) -> Drawing:
    """The whole plane with its codes, the prior's circles where that layer is on, and the pinned point."""
    axes = axes_of(scene)
    centre = scene.plane.project(torch.zeros(1, scene.plane.latent))[0]
    has_circles = "prior" in scene.view.layers and not axes.strip
    circles = [plane.ellipse(centre, torch.eye(2), radius) for radius in SIGMAS] if has_circles else []
    pin = axes.place(scene.place[None])[0].tolist() if not axes.strip else [*axes.place(scene.place[:1]).tolist(), -1.0]
    return paper.drawing(figure_of(scene), [axes.place(torch.from_numpy(circle)) for circle in circles], pin)
