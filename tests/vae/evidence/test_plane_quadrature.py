"""log p(x), the true posterior and both sides of the equation, against closed forms and brute force."""

import dataclasses
import math
import threading

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

import vae
import vae.evidence.elbo_identity
import vae.evidence.plane_quadrature
import vae.model.reconstruction
from tests.conftest import small_config
from vae.bounded_cache import BoundedCache
from vae.config import ModelConfig
from vae.evidence.adaptive_midpoint import Integral
from vae.evidence.elbo_identity import elbo_identity
from vae.evidence.importance_sampling import Mixture, importance_log_evidence
from vae.evidence.log_joint import Decoded, LogJoint
from vae.evidence.plane_quadrature import EvidenceError, PlaneQuadrature, log_evidence
from vae.evidence.posterior_modes import find_posterior_modes
from vae.model.autoencoder import Posterior, build_model
from vae.model.elbo import kl_to_prior
from vae.model.inference import with_channels_last
from vae.model.likelihood import Bernoulli, Gaussian
from vae.runs.folder import load_run

pytestmark = pytest.mark.slow


class Linear(nn.Module):
    """x = W z + b + noise of one scale: log p(x) and p(z given x) are Gaussian in closed form."""

    class Identity(Gaussian):
        """The decoder's output is the mean itself."""

        def mean(self, parameters: torch.Tensor) -> torch.Tensor:
            return parameters

    def __init__(self, strength: float, latent: int = 2) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.config = ModelConfig("mlp", latent=latent, likelihood="gaussian", scale=0.5)
        self.weight = nn.Parameter(torch.randn(6, latent, generator=generator, dtype=torch.float64) * strength)
        self.bias = nn.Parameter(torch.randn(6, generator=generator, dtype=torch.float64))
        self.likelihood = self.Identity(0.5)

    @property
    def device(self) -> torch.device:
        return self.weight.device

    def as_input(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(self.weight)

    def decode_parameters(self, z: torch.Tensor) -> torch.Tensor:
        return (z @ self.weight.T + self.bias).view(-1, 1, 2, 3)

    def evidence(self, x: torch.Tensor) -> torch.Tensor:
        covariance = self.weight @ self.weight.T + 0.25 * torch.eye(6, dtype=torch.float64)
        return MultivariateNormal(self.bias, covariance).log_prob(x.flatten(1)).detach()

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        precision = torch.eye(self.weight.shape[1], dtype=torch.float64) + self.weight.T @ self.weight / 0.25
        covariance = torch.linalg.inv(precision)
        return ((x.flatten(1) - self.bias) @ self.weight @ covariance / 0.25).detach(), covariance.detach()

    def encode(self, x: torch.Tensor) -> Posterior:
        mean, covariance = self.posterior(x)
        return Posterior(mean, covariance.diagonal().log().expand_as(mean))


def some_images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, 2, 3, generator=generator, dtype=torch.float64) * 2


@pytest.mark.parametrize("strength", [0.1, 1.0, 20.0, 60.0])
def test_quadrature_matches_the_closed_forms_of_a_linear_decoder(strength):
    """The strongest has posteriors of a standard deviation of a 300th, far narrower than the coarsest lattice."""
    with torch.no_grad():
        model, z = Linear(strength), torch.tensor([[0.0, 0.0], [0.7, -1.2], [-2.0, 0.1]], dtype=torch.float64)
        x = model.decode_parameters(z) + 0.3
    quadrature = PlaneQuadrature(model)
    found = quadrature.log_evidence(x)
    assert torch.allclose(found.log_evidence, model.evidence(x), atol=1e-4, rtol=0)
    mean, covariance = model.posterior(x)
    for index in range(len(x)):
        posterior = quadrature.true_posterior(x[index : index + 1])
        assert torch.allclose(posterior.mean, mean[index], atol=1e-4)
        assert torch.allclose(posterior.covariance, covariance, atol=1e-4, rtol=1e-3)
        assert posterior.mass == pytest.approx(1, abs=2e-3) and posterior.evidence == pytest.approx(
            model.evidence(x)[index].item(), abs=1e-4
        )


