"""The learning rate and beta of every step, as a run asks for them."""

from __future__ import annotations

import math

from vae.config import TrainingConfig

SMALLEST_SHARE = 1 / 250_000
"""What the annealing schedules leave of the greatest learning rate at the last step."""


def learning_rate_at(step: int, steps: int, config: TrainingConfig) -> float:
    """The learning rate of step 0 <= `step` < `steps`.

    `one-cycle` (Smith and Topin 2017, arXiv 1708.07120) rises from a 25th of the peak along half a cosine over 30 % of
    all steps, then falls to a 250,000th of it along another, as torch.optim.lr_scheduler.OneCycleLR does. `cosine`
    (Loshchilov and Hutter 2017, arXiv 1608.03983) only falls.
    """
    peak, end = config.learning_rate, config.learning_rate * SMALLEST_SHARE
    if config.schedule == "constant":
        return peak
    top = max(0.3 * steps - 1, 1e-9) if config.schedule == "one-cycle" else 0.0
    if step < top:
        return _cosine(peak / 25, peak, step / top)
    return _cosine(peak, end, (step - top) / max(steps - 1 - top, 1e-9))


def beta_at(step: int, steps: int, config: TrainingConfig) -> float:
    """The weight of the KL term at step 0 <= `step` < `steps`.

    `warm-up` (Bowman et al. 2016, arXiv 1511.06349) rises in a line from 0 over the share `beta_rise` of all steps and
    stays at beta. `cyclical` (Fu et al. 2019, arXiv 1903.10145) does so `beta_cycles` times.
    """
    if config.beta_schedule == "constant":
        return config.beta
    cycles = config.beta_cycles if config.beta_schedule == "cyclical" else 1
    place = step / steps * cycles % 1
    return config.beta * min(place / config.beta_rise, 1.0)


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
