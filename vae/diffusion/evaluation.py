"""What tells a diffusion prior from N(0, I): how near samples are to held-out codes, and how sure one is of their digits."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.data import datasets
from vae.data.nearest_images import PixelNeighbours
from vae.diffusion.code_dataset import CodeSets, LabelledCodes, Standard
from vae.diffusion.denoiser import Denoiser
from vae.diffusion.distances import mixture_sample, sliced_wasserstein
from vae.diffusion.noise_schedule import reverse_levels
from vae.diffusion.samplers import log_density, sample
from vae.errors import DataError
from vae.model.elbo import log_prior
from vae.model.inference import decode_points
from vae.runs.atomic_files import fields_fit
from vae.runs.folder import Run

MOST_CODES, MOST_DENSITIES, DECODED = 10_000, 1000, 400
CHAIN, DENSITY_STEPS = 256, 64
NEIGHBOURS = 10
CODES_FOR_MIXTURE = 5000


@dataclass(frozen=True)
class Sources:
    """One number for each source of codes."""

    train: float
    normal: float
    mixture: float
    diffusion: float


@dataclass(frozen=True)
class Figures:
    """The figures of a trained prior.

    `wasserstein` is the sliced Wasserstein distance to held-out codes in units of z, with `codes` codes on either side.
    `sure` is the share of decoded samples whose ten nearest training images have one label; None without training images.
    `normal_density` and `density` are the mean of log p(z) of `densities` held-out codes under N(0, I) and under the prior's
    ODE in nats, `gain_error` the standard error of their difference.
    """

    codes: int
    wasserstein: Sources
    sure: Sources | None
    densities: int
    normal_density: float
    density: float
    gain_error: float

    @property
    def gain(self) -> float:
        """By how many nats a held-out code is likelier under the prior than under N(0, I)."""
        return self.density - self.normal_density

    def to_dict(self) -> dict[str, Any]:
        """As figures.json stores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Figures:
        """What `to_dict` gave. Raises `TypeError`, `KeyError` or `ValueError` on anything else."""
        parts = {name: Sources(**fields[name]) if fields[name] else None for name in ("wasserstein", "sure")}
        figures = cls(**{**fields, **parts})
        every: list[Figures | Sources] = [figures, figures.wasserstein, *([figures.sure] if figures.sure else [])]
        if not all(fields_fit(part) for part in every):
            raise ValueError("a figure is no number")
        return figures


def draw_diffusion(denoiser: Denoiser, standard: Standard, count: int, seed: int = 0, steps: int = CHAIN) -> Tensor:
    """z (count, D) from the prior by the ancestral chain, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, denoiser.config.latent, generator=generator).to(denoiser.device)
    ways = sample(denoiser.guided(), noise, reverse_levels(steps), "ancestral", generator)
    return standard.to_latent(ways.codes.cpu())


def measure(run: Run, denoiser: Denoiser, standard: Standard, sets: CodeSets, seed: int = 0) -> Figures:
    """The figures of a denoiser. Held-out codes are used for nothing else."""
    count = min(MOST_CODES, len(sets.train), len(sets.held_out))
    samples = draws(denoiser, standard, sets, count, seed)
    held_out = sets.held_out.draw(count, seed + 1)
    apart = Sources(**{name: sliced_wasserstein(z, held_out) for name, z in samples.items()})
    density, normal = densities(denoiser, standard, sets.held_out, min(MOST_DENSITIES, count), seed + 2)
    gain = density - normal
    error = (gain.std() / math.sqrt(len(gain))).item()
    return Figures(count, apart, _sure(run, samples), len(gain), normal.mean().item(), density.mean().item(), error)


def draws(denoiser: Denoiser, standard: Standard, sets: CodeSets, count: int, seed: int = 0) -> dict[str, Tensor]:
    """z (count, D) from each source: training codes, N(0, I), a Gaussian mixture, and the diffusion prior."""
    train = sets.train.draw(count, seed)
    normal = torch.randn(count, train.shape[1], generator=torch.Generator().manual_seed(seed))
    return {
        "train": train,
        "normal": normal,
        "mixture": mixture_sample(sets.train.draw(CODES_FOR_MIXTURE, seed + 3), count, seed),
        "diffusion": draw_diffusion(denoiser, standard, count, seed),
    }


def densities(
    denoiser: Denoiser, standard: Standard, codes: LabelledCodes, count: int, seed: int = 0, steps: int = DENSITY_STEPS
) -> tuple[Tensor, Tensor]:
    """log p(z) in nats of `count` codes under the prior's ODE and under N(0, I), (count,) each."""
    z = codes.draw(count, seed)
    u = standard.to_standard(z).to(denoiser.device)
    density = log_density(denoiser.guided(), u, steps) - z.shape[1] * math.log(standard.scale)
    return density, log_prior(z).double()


def _sure(run: Run, samples: dict[str, Tensor]) -> Sources | None:
    try:
        images = datasets.load(run.config.dataset, run.config.held_out).train
    except DataError:
        return None
    decoded = torch.cat([decode_points(run.model, z[:DECODED]) for z in samples.values()])
    agreement = PixelNeighbours(images.images, images.labels).agreement(decoded, NEIGHBOURS)
    shares = agreement.eq(1).double().view(len(samples), -1).mean(1)
    return Sources(**dict(zip(samples, shares.tolist(), strict=True)))
