"""A denoiser trained on Gaussian codes comes to the score, the samples and the bound that they have in closed form."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.conftest import QUICK
from tests.oracles import gaussian_denoiser
from tests.vae.diffusion.conftest import gaussian_codes
from vae.diffusion.code_dataset import Standard
from vae.diffusion.config import PriorConfig
from vae.diffusion.denoiser import Denoiser, DenoiserConfig
from vae.diffusion.evaluation import densities, draw_diffusion
from vae.diffusion.noise_schedule import reverse_levels
from vae.diffusion.samplers import sample
from vae.diffusion.trainer import PriorTrainer
from vae.diffusion.variational_bound import chain_levels, first_step_variance, ledger
from vae.errors import ConfigError, TrainingError
from vae.model.elbo import negative_entropy

pytestmark = pytest.mark.slow

SHAPE = {"width": 48, "layers": 2, "features": 8, "fastest": 3.0}
CONFIG = PriorConfig(steps=600, learning_rate=1e-2, level_mean=-0.8, level_spread=1.4, **SHAPE)


@pytest.fixture(scope="module")
def trained():
    codes = gaussian_codes()
    trainer = PriorTrainer(CONFIG, codes, 2)
    reports = list(trainer.reports())
    return trainer, codes, reports


def true_density():
    return MultivariateNormal(torch.tensor([2.0, -1.0]), torch.diag(torch.tensor([4.0, 1.0])))


def test_its_score_is_the_gaussians(trained):
    trainer, _, _ = trained
    standard = trainer.standard
    covariance = torch.diag(torch.tensor([4.0, 1.0])) / standard.scale**2
    exact = gaussian_denoiser(standard.to_standard(torch.tensor([2.0, -1.0])), covariance)
    u = standard.to_standard(true_density().sample((1000,)))
    for level in (0.3, 1.0, 3.0):
        s = torch.full((1000, 1), level)
        x = u + s * torch.randn(u.shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            error = (trainer.denoiser.guided()(x, s) - exact(x, s)).square().mean().sqrt()
        assert error < 0.1 * min(level, 1.0)


def test_its_samples_are_the_gaussians(trained):
    trainer, _, _ = trained
    z = draw_diffusion(trainer.denoiser, trainer.standard, 20_000)
    assert torch.allclose(z.mean(0), torch.tensor([2.0, -1.0]), atol=0.15)
    assert torch.allclose(z.std(0), torch.tensor([2.0, 1.0]), rtol=0.08)  # 64 steps narrow them a little
    assert abs(z.T.corrcoef()[0, 1]) < 0.05


def test_its_density_and_its_bound_are_the_gaussians(trained):
    trainer, codes, _ = trained
    density, normal = densities(trainer.denoiser, trainer.standard, codes.held_out, 500, steps=128)
    z = codes.held_out.draw(500)
    assert (density - true_density().log_prob(z)).mean().abs() < 0.03
    assert torch.allclose(normal, MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z).double(), atol=1e-4)
    posterior = codes.held_out.posterior
    expected = true_density().log_prob(posterior.mean) - 0.05**2 * (1 / 4 + 1) / 2
    true_kl = (negative_entropy(posterior) - expected).mean().item()
    u = trainer.standard.to_standard(codes.train.draw(4000))
    variance = first_step_variance(trainer.denoiser.guided(), u, chain_levels(1000)[0], torch.Generator().manual_seed(0))
    terms = ledger(trainer.denoiser.guided(), trainer.standard.posterior(posterior), variance)
    assert -3 * terms.error < terms.kl - true_kl < 0.25  # a thousand steps and a small network cost a little


def test_guidance_leads_to_a_class(trained):
    trainer, _, _ = trained
    noise = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    shares = []
    for weight in (0.0, 1.0, 3.0):
        codes = sample(trainer.denoiser.guided(1, weight), noise, reverse_levels(50)).codes
        shares.append((trainer.standard.to_latent(codes)[:, 0] > 2).float().mean().item())
    assert shares[0] < 0.65 and shares[1] > 0.9 and shares[2] > 0.97


def test_reports_say_how_it_went(trained):
    trainer, _, reports = trained
    assert [report.step for report in reports] == list(range(6, 601, 6))
    assert reports[-1].held_out < reports[0].held_out
    assert all(math.isfinite(report.train) for report in reports)
    assert trainer.learning_rate_at(0) < trainer.learning_rate_at(100) > trainer.learning_rate_at(599)


def test_the_same_seed_gives_the_same_denoiser():
    codes = gaussian_codes(500)

    def weights(seed):
        trainer = PriorTrainer(PriorConfig(**{**QUICK.to_dict(), "seed": seed}), codes, 2)
        list(trainer.reports())
        return torch.cat([value.flatten() for value in trainer.denoiser.state_dict().values()])

    state = torch.get_rng_state()
    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))
    assert torch.equal(torch.get_rng_state(), state)


def test_codes_are_standard_and_come_back():
    codes = gaussian_codes()
    standard = Standard.of(codes.train.posterior)
    u = standard.to_standard(codes.train.draw(4000))
    assert u.mean(0).abs().max() < 0.03
    assert u.square().mean().item() == pytest.approx(1.0, rel=0.05)
    assert torch.allclose(standard.to_latent(u), codes.train.draw(4000), atol=1e-5)
    q = standard.posterior(codes.train.posterior)
    assert torch.allclose(q.standard_deviation * standard.scale, codes.train.posterior.standard_deviation)


def test_the_target_is_what_the_network_has_to_be():
    denoiser = Denoiser(DenoiserConfig(2, 3, width=8, layers=1, features=4))
    u, level = torch.randn(20, 2), torch.rand(20, 1) + 0.05
    x = u + level * torch.randn(20, 2)
    denoiser.network = lambda *arguments: denoiser.target(u, x, level)
    assert torch.allclose(denoiser(x, level, torch.zeros(20, dtype=torch.long)), u, atol=1e-4)


def test_guidance_goes_on_from_all_classes_beyond_one():
    denoiser = Denoiser(DenoiserConfig(2, 3, width=8, layers=1, features=4))
    for block in denoiser.blocks:  # which begin as nothing, so that the class has no say
        torch.nn.init.ones_(block.second.weight)
    x, level = torch.randn(20, 2), torch.rand(20, 1) + 0.05
    plain, known = denoiser.guided()(x, level), denoiser.guided(1)(x, level)
    assert not torch.allclose(plain, known)
    assert torch.equal(denoiser.guided(1, 0.0)(x, level), plain)
    assert torch.allclose(denoiser.guided(1, 3.0)(x, level), plain + 3 * (known - plain))


def test_a_loss_that_is_no_number_is_told():
    trainer = PriorTrainer(QUICK, gaussian_codes(100), 2)
    with torch.no_grad():
        trainer.raw.leave.bias.fill_(math.nan)
    with pytest.raises(TrainingError, match="lower the learning rate"):
        list(trainer.reports())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps is 0"), ({"steps": 1.5}, "whole number"), ({"learning_rate": math.nan}, "learning rate is nan"),
        ({"dropped": 1.5}, "dropped is 1.5"), ({"width": True}, "width is True"),
    ],
)  # fmt: skip
def test_a_prior_that_cannot_be_is_one_sentence(changes, words):
    with pytest.raises(ConfigError, match=words):
        PriorConfig(**changes)
