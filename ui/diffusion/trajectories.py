"""Films of particles between noise and codes, packed for the browser. Everything is in standardised codes u and z_t."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ui.charts import palette
from ui.charts.markup import png_url
from vae.data.inputs import IMAGE_SHAPE
from vae.diffusion.code_dataset import LabelledCodes, Standard
from vae.diffusion.denoiser import Denoise
from vae.diffusion.folder import Prior
from vae.diffusion.noise_schedule import GREATEST, LEAST, diffuse, noise_level, signal_share
from vae.diffusion.samplers import Trajectories
from vae.latent.grid import make_grid

Decoder = Callable[[Tensor], Tensor]
"""From standardised codes (N, D) to uint8 images (N, 1, H, W)."""

HANDFUL = 6
MOST_STEPS = 100
"""Of a longer chain every so many steps are shown."""

STEPS = 65_535
"""Places are sent in so many steps from -reach to reach."""

NEIGHBOURS = 5
LEAST_EXTENT, MOST_EXTENT = 3.5, 8.0
SHOWN = 0.995
"""The share of the codes that the plane shows at least."""


@dataclass(frozen=True)
class Scene:
    """What dissolves: held-out codes, and what makes them standard. It needs no prior."""

    codes: LabelledCodes
    standard: Standard
    from_snapshot: bool = False

    @property
    def latent(self) -> int:
        """The number of latent dimensions."""
        return len(self.standard.centre)


def varied(labels: Tensor) -> Tensor:
    """An order of particles, a permutation (N,), in which the first few are of different classes."""
    names = labels.unique().tolist()
    chosen = names[:: max(1, len(names) // HANDFUL)][:HANDFUL]
    first = [int((labels == label).nonzero()[0, 0]) for label in chosen]
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[first] = False
    return torch.cat([torch.tensor(first, dtype=torch.long), rest.nonzero()[:, 0]])


def labels_near(prior: Prior, codes: Tensor) -> Tensor:
    """The commonest class among the five nearest training codes of each of `codes` (N, D), (N,)."""
    train = prior.codes.train
    distances = torch.cdist(codes, prior.standard.to_standard(train.posterior.mean))
    nearest = train.labels[distances.topk(min(NEIGHBOURS, len(train)), 1, largest=False).indices]
    return nearest.mode(1).values


def extent_of(scene: Scene) -> float:
    """Half the side of the square that shows nearly all codes and N(0, I)."""
    places = plane_places(scene.standard.to_standard(scene.codes.posterior.mean))
    reach = torch.quantile(places.abs().amax(1), SHOWN).item()
    return float(min(max(LEAST_EXTENT, 1.05 * reach), MOST_EXTENT))


def plane_places(u: Tensor) -> Tensor:
    """The two coordinates that are drawn, (..., 2): the first two."""
    return u[..., :2]


@dataclass(frozen=True)
class Candidates:
    """Standardised codes u (N, D) that noise may have been made of, and their images (N, 1, H, W), uint8."""

    u: Tensor
    images: Tensor

    def expected(self, z: Tensor, levels: Tensor, own: Tensor, own_images: Tensor) -> Tensor:
        """The images (T, H, ...) expected of particles at z (T, H, D) and noise levels (T,), uint8.

        That is the mean image of the candidates and of each particle's `own` clean code (H, D), with weights
        N(z / alpha; u, s^2 I): how likely each would have become z. Without noise it is the own code's image.
        """
        levels = levels.to(z)
        x = z / signal_share(levels).view(-1, 1, 1)
        return torch.stack(
            [self._at(x[:, particle], levels, own[particle], own_images[particle]) for particle in range(len(own))], 1
        )

    def _at(self, x: Tensor, levels: Tensor, own: Tensor, own_image: Tensor) -> Tensor:
        """The images (T, ...) expected of one particle at x (T, D)."""
        u, images = torch.cat([self.u, own[None]]), torch.cat([self.images, own_image[None]])
        level = levels[:, None].clamp_min(LEAST)
        weights = (-(torch.cdist(x, u) / level).square() / 2).softmax(1)
        return (weights @ images.flatten(1).to(x)).round().to(torch.uint8).view(len(x), *images.shape[1:])


def forward(
    u: Tensor, epsilon: Tensor, labels: Tensor, noise: str, steps: int, decode: Decoder, candidates: Candidates
) -> dict:
    """Codes u and their noise (N, D); the browser mixes them at every time."""
    times = torch.arange(steps + 1, dtype=torch.double) / steps
    times = times[_kept(steps + 1)]
    levels = noise_level(times, noise)
    handful = torch.stack([diffuse(u[:HANDFUL], level.float(), epsilon[:HANDFUL]) for level in levels])
    images = candidates.expected(handful, levels, u[:HANDFUL], decode(u[:HANDFUL]))
    return _film(torch.stack([u, epsilon]), images, labels, times, levels) | {
        "forward": True,
        "schedule": noise,
        "steps": steps,
    }


def backward(ways: Trajectories, labels: Tensor, noise: str, decode: Decoder, candidates: Candidates) -> dict:
    """The ways of particles, all of them; the browser plays them step by step."""
    order = varied(labels)
    kept = _kept(len(ways.levels))
    z = ways.z[kept][:, order]
    steps = len(ways.levels) - 1
    times = (torch.arange(steps, -1, -1, dtype=torch.double) / steps)[kept]
    levels, own = ways.levels[kept], z[-1, :HANDFUL]
    images = candidates.expected(z[:, :HANDFUL], levels, own, decode(own))
    return _film(z, images, labels[order], times, levels) | {"forward": False, "schedule": noise, "steps": steps}


def _kept(count: int) -> Tensor:
    """Indices of `count` states that are shown, first and last among them."""
    return torch.linspace(0, count - 1, min(count, MOST_STEPS + 1)).round().long()


def _film(places: Tensor, images: Tensor, labels: Tensor, times: Tensor, levels: Tensor) -> dict:
    """`places` (K, N, D) are what is sent, `images` (T, H, 1, ...) what is expected of the lettered particles."""
    shown = plane_places(places)
    reach = max(shown.abs().max().item(), 1e-6)
    count = images.shape[1]
    images = images.view(len(times), count, *IMAGE_SHAPE[1:])
    return {
        "times": [round(time, 6) for time in times.tolist()],
        "levels": [round(level, 6) for level in levels.tolist()],
        "greatest": GREATEST,
        "places": packed(shown, reach),
        "reach": reach,
        "labels": base64.b64encode(labels.to(torch.uint8).numpy().tobytes()).decode(),
        "handful": count,
        "tiles": png_url(images.permute(0, 2, 1, 3).reshape(len(times) * IMAGE_SHAPE[1], count * IMAGE_SHAPE[2]).numpy()),
    }


def ghosts(u: Tensor, labels: Tensor) -> dict:
    """Codes u (N, D) with their labels, as the particles' component takes them to be drawn faintly."""
    places = plane_places(u)
    reach = max(places.abs().max().item(), 1e-6)
    names = base64.b64encode(labels.to(torch.uint8).numpy().tobytes()).decode()
    return {"places": packed(places, reach), "reach": reach, "labels": names}


