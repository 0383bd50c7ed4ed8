"""The ELBO's two terms of one image taken apart: in closed form, by sampling, by their gradients, and at their best.

Everything here holds for one image x (1, C, H, W) with pixels in [0, 1] and any diagonal Gaussian q (1, D), whether the
encoder said it or somebody moved it by hand. Terms are in nats per image, gradients in nats per unit of q's mean. On other
images `InputError` is raised. What is summed in double precision is on the CPU.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.inputs import IMAGE_SHAPE, as_one
from vae.device import where_double_is
from vae.model.autoencoder import VAE, Posterior
from vae.model.inference import BATCH
from vae.model.reconstruction import _draw_epsilon, log_likelihood

LEAST_VARIANCE = 1e-30


@dataclass(frozen=True)
class KLPieces:
    """KL(q to p(z)) by dimension and by piece, (D,) each, in nats.

    KL = sum over dimensions of variance / 2 + mean^2 / 2 - log variance / 2 - 1 / 2
    """

    variance: Tensor
    mean: Tensor
    log_determinant: Tensor
    constant: Tensor

    @property
    def per_dimension(self) -> Tensor:
        """The pieces of each dimension added up, (D,); none is negative."""
        return self.variance + self.mean + self.log_determinant + self.constant

    @property
    def total(self) -> Tensor:
        """The KL of the image, a scalar: that of `vae.model.elbo.kl_to_prior`."""
        return self.per_dimension.sum()


def kl_pieces(posterior: Posterior) -> KLPieces:
    """The closed form of KL(q to p(z)) in its pieces (Kingma and Welling 2014, appendix B), for one posterior (1, D)."""
    mean, log_variance = posterior.mean[0], posterior.log_variance[0]
    return KLPieces(log_variance.exp() / 2, mean.square() / 2, -log_variance / 2, torch.full_like(mean, -0.5))


@dataclass(frozen=True)
class Running:
    """The mean of the first 1, 2, ..., K draws and its standard error, (K,) each, float64 on the CPU.

    One draw says nothing of the spread, so the first standard error is infinite.
    """

    mean: Tensor
    standard_error: Tensor


def running(draws: Tensor) -> Running:
    """The running mean of draws (K,): standard error after k draws = sqrt(sum of squared deviations / (k - 1) / k)."""
    draws = draws.cpu().double()
    count = torch.arange(1, len(draws) + 1, dtype=torch.float64)
    middle = draws.mean()  # the sums of squares cancel less around it
    sums, squares = (draws - middle).cumsum(0), (draws - middle).square().cumsum(0)
    variance = (squares - sums.square() / count).clamp(min=0) / (count - 1).clamp(min=1)
    error = (variance / count).sqrt()
    error[:1] = math.inf
    return Running(middle + sums / count, error)


@torch.no_grad()
def running_kl(posterior: Posterior, samples: int, generator: torch.Generator) -> Running:
    """KL(q to p(z)) estimated from 1, 2, ..., `samples` draws of z from q: the mean of log q(z) - log p(z).

    log q(z) - log p(z) = sum over dimensions of z^2 / 2 - epsilon^2 / 2 - log variance / 2, with z = mean + sigma * epsilon
    """
    posterior = posterior.to(torch.empty(0, dtype=torch.double))
    epsilon = _draw_epsilon(posterior, samples, generator)
    z = posterior.sample(epsilon)
    return running((z.square() / 2 - epsilon.square() / 2 - posterior.log_variance / 2).sum(1))


def pathwise_gradients(model: VAE, x: Tensor, posterior: Posterior, samples: int, generator: torch.Generator) -> Tensor:
    """Single-draw gradients of the reconstruction term by q's mean, through z = mean + sigma * epsilon, (samples, D).

    gradient = d log p(x given z) / dz, because dz / dmean = 1 (Kingma and Welling 2014, section 2.4)
    """
    x = as_one(model.as_input(x))
    posterior = posterior.to(x)
    with torch.no_grad():
        z = posterior.sample(_draw_epsilon(posterior, samples, generator))
    return torch.cat([_slope(model, x, part) for part in z.split(BATCH)])


def _slope(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """d log p(x given z) / dz at K places z (K, D), (K, D)."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(log_likelihood(model, x, z).sum(), z)[0]


@torch.no_grad()
def score_function_gradients(
    model: VAE, x: Tensor, posterior: Posterior, samples: int, generator: torch.Generator, baseline: bool = False
) -> Tensor:
    """Single-draw gradients of the reconstruction term by q's mean, by the score function, (samples, D).

    gradient = (log p(x given z) - b) * d log q(z) / dmean = (log p(x given z) - b) * epsilon / sigma

    b is 0 (Williams 1992; the "usual (naive) Monte Carlo gradient estimator" of Kingma and Welling 2014, section 2.2), or with
    a `baseline` the mean of the other draws, so that a draw's b does not depend on it and the gradient stays right on average
    (Kool, van Hoof and Welling 2019). Of log p(x given z) - b only what varies under q is left. Needs two draws for that.
    """
    x = as_one(model.as_input(x))
    posterior = posterior.to(x)
    epsilon = _draw_epsilon(posterior, samples, generator)
    values = log_likelihood(model, x, posterior.sample(epsilon))
    if baseline:
        values = (values - values.mean()) * (samples / (samples - 1))  # less the mean of the others
    return values[:, None] * epsilon / posterior.standard_deviation


