"""What is cached of diffusion priors; see ui/cache for all else. It is shared by all visitors and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from ui.cache import memory, runs
from ui.cache.runs import RunVersion
from ui.diffusion import trajectories
from ui.diffusion.trajectories import Candidates, Scene
from vae.diffusion.closed_form import mixture_denoiser
from vae.diffusion.code_dataset import LabelledCodes, Standard
from vae.diffusion.evaluation import DECODED, draw_diffusion
from vae.diffusion.folder import Prior, PriorFolder
from vae.diffusion.noise_schedule import reverse_levels
from vae.diffusion.samplers import Trajectories, sample
from vae.diffusion.variational_bound import Ledger, ledger
from vae.errors import DiffusionError
from vae.latent.grid import make_grid, tile
from vae.model.elbo import kl_to_prior
from vae.model.inference import decode_points
from vae.runs.folder import RunFolder

PARTICLES, FORWARD_PARTICLES, GHOSTS, CANDIDATES = 600, 5000, 3000, 2000
FIELD_CELLS, ARROW_TIMES = 21, 26
GRID_CELLS = 12
LEDGER_DRAWS = 8
SCORED = 400


@dataclass(frozen=True)
class PriorVersion:
    """One state of a run's prior and of the weights that decode: what cached results belong to."""

    path: Path
    stamp: int
    run: RunVersion

    @classmethod
    def now(cls, folder: RunFolder) -> PriorVersion | None:
        """The prior as it is now; None where there is none."""
        return cls.of(PriorFolder.of(folder), folder)

    @classmethod
    def of(cls, prior: PriorFolder, folder: RunFolder) -> PriorVersion | None:
        """A prior's weights as they are now; None where there are none."""
        try:
            stamp = (prior.path / "model.safetensors").stat().st_mtime_ns
        except OSError:
            return None
        return cls(prior.path, stamp, RunVersion.now(folder))


@st.cache_resource(max_entries=8, show_spinner=False)
def load_prior(version: PriorVersion) -> Prior:
    """The prior with its weights and codes. Raises `RunError`."""
    return PriorFolder(version.path).read()


@st.cache_resource(max_entries=16, show_spinner=False)
def scene(version: PriorVersion | RunVersion) -> Scene:
    """The codes of a prior; of a run that has none, those of its held-out images. Raises `ExplorerError`."""
    if isinstance(version, PriorVersion):
        prior = load_prior(version)
        return Scene(prior.codes.held_out, prior.standard, prior.codes.from_snapshot)
    snapshot = runs.snapshot_of(version)
    if snapshot is None or not len(snapshot.labels):
        raise DiffusionError("This run has no codes to dissolve yet: neither a frame of its weights nor its data set is here.")
    codes = LabelledCodes(snapshot.codes.posterior, snapshot.labels)
    return Scene(codes, Standard.of(codes.posterior))


@st.cache_resource(max_entries=16, show_spinner=False)
def forward_codes(version: PriorVersion | RunVersion) -> LabelledCodes:
    """Held-out codes, those that are decoded first, of classes as different as can be."""
    codes = scene(version).codes
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))[:FORWARD_PARTICLES]
    return codes.select(order[trajectories.varied(codes.labels[order])])


@st.cache_resource(max_entries=32, show_spinner=False)
def candidates(version: PriorVersion | RunVersion, label: int | None = None) -> Candidates:
    """Codes that noise may have been made of, of one class where a label is given, and their images."""
    codes = forward_codes(version)
    codes = codes if label is None else codes.select(codes.labels == label)
    u = scene(version).standard.to_standard(codes.posterior.mean[:CANDIDATES])
    return Candidates(u, _decoder(version)(u))


@st.cache_resource(max_entries=32, show_spinner=False)
def forward_film(version: PriorVersion | RunVersion, noise: str, steps: int) -> dict:
    """What particle_player.js needs to dissolve codes into noise."""
    codes = forward_codes(version)
    generator = torch.Generator().manual_seed(1)
    posterior = scene(version).standard.posterior(codes.posterior)
    u = posterior.sample(torch.randn(posterior.mean.shape, generator=generator))
    epsilon = torch.randn(u.shape, generator=generator)
    return trajectories.forward(u, epsilon, codes.labels, noise, steps, _decoder(version), candidates(version))


@st.cache_resource(max_entries=16, show_spinner=False)
def ghosts(version: PriorVersion) -> dict:
    """Where held-out codes are, to be seen faintly below the particles."""
    codes = forward_codes(version)
    codes = codes.select(torch.arange(min(GHOSTS, len(codes))))
    return trajectories.ghosts(load_prior(version).standard.to_standard(codes.posterior.mean), codes.labels)


