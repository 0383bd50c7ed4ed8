"""From noise to codes: the ancestral chain, the probability-flow ODE, and the densities that the ODE gives.

In x = z_t / alpha_t = u + s epsilon both are short. One step from noise level s to a lower r:

    ancestral   x_r = D + (r^2 / s^2) (x_s - D) + r sqrt(1 - r^2 / s^2) epsilon       (DDPM, equation 7, with u ~ D(x_s; s))
    ODE         dx / ds = (x - D(x; s)) / s       (Song et al. 2021, equation 13; Karras et al. 2022, equation 1)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae.diffusion.denoiser import Denoise
from vae.diffusion.noise_schedule import GREATEST, signal_share
from vae.errors import DiffusionError

SAMPLERS = ("ancestral", "ode")

ODE_FROM = 0.005
"""The noise level at which the ODE that defines a density stops: a quarter of what posteriors are wide."""


@dataclass(frozen=True)
class Trajectories:
    """The ways of N particles from noise: z_t at falling noise `levels` (T + 1,), as `z` (T + 1, N, D).

    At the last level, 0, z_t is the code itself.
    """

    levels: Tensor
    z: Tensor

    @property
    def codes(self) -> Tensor:
        """Where the particles arrive, standardised codes (N, D)."""
        return self.z[-1]


def sample(
    denoise: Denoise, noise: Tensor, levels: Tensor, sampler: str = "ode", generator: torch.Generator | None = None
) -> Trajectories:
    """Take standard normal `noise` (N, D) down `levels` (T + 1,), which fall to 0 (see `process.reverse_levels`).

    `ancestral` draws fresh noise at every step, from `generator`. Raises `DiffusionError` where numbers leave the finite.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler is {sampler!r}; choose one of {SAMPLERS}")
    levels = levels.to(noise)
    x, z = noise / signal_share(levels[0]), [noise]
    with torch.no_grad():
        for s, r in itertools.pairwise(levels):
            x = _ancestral_step(denoise, x, s, r, generator) if sampler == "ancestral" else _ode_step(denoise, x, s, r)
            z.append(signal_share(r) * x)
    result = torch.stack(z)
    if not result.isfinite().all():
        raise DiffusionError("The particles ran off the plane; take a smaller guidance weight or more steps.")
    return Trajectories(levels, result)


def _ancestral_step(denoise: Denoise, x: Tensor, s: Tensor, r: Tensor, generator: torch.Generator | None) -> Tensor:
    expected = denoise(x, s.expand(len(x), 1))
    if r == 0:
        return expected
    kept = (r / s).square()
    where = x.device if generator is None else generator.device
    epsilon = torch.randn(x.shape, generator=generator, device=where, dtype=x.dtype).to(x.device)
    return expected + kept * (x - expected) + r * (1 - kept).clamp_min(0).sqrt() * epsilon


def _ode_step(denoise: Denoise, x: Tensor, s: Tensor, r: Tensor) -> Tensor:
    """Heun's method; the last step, to where the slope is not known, is Euler's."""
    slope = (x - denoise(x, s.expand(len(x), 1))) / s
    there = x + (r - s) * slope
    if r == 0:
        return there
    slope_there = (there - denoise(there, r.expand(len(x), 1))) / r
    return x + (r - s) * (slope + slope_there) / 2


def log_density(
    denoise: Denoise,
    codes: Tensor,
    steps: int = 128,
    stop: float = ODE_FROM,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Tensor:
    """log p(u) in nats, (N,), of standardised codes (N, D) under the ODE run from N(0, I) down to noise level `stop`.

    The result is in double precision on the CPU. By the change of variables along the way back to noise, with l = log s (Song
    et al. 2021, equation 39):

        log p(u) = log N(z_T; 0, I) + D log alpha_T + integral over l of (D - trace of dD/dx),   dx / dl = x - D(x; s)

    in `steps` steps of Heun's method. The trace is exact: one derivative for each dimension.
    """
    logs = torch.linspace(math.log(stop), math.log(GREATEST), steps + 1, dtype=torch.double)
    x, gained = codes, torch.zeros(len(codes), dtype=torch.double)
    for here, there in progress(list(itertools.pairwise(logs))):
        step = (there - here).item()
        slope, growth = _flow(denoise, x, here.exp())
        slope_there, growth_there = _flow(denoise, x + step * slope, there.exp())
        x = x + step * (slope + slope_there) / 2
        gained += step * (growth + growth_there).cpu().double() / 2
    alpha = signal_share(logs[-1].exp())
    z = (alpha * x).cpu().double()
    log_normal = -(z.square().sum(1) + z.shape[1] * math.log(2 * math.pi)) / 2
    return log_normal + z.shape[1] * alpha.log() + gained


def _flow(denoise: Denoise, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """dx / dl (N, D), and its divergence (N,)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        slope = x - denoise(x, level.to(x).expand(len(x), 1))
        rows = [torch.autograd.grad(slope[:, axis].sum(), x, retain_graph=True)[0][:, axis] for axis in range(x.shape[1])]
    return slope.detach(), torch.stack(rows).sum(0)