@dataclass(frozen=True)
class GradientSummary:
    """The mean of K single-draw gradients, its standard error, and the variance of one draw, (D,) each, float64."""

    mean: Tensor
    standard_error: Tensor
    variance: Tensor


@dataclass(frozen=True)
class GradientComparison:
    """The estimators of one gradient: z = mean + sigma * epsilon, the score function, and that with a baseline."""

    pathwise: GradientSummary
    score_function: GradientSummary
    with_baseline: GradientSummary

    @property
    def variance_ratio(self) -> Tensor:
        """The score function's variance over the pathwise one, (D,): how many times more draws it needs.

        A pathwise variance of zero (log p(x given z) is linear in z) counts as 1e-30.
        """
        return self.score_function.variance / self.pathwise.variance.clamp(min=LEAST_VARIANCE)

    @property
    def ratio_with_baseline(self) -> Tensor:
        """The same with the baseline, (D,)."""
        return self.with_baseline.variance / self.pathwise.variance.clamp(min=LEAST_VARIANCE)

    @property
    def constant_share(self) -> Tensor:
        """The share of the score function's variance that the baseline takes away, (D,): E[log p(x given z)] times epsilon."""
        return 1 - self.with_baseline.variance / self.score_function.variance


def summarise_gradients(gradients: Tensor) -> GradientSummary:
    """The summary of at least two single-draw gradients (K, D). Raises `ValueError` for fewer."""
    if len(gradients) < 2:
        raise ValueError(f"{len(gradients)} gradients have no variance; draw at least two")
    gradients = gradients.detach().cpu().double()
    variance = gradients.var(0)
    return GradientSummary(gradients.mean(0), (variance / len(gradients)).sqrt(), variance)


def compare_gradients(
    model: VAE, x: Tensor, posterior: Posterior, samples: int, generator: torch.Generator
) -> tuple[GradientComparison, tuple[Tensor, Tensor, Tensor]]:
    """The estimators beside each other, and their single-draw gradients (samples, D), in the order of the comparison."""
    drawn = (
        pathwise_gradients(model, x, posterior, samples, generator),
        score_function_gradients(model, x, posterior, samples, generator),
        score_function_gradients(model, x, posterior, samples, generator, baseline=True),
    )
    return GradientComparison(*map(summarise_gradients, drawn)), drawn


@dataclass(frozen=True)
class QuadratureGradient:
    """A gradient (D,), float64, and how far it is to be trusted: what halving the `spacing` last changed in it at most."""

    gradient: Tensor
    change: float
    spacing: float


@torch.no_grad()
def quadrature_gradient(
    model: VAE, x: Tensor, posterior: Posterior, tolerance: float = 1e-3, finest: float = 1 / 8
) -> QuadratureGradient:
    """The gradient of the reconstruction term by q's mean without sampling and without autograd, for D of 1 or 2.

    gradient = E_q[(log p(x given z) - log p(x given mean)) * epsilon / sigma], by the trapezoidal rule over epsilon

    The spacing, in standard deviations, is halved from 1 until the gradient changes by at most `tolerance` (of its largest
    component, or of 1 nat), or `finest` is reached. Raises `ValueError` for more dimensions.
    """
    if posterior.mean.shape[1] > 2:
        raise ValueError(f"quadrature needs one or two latent dimensions and q has {posterior.mean.shape[1]}; use samples")
    model = copy.deepcopy(where_double_is(model)).double()  # differences of log p, divided by sigma, lose single precision
    x = as_one(model.as_input(x))
    posterior = posterior.to(x)
    spacing, change = 1.0, math.inf
    gradient = _trapezoidal_gradient(model, x, posterior, spacing)
    while spacing > finest and change > tolerance * max(1.0, gradient.abs().max().item()):
        spacing /= 2
        finer = _trapezoidal_gradient(model, x, posterior, spacing)
        gradient, change = finer, (finer - gradient).abs().max().item()
    return QuadratureGradient(gradient.cpu(), change, spacing)


def _trapezoidal_gradient(model: VAE, x: Tensor, posterior: Posterior, spacing: float, radius: float = 6.0) -> Tensor:
    """The weights fall to 1.5e-8 of the largest at `radius` standard deviations, so nothing beyond it counts."""
    steps = torch.arange(-round(radius / spacing), round(radius / spacing) + 1).to(posterior.mean) * spacing
    size = posterior.mean.shape[1]
    epsilon = torch.cartesian_prod(*[steps] * size).view(-1, size)
    epsilon = epsilon[epsilon.norm(dim=1) <= radius]
    weights = (-epsilon.square().sum(1) / 2).softmax(0)
    rise = log_likelihood(model, x, posterior.sample(epsilon)) - log_likelihood(model, x, posterior.mean)
    return (weights * rise) @ epsilon / posterior.standard_deviation[0]


def bits_per_pixel(log_evidence: float, pixels: int = math.prod(IMAGE_SHAPE)) -> float:
    """-log p(x) in bits per pixel, of log p(x) in nats per image: what a code made for this model would spend.

    Only where pixels are 0 or 1 and p(x) is their probability. A cross-entropy of grey pixels, or a density, is no code length.
    """
    return -log_evidence / (pixels * math.log(2))