@pytest.mark.parametrize("angle", [0.1, 0.6, 1.3])
def test_a_ridge_far_narrower_than_the_coarsest_spacing_is_followed(angle):
    """Most of the coarsest blocks that the ridge crosses have no cell near it."""
    model, across = Linear(0.0), torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    with torch.no_grad():
        model.weight[0] = 0.5 / 0.004 * across
        model.weight[1] = 0.5 / 0.2 * across.flip(0) * torch.tensor([-1, 1])
        x = model.decode_parameters(torch.tensor([[0.33, -0.71], [1.2, 0.4]], dtype=torch.float64))
    found = PlaneQuadrature(model).log_evidence(x)
    assert torch.allclose(found.log_evidence, model.evidence(x), atol=1e-3, rtol=0)
    assert (found.change < 1e-3).all()


@pytest.mark.parametrize("strength", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("move", [(0.0, 0.0, 1.0, 1.0), (0.3, -0.2, 2.0, 0.5), (1.5, 1.0, 4.0, 4.0)])
def test_both_sides_of_a_linear_decoder_match_their_closed_forms(strength, move):
    model, x = Linear(strength), some_images(1)
    mean, covariance = model.posterior(x)
    q = Posterior(
        mean + torch.tensor([move[:2]]),
        (covariance.diagonal().sqrt() * torch.tensor(move[2:], dtype=torch.float64)).square().log()[None],
    )
    terms = elbo_identity(PlaneQuadrature(model), x, q)
    exact = torch.distributions.kl_divergence(
        MultivariateNormal(q.mean[0], torch.diag(q.log_variance[0].exp())), MultivariateNormal(mean[0], covariance)
    ).item()
    assert terms.kl_to_posterior == pytest.approx(exact, abs=1e-3 + 1e-6 * exact)
    assert terms.kl_to_prior == pytest.approx(kl_to_prior(q).item())
    assert terms.elbo == pytest.approx(model.evidence(x).item() - exact, abs=1e-3 + 1e-6 * exact)


def brute_force(model: vae.VAE, images: torch.Tensor, spacing: float, extent: float) -> torch.Tensor:
    """The plain sum over one fine lattice, (N,)."""
    steps = torch.arange(-extent, extent, spacing)
    z = torch.cartesian_prod(steps, steps)
    decoder = with_channels_last(model)
    with torch.no_grad():
        parts = [model.likelihood.log_prob_of_each(decoder.decode_parameters(part), images) for part in z.split(64)]
    log_joint = torch.cat(parts, 1).double() - z.square().sum(1) / 2 - math.log(2 * math.pi)
    return log_joint.logsumexp(1) + 2 * math.log(spacing)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_quadrature_is_the_brute_force_sum(digits, architecture, likelihood):
    """From a coarsest lattice of twice the usual spacing, of which a convolutional decoder takes a quarter of the time."""
    model = build_model(small_config(architecture=architecture, likelihood=likelihood, scale=1.0).model, seed=3)
    images = digits.held_out.images[:2] / 255
    found = PlaneQuadrature(model, spacing=0.1).log_evidence(images)
    assert torch.allclose(found.log_evidence, brute_force(model, images, 0.15, 7), atol=2e-3, rtol=0)


def test_both_sides_agree_for_a_trained_run_and_any_q(small_run, digits):
    run = load_run(small_run.path)
    quadrature = PlaneQuadrature(run.model)
    for index in range(3):
        x = digits.held_out.images[index : index + 1] / 255
        evidence = quadrature.log_evidence(x).log_evidence.item()
        with torch.no_grad():
            q = run.model.encode(x)
        for other in (q, Posterior(q.mean + 0.3, q.log_variance + 1), Posterior(q.mean * 0, q.log_variance * 0 - 9)):
            terms = elbo_identity(quadrature, x, other)
            assert evidence - terms.kl_to_posterior == pytest.approx(terms.elbo, abs=0.01)
        assert log_evidence(run.model, x).item() == pytest.approx(evidence, abs=1e-3)


class FarPlace(Linear):
    """Draws less than half of a picture around zero, all of it at a place far out, and between nothing; the encoder knows."""

    PLACE = (6.4, -6.4)

    def __init__(self) -> None:
        super().__init__(1.0)
        self.likelihood = self.Identity(0.15)
        self.picture = torch.ones(1, 6, dtype=torch.float64)

    def decode_parameters(self, z: torch.Tensor) -> torch.Tensor:
        away = (z - z.new_tensor(self.PLACE)).square().sum(1, keepdim=True)
        strength = 0.42 * (-z.square().sum(1, keepdim=True) / 2).exp() + (-away / (2 * 0.3**2)).exp()
        return (strength * self.picture).view(-1, 1, 2, 3)

    def encode(self, x: torch.Tensor) -> Posterior:
        return Posterior(x.new_tensor([self.PLACE]).expand(len(x), 2), x.new_full((len(x), 2), -4.0))


@torch.no_grad()
def test_mass_behind_a_valley_is_found_where_the_encoder_points_there():
    model = FarPlace()
    x = model.picture.view(1, 1, 2, 3)
    steps = torch.arange(-11, 11, 0.02, dtype=torch.double) + 0.01
    places = torch.cartesian_prod(steps, steps)
    log_prior = -places.square().sum(1) / 2 - math.log(2 * math.pi)
    log_joint = model.likelihood.log_prob(model.decode_parameters(places), x) + log_prior
    expected = log_joint.logsumexp(0).item() + 2 * math.log(0.02)
    within = log_joint[places.norm(dim=1) < 6].logsumexp(0).item() + 2 * math.log(0.02)
    assert expected > within + 1
    quadrature = PlaneQuadrature(model)
    evidence = quadrature.log_evidence(x).log_evidence.item()
    assert evidence == pytest.approx(expected, abs=1e-3)
    assert quadrature.true_posterior(x).mean.tolist() == pytest.approx((log_joint.softmax(0) @ places).tolist(), abs=1e-3)
    for q in (model.encode(x), Posterior(torch.zeros(1, 2).double(), torch.full((1, 2), -2.0).double())):
        terms = elbo_identity(quadrature, x, q)
        assert evidence - terms.kl_to_posterior == pytest.approx(terms.elbo, abs=0.01)


def images_of_codes(model: Linear, *radii: float) -> torch.Tensor:
    """What a linear decoder draws so far from zero, which its encoder sees there."""
    return model.decode_parameters(torch.tensor([[radius, 0.0] for radius in radii]).double()).detach()


def test_many_images_far_from_zero_take_no_more_memory_than_allowed_and_have_the_same_evidence():
    """Codes as far as 20 need three lattices; with room for one and a half the others are decoded anew."""
    model = Linear(1.0)
    images = images_of_codes(model, 0, 5, 12, 3, 20, 8)
    plenty, little = (PlaneQuadrature(model, spacing=0.2, tiles=False, kept=BoundedCache(most)) for most in (10**9, 200_000))
    expected = plenty.log_evidence(images).log_evidence
    held = []
    for image in images.split(1):
        held.append(little.log_evidence(image).log_evidence.item())
        assert little._kept.held <= 200_000
    assert torch.allclose(torch.tensor(held).double(), expected, atol=1e-9)
    assert torch.allclose(expected, model.evidence(images), atol=2e-3)
    sizes = [size for _, size in plenty._kept._values.values()]
    assert len(sizes) >= 3 and sum(sizes) > 200_000 > max(sizes)


def test_threads_that_need_a_wider_lattice_at_once_get_one_and_equal_figures():
    model = Linear(1.0)
    images = images_of_codes(model, 10)
    quadrature, decoded = PlaneQuadrature(model, spacing=0.2, tiles=False), []
    decode = quadrature.log_joint.decode

    def counted(z: torch.Tensor, exactly: bool = False) -> Decoded:
        decoded.append(len(z)) if exactly else None
        return decode(z, exactly)

    quadrature.log_joint.decode = counted
    waiting, found = threading.Barrier(2), []

    def ask() -> None:
        waiting.wait()
        found.append(quadrature.log_evidence(images).log_evidence.item())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] and len(decoded) == len(quadrature._kept._values) >= 2


