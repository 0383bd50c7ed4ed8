"""The variance-preserving process that turns codes into noise, and its noise levels.

    z_t = alpha_t u + sigma_t epsilon,   alpha_t^2 + sigma_t^2 = 1,   epsilon ~ N(0, I)

Ho, Jain and Abbeel 2020 (DDPM, arXiv 2006.11239), equation 4, in the continuous time 0 <= t <= 1 of Kingma et al. 2021
(arXiv 2107.00630). u are standardised codes. Everything is said in terms of the noise level

    s = sigma_t / alpha_t,   so that   z_t = (u + s epsilon) / sqrt(1 + s^2),

the standard deviation of the noise beside the signal (Karras et al. 2022, arXiv 2206.00364): one denoiser serves every
schedule, which only says at which time which level is reached.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SCHEDULES = ("cosine", "linear")

LEAST, GREATEST = 0.002, 20.0
"""The noise levels that a denoiser is trained for. Standardised codes have mean 0 and variance 1: at the greatest, z_t differs
from N(0, I) by a part in 400 or less."""

LINEAR_FROM, LINEAR_TO = 0.1, 20.0
"""The linear schedule's rate of noise at t = 0 and at t = 1: DDPM's betas of 0.0001 and 0.02, a thousand times a unit of t."""


def noise_level(t: Tensor, schedule: str = "cosine") -> Tensor:
    """s at times t in [0, 1], of any shape: 0 at t = 0, held at `GREATEST` from where it would pass it.

    cosine: alpha = cos(pi t / 2) (Nichol and Dhariwal 2021, arXiv 2102.09672, without their offset), so s = tan(pi t / 2).
    linear: d log alpha / dt = -1/2 (0.1 + 19.9 t) (DDPM's schedule; Song et al. 2021, arXiv 2011.13456, equation 33).
    """
    if schedule == "cosine":
        level = (math.pi / 2 * t).tan().abs()  # the tangent of pi / 2 in floating point may come out negative
    elif schedule == "linear":
        level = (LINEAR_FROM * t + (LINEAR_TO - LINEAR_FROM) * t.square() / 2).expm1().sqrt()
    else:
        raise ValueError(f"schedule is {schedule!r}; choose one of {SCHEDULES}")
    return level.clamp(max=GREATEST)


def signal_share(level: Tensor) -> Tensor:
    """alpha at noise levels s: 1 / sqrt(1 + s^2)."""
    return 1 / (1 + level.square()).sqrt()


def noise_share(level: Tensor) -> Tensor:
    """sigma at noise levels s: s / sqrt(1 + s^2)."""
    return level / (1 + level.square()).sqrt()


def diffuse(u: Tensor, level: Tensor, epsilon: Tensor) -> Tensor:
    """z_t of codes u (N, D) at noise levels s that broadcast against them, with standard normal `epsilon` (N, D)."""
    return signal_share(level) * u + noise_share(level) * epsilon


def reverse_levels(steps: int, schedule: str = "cosine") -> Tensor:
    """The noise levels of a chain of `steps` steps back from noise, (steps + 1,), falling from `GREATEST` to 0.

    They are those of the times 1, 1 - 1/steps, ..., 0, in double precision.
    """
    times = torch.arange(steps, -1, -1, dtype=torch.double) / steps
    levels = noise_level(times, schedule)
    levels[0] = GREATEST
    return levels
