"""How good a run's diffusion prior is: distances, the score, the bound, and guidance.

    python -m benchmarks.diffusion                          the shipped mnist and mnist-beta0
    python -m benchmarks.diffusion --runs checkpoints/mine  another run with a prior

Sliced Wasserstein distances are in units of z, with as many codes on either side. The exact score is that of all training
posteriors, diffused. Held-out codes are used for these figures alone.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from vae.data import datasets
from vae.diffusion.closed_form import mixture_denoiser
from vae.diffusion.distances import sliced_wasserstein
from vae.diffusion.evaluation import densities, draws
from vae.diffusion.folder import Prior, PriorFolder
from vae.diffusion.noise_schedule import reverse_levels
from vae.diffusion.samplers import sample
from vae.diffusion.variational_bound import ledger
from vae.model.elbo import kl_to_prior
from vae.model.inference import decode_points
from vae.runs.folder import Run, load_run, runs_folder

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5, 3.0, 8.0)
"""Noise levels, of standardised codes."""

SCORED = 2000
GUIDED = 500
WEIGHTS = (1.0, 2.0, 3.0, 5.0)
STEPS = 50


def print_distances(prior: Prior, repeats: int) -> None:
    """Means over several draws, for one draw's distance is uncertain by a tenth."""
    sets, rows = prior.codes, []
    count = min(10_000, len(sets.train), len(sets.held_out))
    for seed in range(repeats):
        held_out = sets.held_out.draw(count, 100 + seed)
        samples = draws(prior.denoiser, prior.standard, sets, count, seed)
        samples["diffusion, ODE"] = ode_codes(prior, count, seed)
        rows.append({name: sliced_wasserstein(z, held_out) for name, z in samples.items()})
    mean = {name: sum(row[name] for row in rows) / repeats for name in rows[0]}
    print(f"sliced Wasserstein distance to {count:,} held-out codes, in z, mean of {repeats} draws")
    for name, value in mean.items():
        beside = f"{value / mean['train']:8.2f} times training codes' {value / mean['normal']:8.3f} times N(0, I)'s"
        print(f"  {name:<16}{value:9.4f}{beside}")


def ode_codes(prior: Prior, count: int, seed: int, label: int | None = None, weight: float = 1.0, steps: int = 100) -> Tensor:
    """z (count, D) by the probability-flow ODE."""
    noise = torch.randn(count, prior.description.latent, generator=torch.Generator().manual_seed(seed))
    return prior.standard.to_latent(sample(prior.denoiser.guided(label, weight), noise, reverse_levels(steps)).codes)


def print_scores(prior: Prior) -> None:
    """The learned score beside the exact one, at held-out codes with noise."""
    train = prior.standard.posterior(prior.codes.train.posterior)
    exact = mixture_denoiser(train.mean, train.log_variance.exp())
    u = prior.standard.to_standard(prior.codes.held_out.draw(SCORED, 7))
    epsilon = torch.randn(u.shape, generator=torch.Generator().manual_seed(8))
    print(f"score at {len(u):,} held-out codes with noise of standard deviation s: mean cosine of learned and exact")
    for level in LEVELS:
        x, s = u + level * epsilon, torch.full((len(u), 1), level)
        pull, exact_pull = prior.denoiser.guided()(x, s) - x, exact(x, s) - x
        cosine = nn.functional.cosine_similarity(pull, exact_pull).mean().item()
        error = (pull - exact_pull).square().mean().sqrt() / exact_pull.square().mean().sqrt()
        print(f"  s = {level:<5g} cosine {cosine:7.4f}   error {error:7.1%} of the exact one's size")


def print_nats(prior: Prior) -> None:
    """log p(z) and the KL term by the ODE, and the chain's bound, of all held-out codes."""
    held_out = prior.codes.held_out
    density, normal = densities(prior.denoiser, prior.standard, held_out, len(held_out), 3, 96)
    gain = density - normal
    print(f"log p(z) of {len(gain):,} held-out codes, nats: N(0, I) {normal.mean():.4f}, diffusion {density.mean():.4f}")
    print(f"  gain {gain.mean():+.4f}, standard error {gain.std() / math.sqrt(len(gain)):.4f}")
    terms = ledger(prior.denoiser.guided(), prior.standard.posterior(held_out.posterior), prior.description.first_variance)
    kl = kl_to_prior(held_out.posterior).mean().item()
    print(f"KL term, nats per image: with N(0, I) {kl:.4f}; with the chain {terms.kl:.4f} = prior {terms.prior:.4f}")
    print(f"  + diffusion {terms.diffusion:.4f} + first step {terms.first_step:.4f} (standard error {terms.error:.4f})")
    print(f"  the bound is better by {kl - terms.kl:+.4f} nats; noise-prediction loss {terms.noise_prediction:.4f}")


class Classifier:
    """A dense network trained on the training images for a few epochs; it never saw a decoded one."""

    def __init__(self, split: datasets.Split, epochs: int = 4) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        optimiser = torch.optim.Adam(self.network.parameters(), 1e-3)
        for _ in range(epochs):
            for index in torch.randperm(len(split)).split(128):
                loss = nn.functional.cross_entropy(self.network(datasets.pixels(split.images[index])), split.labels[index])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The classes (N,) of uint8 images."""
        return self.network(datasets.pixels(images)).argmax(1)


def print_guidance(run: Run, prior: Prior, dataset: datasets.Dataset) -> None:
    """How many of the digits decoded from codes led to a class are taken for it."""
    classify = Classifier(dataset.train)
    right = (classify(dataset.held_out.images) == dataset.held_out.labels).float().mean()
    print(f"guidance: decoded samples taken for their class by a classifier that is right on {right:.1%} of held-out images")
    for weight in WEIGHTS:
        shares = [_share(run, prior, classify, label, weight) for label in range(len(run.class_names))]
        each = " ".join(f"{share:.0%}" for share in shares)
        print(f"  weight {weight:g}: mean {sum(shares) / len(shares):6.1%}, least {min(shares):6.1%}   ({each})", flush=True)


def _share(run: Run, prior: Prior, classify: Classifier, label: int, weight: float) -> float:
    z = ode_codes(prior, GUIDED, label, label, weight, STEPS)
    return (classify(decode_points(run.model, z)) == label).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", type=Path, default=[runs_folder() / name for name in ("mnist", "mnist-beta0")])
    parser.add_argument("--repeats", type=int, default=4, help="draws for the distances (default: 4)")
    options = parser.parse_args()
    for path in options.runs:
        run = load_run(path)
        prior = PriorFolder.of(run.folder).read()
        steps = prior.description.config.steps
        print(f"{path.name}: {len(prior.codes.train):,} training codes, scale {prior.standard.scale:.3f}, {steps:,} steps")
        print_distances(prior, options.repeats)
        print_scores(prior)
        print_nats(prior)
        print_guidance(run, prior, datasets.load(run.config.dataset, run.config.held_out))


if __name__ == "__main__":
    main()