def test_the_check_can_fail(small_run, digits):
    """Without a mode on q's own lattice the left side no longer equals the right one."""
    run = load_run(small_run.path)
    quadrature = PlaneQuadrature(run.model)
    x = digits.held_out.images[:1] / 255
    q = Posterior(torch.zeros(1, 2), torch.full((1, 2), -4.0))
    quadrature.survey = lambda images: type(quadrature).survey(quadrature, images).select(torch.zeros(0, dtype=torch.long))
    quadrature.wide_enough = lambda image: quadrature
    terms = elbo_identity(quadrature, x, q)
    assert abs(PlaneQuadrature(run.model).log_evidence(x).log_evidence.item() - terms.kl_to_posterior - terms.elbo) > 0.01


@pytest.fixture(scope="module")
def coarse(digits) -> tuple[PlaneQuadrature, torch.Tensor, Posterior]:
    """Quadrature for an untrained model, an image and a q that suits it badly."""
    quadrature = PlaneQuadrature(build_model(small_config().model, seed=3), spacing=0.1)
    q = Posterior(torch.tensor([[0.3, -0.2]]), torch.tensor([[-3.0, -2.0]]))
    return quadrature, digits.held_out.images[:1] / 255, q


def difference(quadrature: PlaneQuadrature, x: torch.Tensor, q: Posterior) -> float:
    """What the page shows: the left side less the right one."""
    terms = elbo_identity(quadrature, x, q)
    return quadrature.log_evidence(x).log_evidence.item() - terms.kl_to_posterior - terms.elbo


