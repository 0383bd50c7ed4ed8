"""Whatever takes a device, or a model or tensors on one, gives there what it gives on the CPU.

On the devices of this machine, and on two pretended ones (see `tests.pretended`): a GPU, and one without double precision, as
Apple's are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

import vae.device
import vae.evaluation.held_out
from tests.conftest import small_config
from tests.oracles import gaussian_denoiser
from tests.pretended import Pretended, a_gpu
from vae.config import ModelConfig
from vae.data import datasets
from vae.data.binarisation import binarised, binarised_once
from vae.data.nearest_images import PixelNeighbours
from vae.diffusion.closed_form import mixture_denoiser
from vae.diffusion.code_dataset import CodeSets, LabelledCodes, codes_of
from vae.diffusion.config import PriorConfig
from vae.diffusion.distances import mixture_sample, sliced_wasserstein
from vae.diffusion.evaluation import densities, draw_diffusion
from vae.diffusion.job import first_variance
from vae.diffusion.noise_schedule import reverse_levels
from vae.diffusion.samplers import log_density, sample
from vae.diffusion.trainer import PriorTrainer
from vae.diffusion.variational_bound import first_step_variance, ledger
from vae.evaluation.held_out import evaluate_evidence, evaluate_run
from vae.evidence import monte_carlo
from vae.evidence.elbo_identity import elbo_identity
from vae.evidence.importance_sampling import importance_log_evidence
from vae.evidence.optimal_gaussian import optimal_gaussian
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.evidence.posterior_modes import find_posterior_modes
from vae.latent import fields, grid, interpolation, posterior_summary
from vae.latent.atlas import make_atlas
from vae.latent.plane import plane_of_axes, plane_of_principal_components
from vae.model import elbo, inference, reconstruction
from vae.model.autoencoder import VAE, Posterior, build_model
from vae.model.reconstruction import reconstruction_term
from vae.runs.folder import Run, load_run
from vae.training.duration import estimate_seconds
from vae.training.trainer import Trainer

pytestmark = pytest.mark.slow

SHAPE = {"encoder_widths": (16,), "decoder_widths": (16,), "activation": "silu"}
MODELS = {
    "plane": ModelConfig("mlp", **SHAPE),
    "grey": ModelConfig("mlp", likelihood="gaussian", **SHAPE),
    "looked up": ModelConfig("mlp", encoder_lattice=16, **SHAPE),
    "wide": ModelConfig("mlp", latent=3, **SHAPE),
    "strip": ModelConfig("mlp", latent=1, **SHAPE),
    "conv": ModelConfig("conv"),
}
DEVICES = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


@contextlib.contextmanager
def on(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """A device to compute on meanwhile."""
    if not name.startswith("pretended"):
        yield torch.device(name)
        return
    has_double = name == "pretended"
    with a_gpu(has_double) as device:
        monkeypatch.setattr(vae.device, "has_double", lambda kind: has_double or kind != device.type)
        yield device


@pytest.fixture(params=[*(name for name, there in DEVICES.items() if there), "pretended", "pretended without double"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    with on(request.param, monkeypatch) as there:
        yield there


@dataclasses.dataclass(frozen=True)
class Place:
    """What a computation is given: a model on a device, and images and places there."""

    device: torch.device
    model: VAE
    stored: Tensor
    labels: Tensor

    @property
    def x(self) -> Tensor:
        return datasets.pixels(self.stored)

    @property
    def one(self) -> Tensor:
        return self.x[:1]

    @property
    def q(self) -> Posterior:
        size = self.model.config.latent
        mean, log_variance = torch.linspace(-0.5, 0.8, size)[None], torch.linspace(-3, -1, size)[None]
        return Posterior(mean.to(self.device), log_variance.to(self.device))

    @property
    def posteriors(self) -> Posterior:
        """60 of them."""
        draws = torch.randn(2, 60, self.model.config.latent, generator=torch.Generator().manual_seed(5))
        return Posterior(draws[0].to(self.device), (draws[1] / 4 - 3).to(self.device))

    def generator(self) -> torch.Generator:
        return torch.Generator(device=self.device).manual_seed(3)

    def quadrature(self, **options: float) -> PlaneQuadrature:
        return PlaneQuadrature(self.model, **({"spacing": 0.25, "extent": 4.0} | options))

    def codes(self) -> CodeSets:
        labels = torch.arange(60, device=self.device) % 10
        return CodeSets(*[LabelledCodes(self.posteriors, labels)] * 2, from_snapshot=False)

    def prior(self) -> PriorTrainer:
        """After two steps."""
        config = PriorConfig(steps=2, batch_size=32, width=8, layers=1, features=4)
        trainer = PriorTrainer(config, self.codes(), 10, self.device)
        list(trainer.reports())
        return trainer


def place(kind: str, device: torch.device, digits: datasets.Dataset) -> Place:
    model = build_model(MODELS[kind], seed=1)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(1.5)  # so that posteriors are no copies of the prior
    split = digits.held_out.select(slice(6)).to(device)
    return Place(device, model.to(device), split.images, split.labels)


def trained(p: Place, digits: datasets.Dataset) -> list[float]:
    config = small_config(batch_size=256, binarise="dynamic", clip_norm=100.0, weight_decay=0.1, encoder_lattice=16, epochs=1)
    dataset = datasets.Dataset("digits", digits.train.select(slice(600)), digits.held_out.select(slice(50)), digits.class_names)
    trainer = Trainer(config, dataset, p.device)
    reports = list(trainer.reports())
    again = Trainer(config, dataset, p.device)
    again.restore(*trainer.state())
    return [number for report in (*reports, again.evaluate()) for number in (report.reconstruction, report.kl)]


def true_posterior(p: Place) -> list:
    found = p.quadrature().true_posterior(p.one, size=8)
    return [found.z1, found.density, found.mean, found.covariance, found.evidence, found.mass]


def quadrature_of_tiles(p: Place) -> Tensor:
    """So few tiles that some are thrown away, and images that share none."""
    return p.quadrature(tiles=20).log_evidence(p.x).log_evidence


def far_away(p: Place) -> Tensor:
    """A lattice that is too small, so that a wider one is asked."""
    return p.quadrature(spacing=0.1, extent=1.5).log_evidence(p.x).log_evidence


def sides_of(p: Place) -> object:
    return elbo_identity(p.quadrature(), p.one, p.q)


def gradients(p: Place) -> list:
    compared, drawn = monte_carlo.compare_gradients(p.model, p.one, p.q, 40, p.generator())
    return [*drawn, compared, monte_carlo.quadrature_gradient(p.model, p.one, p.q)]


def black_and_white(p: Place) -> list:
    return [binarised(p.x, "random", torch.Generator().manual_seed(0)), binarised_once(p.stored).float()]


def peaks_of(p: Place) -> object:
    return find_posterior_modes(p.model, p.one, p.posteriors.mean[:8])


def neighbours(p: Place) -> Tensor:
    looked_among = PixelNeighbours(p.stored, p.labels)
    return torch.cat([looked_among.nearest_labels(p.stored, 3).float(), looked_among.agreement(p.stored, 3)[:, None]], 1)


def principal_plane(p: Place) -> list:
    plane = plane_of_principal_components(p.posteriors.mean)
    return [plane.project(p.posteriors.mean), plane.rest(p.posteriors.mean[0])]


def prior_of(p: Place) -> list:
    trainer = p.prior()
    generator = torch.Generator().manual_seed(0)
    denoise, u = trainer.denoiser.guided(), trainer.standard.to_standard(p.posteriors.mean)
    noise = torch.randn(9, 2, generator=generator).to(p.device)
    ways = [sample(denoise, noise, reverse_levels(4), sampler, p.generator()) for sampler in ("ancestral", "ode")]
    guided = sample(trainer.denoiser.guided(3, 2.0), noise, reverse_levels(4))
    terms = ledger(denoise, trainer.standard.posterior(p.posteriors), 1e-3, steps=20, draws=2)
    variance = first_step_variance(denoise, u, torch.tensor(0.01), torch.Generator().manual_seed(0))
    return [*ways, guided, log_density(denoise, u, 4), terms, variance, first_variance(trainer, p.codes())]


def figures_of_prior(p: Place) -> list:
    trainer, codes = p.prior(), p.codes()
    z = draw_diffusion(trainer.denoiser, trainer.standard, 20, steps=4)
    density = densities(trainer.denoiser, trainer.standard, codes.held_out, 10, steps=4)
    mixture = mixture_sample(codes.train.draw(40), 20)
    return [z, *density, mixture, sliced_wasserstein(z, codes.held_out.draw(20))]


def exact_denoisers(p: Place) -> list:
    u, level = p.posteriors.mean, torch.full((60, 1), 0.3, device=p.device)
    variances = p.posteriors.log_variance.exp()
    gaussian = gaussian_denoiser(u.mean(0), u.T.cov())
    return [gaussian(u, level), mixture_denoiser(u, variances)(u, level), *sample(gaussian, u, reverse_levels(3)).z]


def densities_on_plane(p: Place) -> Tensor:
    return fields.aggregate_density(p.posteriors, plane_of_axes(p.model.config.latent), 3.0, 12)


def changes(p: Place) -> Tensor:
    size = p.model.config.latent
    return fields.change_rate(p.model, plane_of_axes(size), torch.zeros(size), 2.0, 6)


def atlas_of(p: Place) -> list:
    made = make_atlas(p.model, plane_of_axes(2), torch.zeros(2), 2.0)
    return [made.size, made.mean_error]


def importance(p: Place) -> object:
    return importance_log_evidence(p.model, p.x[:2], 50, p.generator())


def summarise_posterior(p: Place) -> list:
    of_image, of_code = (
        posterior_summary.summarise_posterior(p.model, p.stored[:1]),
        posterior_summary.summarise_code(p.model, p.q.on_cpu, -100.0),
    )
    return [of_image, of_code, posterior_summary.draw_samples(p.model, p.q, 3, 0)]


CASES: dict[str, tuple[tuple[str, ...], Callable[[Place], object]]] = {
    "encode": (("plane", "looked up", "conv"), lambda p: p.model.encode(p.x)),
    "decode": (("plane", "conv"), lambda p: p.model.decode(p.posteriors.mean)),
    "elbo_terms": (("plane", "grey"), lambda p: elbo.elbo_terms(p.model, p.x, 3)),
    "elbo_terms with a generator of the CPU": (
        ("plane",), lambda p: elbo.elbo_terms(p.model, p.x, 3, torch.Generator().manual_seed(0)),
    ),
    "encode_images": (("plane", "looked up", "wide"), lambda p: inference.encode_images(p.model, p.stored)),
    "decode_points": (("plane", "conv"), lambda p: inference.decode_points(p.model, grid.make_grid(3).points())),
    "quadrature": (("plane", "grey", "looked up"), lambda p: p.quadrature().log_evidence(p.x)),
    "quadrature without tiles": (("plane",), lambda p: p.quadrature(tiles=0).log_evidence(p.x)),
    "quadrature with few tiles": (("plane",), quadrature_of_tiles),
    "quadrature of images far away": (("plane",), far_away),
    "true posterior": (("plane", "grey"), true_posterior),
    "sides": (("plane", "grey"), sides_of),
    "best Gaussian": (("plane", "wide"), lambda p: optimal_gaussian(p.model, p.one, p.q, p.posteriors.mean[:1], steps=4)),
    "importance sampling": (("wide", "plane"), importance),
    "peaks": (("wide",), peaks_of),
    "running KL": (("plane",), lambda p: monte_carlo.running_kl(p.q, 20, p.generator())),
    "reconstruction": (("plane",), lambda p: reconstruction.reconstruction_draws(p.model, p.one, p.q, 15, p.generator())),
    "gradients": (("plane", "strip"), gradients),
    "binarised": (("plane",), black_and_white),
    "KL in pieces": (("plane",), lambda p: monte_carlo.kl_pieces(p.q)),
    "density": (("plane", "wide", "strip"), densities_on_plane),
    "change rate": (("plane", "wide", "strip"), changes),
    "atlas": (("plane",), atlas_of),
    "road": (("plane",), lambda p: interpolation.interpolate(p.model, p.q.mean[0], -p.q.mean[0], 5)),
    "nearest": (("plane",), lambda p: fields.nearest(p.posteriors.mean, p.q.mean[0], 5).float()),
    "story": (("plane", "wide", "grey"), summarise_posterior),
    "reconstruction term": (("plane", "wide"), lambda p: reconstruction_term(p.model, p.one, p.q)),
    "principal plane": (("wide",), principal_plane),
    "neighbours": (("plane",), neighbours),
    "a diffusion prior": (("plane",), prior_of),
    "its figures": (("plane",), figures_of_prior),
    "denoisers in closed form": (("plane",), exact_denoisers),
}  # fmt: skip


def numbers(result: object) -> Iterator[Tensor]:
    """All the numbers of a result, in double precision on the CPU."""
    if isinstance(result, Tensor):
        yield result.cpu().double()
    elif isinstance(result, (int, float)):
        yield torch.tensor(float(result)).double()
    elif dataclasses.is_dataclass(result):
        yield from numbers([getattr(result, field.name) for field in dataclasses.fields(result)])
    elif isinstance(result, (list, tuple)):
        for part in result:
            yield from numbers(part)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (kinds, _) in CASES.items() for kind in kinds])
def test_it_gives_on_every_device_what_it_gives_on_the_cpu(name, kind, device, digits, request):
    with torch.random.fork_rng(devices=[]):
        expected = list(numbers(CASES[name][1](place(kind, torch.device("cpu"), digits))))
        ours = list(numbers(CASES[name][1](place(kind, device, digits))))
    assert expected
    same_draws = "pretended" in request.node.name or device.type == "cpu"
    for one, other in zip(ours, expected, strict=True):
        if same_draws:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-3)
        else:
            assert one.shape == other.shape
            assert (one.isfinite() == other.isfinite()).all()


def test_a_training_takes_the_same_way_on_every_device(device, digits):
    with pytest.MonkeyPatch.context():
        ours = trained(place("plane", device, digits), digits)
    expected = trained(place("plane", torch.device("cpu"), digits), digits)
    assert ours == pytest.approx(expected, rel=0.02)


@pytest.fixture
def run_there(small_run, device) -> Run:
    return load_run(small_run.path, device)


def test_held_out_figures_are_the_same_on_every_device(run_there, small_run, device, monkeypatch):
    few = datasets.load_held_out("digits").images[:20]
    monkeypatch.setattr(
        vae.evaluation.held_out, "PlaneQuadrature", functools.partial(PlaneQuadrature, spacing=0.25, extent=4.0)
    )
    here = load_run(small_run.path)
    ours, expected = evaluate_run(run_there, few, 4), evaluate_run(here, few, 4)
    assert ours.elbo == pytest.approx(expected.elbo, abs=1.0)
    ours, expected = evaluate_evidence(run_there, few), evaluate_evidence(here, few)
    assert ours.log_evidence == pytest.approx(expected.log_evidence, abs=0.01)


def test_codes_of_a_run_lie_on_the_cpu_wherever_its_model_is(run_there, small_run):
    ours, expected = codes_of(run_there), codes_of(load_run(small_run.path))
    torch.testing.assert_close(ours.train.posterior.mean, expected.train.posterior.mean, atol=1e-3, rtol=1e-3)


def test_how_long_a_training_takes_can_be_estimated_on_every_device(device):
    assert estimate_seconds(small_config(encoder_lattice=16), device, probe_seconds=0.01) > 0


def test_a_pretended_gpu_refuses_what_a_gpu_refuses():
    with a_gpu() as device:
        there, here = torch.ones(3, device=device), torch.ones(3)
        assert isinstance(there, Pretended) and there.device == device and (there + 1).sum().item() == 6
        assert (there * torch.tensor(2.0)).tolist() == [2, 2, 2]  # a number may lie on the CPU
        assert there[torch.tensor([0])].tolist() == [1]  # and so may an index
        for mixed in (lambda: there + here, lambda: torch.cat([there, here]), lambda: here[there.long()], lambda: here @ there):
            with pytest.raises(RuntimeError, match="same device"):
                mixed()
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        with pytest.raises(RuntimeError, match="device type for generator"):
            torch.randn(2, generator=torch.Generator(), device=device)
        assert there.double().dtype == torch.double
    with a_gpu(has_double=False) as device, pytest.raises(TypeError, match="float64"):
        torch.ones(3, device=device).double()