def packed(values: Tensor, reach: float) -> str:
    """Numbers from -reach to reach as two bytes each, the low one first, right to reach / 65,535."""
    steps = ((values.double() / reach + 1) / 2 * STEPS).round().clamp(0, STEPS).numpy().astype("<u2")
    return base64.b64encode(steps.tobytes()).decode()


def score(denoise: Denoise, places: Tensor, level: float) -> Tensor:
    """Arrows (N, 2) at z_t (N, 2): sigma times the score of z_t, shortened to a length below 1.

    sigma * score = -E[epsilon given z_t], so an arrow points to where noise is expected to have come from.
    """
    s = torch.full((len(places), 1), level)
    x = places / signal_share(s)
    with torch.no_grad():
        pull = (denoise(x, s) - x) / level
    length = pull.norm(dim=1, keepdim=True).clamp_min(1e-9)
    return pull / length * torch.tanh(length / 2)


def arrows(denoise: Denoise, noise: str, extent: float, cells: int, times: int) -> dict:
    """The score on a grid of cells at evenly spread times, the first a little above zero, where it has no end."""
    places = make_grid(cells, extent).points()
    moments = torch.linspace(0, 1, times).clamp_min(0.25 / times)
    values = torch.stack([score(denoise, places, level) for level in noise_level(moments, noise).tolist()])
    return {"times": moments.tolist(), "size": cells, "half": extent, "reach": 1.0, "values": packed(values, 1.0)}


def described(
    film: dict, name: str, scene: Scene, class_names: tuple[str, ...], field: dict | None, sense: str, guided: bool = False
) -> dict:
    """All that the particles' component is told. `name` tells films apart, `sense` says in a sentence what is seen."""
    colours = [palette.of_class(label) for label in range(len(class_names))]
    return film | {
        "film": name,
        "names": list(class_names),
        "colours": colours,
        "inks": [palette.ink_of_class(label) for label in range(len(class_names))],
        "axes": ["z\u209c, first dimension", "z\u209c, second dimension"],
        "extent": extent_of(scene),
        "strip": False,
        "arrows": field,
        "ghosts": None,
        "active": False,
        "sense": sense,
        "notes": notes(film, scene, guided),
    }


def notes(film: dict, scene: Scene, guided: bool) -> list[str]:
    """What has to be known to read the picture, each in a sentence; HTML of our own words."""
    standard, latent = scene.standard, scene.latent
    centre = ", ".join(f"{value:.2f}" for value in standard.centre.tolist()[:3]) + (", ..." if latent > 3 else "")
    said = [f"u = (z − ({centre.replace('-', '−')})) / {standard.scale:.2f}: codes are centred, and as wide as N(0, I)."]
    if latent > 2:
        said.append(f"{latent} latent dimensions: the first two are drawn, and arrows are left out.")
    if not film["forward"] and not guided:
        said.append("A particle's colour comes as its noise goes: that of the class among whose codes it ends.")
    if len(film["times"]) < film["steps"] + 1:
        said.append(f"{film['steps']:,} steps; {len(film['times']):,} moments of them are shown.")
    if scene.from_snapshot:
        said.append("Codes are those in the run's frames, because its data set was not at hand.")
    return said


def field_places(cells: int, extent: float) -> np.ndarray:
    """Where the arrows of a grid begin, (cells * cells, 2)."""
    return make_grid(cells, extent).points().numpy()