def greater(result: Integral | torch.Tensor | float, nats: float) -> Integral | torch.Tensor | float:
    return dataclasses.replace(result, value=result.value + nats) if isinstance(result, Integral) else result + nats


@pytest.mark.parametrize(("where", "name", "moves"), [
    (vae.evidence.plane_quadrature, "integrate", 1),  # log p(x)
    (vae.evidence.elbo_identity, "integrate", -1),  # KL(q to p(z given x)): its posterior's normaliser
    (vae.evidence.elbo_identity, "_log_ratio_under_q", -1),  # and its average under q
    (Bernoulli, "log_prob", -1),  # E_q[log p(x given z)]
    (vae.evidence.elbo_identity, "kl_to_prior", 1),  # KL(q to p(z))
    (LogJoint, "log_prob", 1),  # all values of log p(x, z) on the left, of which KL(q to p(z given x)) does not depend
])  # fmt: skip
def test_an_error_in_any_quantity_shows_in_the_difference(coarse, monkeypatch, where, name, moves):
    assert abs(difference(*coarse)) < 1e-3
    whole = getattr(where, name)
    monkeypatch.setattr(where, name, lambda *given, **named: greater(whole(*given, **named), 50.0))
    assert difference(*coarse) == pytest.approx(50 * moves, abs=2e-3)


def test_the_sides_meet_at_no_place(coarse, monkeypatch):
    """Where the right side decodes under q, the left side does not."""
    quadrature, x, q = coarse
    right, left = [], []
    asked, decode = vae.model.reconstruction.log_likelihood, quadrature.log_joint.decode
    monkeypatch.setattr(
        vae.model.reconstruction, "log_likelihood", lambda model, x, z: (right.append(z), asked(model, x, z))[1]
    )
    monkeypatch.setattr(quadrature.log_joint, "decode", lambda z: (left.append(z.float()), decode(z))[1])
    elbo_identity(quadrature, x, q)
    places = [set(map(tuple, torch.cat(side).tolist())) for side in (right, left)]
    assert min(map(len, places)) > 100 and not places[0] & places[1]