@st.cache_resource(max_entries=32, show_spinner=False)
def backward_film(
    version: PriorVersion, guide: int | None, weight: float, steps: int, sampler: str, noise: str, seed: int
) -> dict:
    """What particle_player.js needs to turn noise into codes. Raises `DiffusionError`."""
    prior = load_prior(version)
    ways = _ways(version, guide, weight, steps, sampler, noise, seed)
    labels = torch.full((PARTICLES,), guide) if guide is not None else trajectories.labels_near(prior, ways.codes)
    return trajectories.backward(ways, labels, noise, _decoder(version), candidates(version, guide))


def _ways(
    version: PriorVersion, guide: int | None, weight: float, steps: int, sampler: str, noise: str, seed: int
) -> Trajectories:
    prior, generator = load_prior(version), torch.Generator().manual_seed(seed)
    start = torch.randn(PARTICLES, prior.description.latent, generator=generator)
    return sample(prior.denoiser.guided(guide, weight), start, reverse_levels(steps, noise), sampler, generator)


def _decoder(version: PriorVersion | RunVersion) -> trajectories.Decoder:
    run = version.run if isinstance(version, PriorVersion) else version
    model, standard = runs.load_run(run).model, scene(version).standard
    return lambda u: decode_points(model, standard.to_latent(u))


@st.cache_resource(max_entries=32, show_spinner=False)
def arrows(version: PriorVersion, guide: int | None, weight: float, noise: str, extent: float) -> dict | None:
    """The learned score at times of the process, as arrows; None where the latent space is no plane."""
    prior = load_prior(version)
    if prior.description.latent != 2:
        return None
    return trajectories.arrows(prior.denoiser.guided(guide, weight), noise, extent, FIELD_CELLS, ARROW_TIMES)


@dataclass(frozen=True)
class Fields:
    """Arrows of two score fields at one noise level, (cells * cells, 2) each, and how far both agree at so many noisy codes."""

    learned: np.ndarray
    exact: np.ndarray
    cosine: float
    codes: int


@st.cache_resource(max_entries=64, show_spinner=False)
def fields(version: PriorVersion, level: float, extent: float) -> Fields:
    """The learned score beside the exact one of all diffused training codes."""
    prior = load_prior(version)
    train = prior.standard.posterior(prior.codes.train.posterior)
    learned, exact = prior.denoiser.guided(), mixture_denoiser(train.mean, train.log_variance.exp())
    places = make_grid(FIELD_CELLS, extent).points()
    u = prior.standard.to_standard(prior.codes.held_out.draw(SCORED, 7))
    x = u + level * torch.randn(u.shape, generator=torch.Generator().manual_seed(8))
    s = torch.full((len(u), 1), level)
    with memory.LARGE_QUESTIONS:
        cosine = torch.nn.functional.cosine_similarity(learned(x, s) - x, exact(x, s) - x).mean().item()
        return Fields(
            trajectories.score(learned, places, level).numpy(), trajectories.score(exact, places, level).numpy(), cosine, len(u)
        )


@st.cache_resource(max_entries=16, show_spinner=False)
def prior_grids(version: PriorVersion) -> tuple[np.ndarray, np.ndarray]:
    """Digits decoded from N(0, I), and from the diffusion prior: two mosaics."""
    prior, model = load_prior(version), runs.load_run(version.run).model
    count = GRID_CELLS**2
    normal = torch.randn(count, prior.description.latent, generator=torch.Generator().manual_seed(0))
    both = (normal, draw_diffusion(prior.denoiser, prior.standard, DECODED)[:count])
    return tuple(tile(decode_points(model, z), GRID_CELLS).numpy() for z in both)


@dataclass(frozen=True)
class Balance:
    """The ledger of held-out codes, and what the VAE's own KL term is for the same, in nats per image."""

    ledger: Ledger
    kl: float
    codes: int


@st.cache_resource(max_entries=32, show_spinner=False)
def balance(version: PriorVersion, steps: int) -> Balance:
    """The bound of a chain of `steps` latents."""
    prior = load_prior(version)
    codes = prior.codes.held_out
    posterior = prior.standard.posterior(codes.posterior)
    with memory.LARGE_QUESTIONS:
        terms = ledger(prior.denoiser.guided(), posterior, prior.description.first_variance, steps, LEDGER_DRAWS)
    return Balance(terms, kl_to_prior(codes.posterior).mean().item(), len(codes))


@st.cache_resource(max_entries=8, show_spinner=False)
def live_samples(version: PriorVersion) -> Tensor:
    """Standardised samples (N, D) of a prior that is still being trained."""
    prior = load_prior(version)
    noise = torch.randn(PARTICLES, prior.description.latent, generator=torch.Generator().manual_seed(0))
    return sample(prior.denoiser.guided(), noise, reverse_levels(24)).codes
