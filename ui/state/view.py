"""What the screen shows: one view of a run, and what may be chosen in it. `ui.state.url_state` writes it as an address."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vae.data.inputs import IMAGE_SHAPE

FARTHEST = 1e6
"""No code is this far out, not even an autoencoder's; addresses beyond it are a slip."""

MOST_DIMENSIONS = 256
LAYERS = ("clusters", "manifold", "prior", "density", "change", "classes")
COLOURS = ("class", "kl", "reconstruction")
SCALES = ("linear", "quantile")
SOURCES = ("test", "draw", "upload", "prior")
PIXELS = ("grey", "threshold", "random")
SECTIONS = ("gap", "kl", "samples", "gradients", "derivation")
DIRECTIONS = ("forward", "backward")
SAMPLERS = ("ode", "ancestral")
NOISES = ("cosine", "linear")
CHAPTERS = ("why", "field", "ledger", "story", "training")
CHAIN = (1, 1000)
GREATEST_WEIGHT = 20.0
MOST_RUNS = 4
PICTURES = ("both", "codes", "manifold")
CELLS = (5, 40)
LONGEST_NAME = 64
PRINCIPAL = "pca"
OWN_PIXELS = math.prod(IMAGE_SHAPE)
Point = tuple[float, ...]


@dataclass(frozen=True)
class View:
    """One view of a run.

    `z` is the pinned point, of as many numbers as the run has latent dimensions; empty means the origin. It is the code of
    held-out image `probe`, or of the visitor's `own` image (784 grey values), or of neither. `axes` is two latent dimensions
    counted from 1, or "pca". `epsilon` counts how often new epsilons or pixels were asked for, and `draws` how often sixteen
    z were drawn from the prior (0: never), which show their means or, with `drawn_pixels`, a draw of x each. `start` and
    `end` are the road's. `q` holds the means and then the standard deviations of a Gaussian chosen by hand in place of the
    encoder's, `pixels` says whether the image is binarised, and `section` what the page on the equation shows below it.
    `epoch` is where the replay stands; None means its end. `runs` are the names of those that are compared (empty: the page
    chooses), `picture` is what is compared of them; with `one_scale` all planes show the same square, and `aligned` ones are
    turned onto the first. On the page on diffusion, particles go in a `direction`, are led to class `guide` with a `weight`,
    and `chain`, `sampler` and `noise` say how; `chapter` stands below. While a lesson is played, `lesson` is its name, and
    `step` the one that it stands at, counted from 1.
    """

    z: Point = ()
    probe: int | None = None
    own: bytes | None = None
    source: str = "test"
    layers: tuple[str, ...] = ("clusters", "prior")
    colour: str = "class"
    axes: str = "1,2"
    scale: str = "linear"
    cells: int = 20
    buttons: bool = False
    epsilon: int = 0
    draws: int = 0
    drawn_pixels: bool = False
    start: Point | None = None
    end: Point | None = None
    presenting: bool = False
    q: Point | None = None
    pixels: str = "grey"
    section: str = "gap"
    runs: tuple[str, ...] = ()
    picture: str = "both"
    one_scale: bool = False
    aligned: bool = False
    epoch: int | None = None
    direction: str = "forward"
    guide: int | None = None
    weight: float = 1.0
    chain: int = 50
    sampler: str = "ode"
    noise: str = "cosine"
    chapter: str = "why"
    lesson: str = ""
    step: int = 1