def test_extremes_stay_finite(small_run):
    quadrature = PlaneQuadrature(load_run(small_run.path).model)
    x = torch.zeros(1, 1, 28, 28)
    for mean, log_variance in ((0.0, -20.0), (0.0, 2.2), (5.0, 0.0)):
        terms = elbo_identity(quadrature, x, Posterior(torch.full((1, 2), mean), torch.full((1, 2), log_variance)))
        assert all(map(math.isfinite, (terms.reconstruction, terms.kl_to_prior, terms.kl_to_posterior)))


def test_peaks_of_a_linear_decoder_are_its_posterior():
    for latent in (1, 2, 8):
        model, x = Linear(1.0, latent), some_images(1)
        mean, covariance = model.posterior(x)
        found = find_posterior_modes(
            model, x, torch.zeros(3, latent, dtype=torch.float64) + torch.tensor([[-3.0], [0.0], [2.0]])
        )
        assert torch.allclose(found.z, mean.expand(3, -1), atol=1e-6)
        assert torch.allclose(found.root @ found.root.mT, torch.linalg.inv(covariance).expand(3, -1, -1))
        log_evidence = found.log_mass + latent * math.log(2 * math.pi) / 2
        assert torch.allclose(log_evidence, model.evidence(x).expand(3))


def test_a_mixture_draws_what_its_density_says():
    generator = torch.Generator().manual_seed(0)
    roots = torch.tensor([[[2.0, 0.0], [1.0, 1.0]], [[0.5, 0.0], [0.0, 4.0]]])
    mixture = Mixture(torch.tensor([0.3, 0.7]), torch.tensor([[1.0, 0.0], [-1.0, 2.0]]), roots).scaled((1.0, 2.0))
    z = mixture.sample(40_000, generator)
    assert z.mean(0) == pytest.approx([0.3 * 1 - 0.7, 1.4], abs=0.06)
    grid = torch.cartesian_prod(torch.arange(-30, 30, 0.1), torch.arange(-30, 30, 0.1))
    assert mixture.log_prob(grid).exp().sum().item() * 0.01 == pytest.approx(1, abs=1e-3)


def test_importance_sampling_agrees_where_there_is_a_closed_form():
    for latent in (1, 2, 8):
        model, x = Linear(1.0, latent), some_images(20)
        found = importance_log_evidence(model, x, 5000, torch.Generator().manual_seed(0))
        away = (found.log_evidence - model.evidence(x)) / found.standard_error
        assert (away.abs() < 4.5).all() and (away.abs() < 3).float().mean() > 0.9


@pytest.mark.parametrize(("part", "factor", "words"), [
    ("decoder", 1e38, "decoder of this run gives no finite"),
    ("log_variance_head", 1e4, "encoder of this run gives no finite Gaussian"),
])  # fmt: skip
def test_weights_that_overflow_have_no_evidence_by_importance_sampling(part, factor, words):
    model = build_model(small_config(latent=3).model, 0).requires_grad_(False)
    for weight in model.get_submodule(part).parameters():
        weight.mul_(factor)
    with pytest.raises(EvidenceError, match=words):
        importance_log_evidence(model, torch.rand(1, 1, 28, 28), 500, torch.Generator().manual_seed(0))


def test_pairs_are_those_of_single_calls():
    generator = torch.Generator().manual_seed(0)
    parameters, images = torch.randn(5, 1, 4, 4, generator=generator), torch.rand(3, 1, 4, 4, generator=generator)
    for likelihood in (Bernoulli(), Gaussian(0.3)):
        together = likelihood.log_prob_of_each(parameters, images)
        apart = torch.stack([likelihood.log_prob(parameters, image.expand(5, -1, -1, -1)) for image in images])
        assert together.shape == (3, 5) and torch.allclose(together, apart, atol=1e-3)


def test_only_a_plane_can_be_integrated_over():
    model = build_model(small_config(latent=3).model)
    with pytest.raises(EvidenceError, match="3 latent dimensions"):
        log_evidence(model, torch.zeros(1, 1, 28, 28))
