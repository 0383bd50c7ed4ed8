"""Films of particles: what is sent is where the particles are, to a few parts in 100,000."""

import base64

import numpy as np
import pytest
import torch

from tests.oracles import gaussian_denoiser
from ui.diffusion import trajectories
from ui.diffusion.figures import arrow_lines
from vae.diffusion.noise_schedule import diffuse, noise_level, noise_share, reverse_levels, signal_share
from vae.diffusion.samplers import sample

DENOISE = gaussian_denoiser(torch.zeros(2), torch.eye(2))


def unpacked(text: str, reach: float) -> np.ndarray:
    steps = np.frombuffer(base64.b64decode(text), "<u2").astype(float)
    return (steps / 65_535 * 2 - 1) * reach


def candidates(u: torch.Tensor) -> trajectories.Candidates:
    return trajectories.Candidates(u, decoded(u))


def decoded(u: torch.Tensor) -> torch.Tensor:
    """Images whose one grey value tells where the code lies."""
    return (128 + 20 * u[:, 0]).clamp(0, 255).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


def tiles(url: str) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))


def test_numbers_survive_packing():
    values = 7 * (2 * torch.rand(500, 2) - 1)
    assert unpacked(trajectories.packed(values, 7.0), 7.0) == pytest.approx(values.flatten().numpy(), abs=7 / 65_535 + 1e-6)


def test_a_backward_film_has_all_places_and_the_handfuls_images():
    ways = sample(DENOISE, torch.randn(40, 2), reverse_levels(20))
    labels = torch.arange(40) % 10
    film = trajectories.backward(ways, labels, "cosine", decoded, candidates(torch.randn(30, 2)))
    order = trajectories.varied(labels)
    places = unpacked(film["places"], film["reach"]).reshape(21, 40, 2)
    assert places == pytest.approx(ways.z[:, order].numpy(), abs=1e-3)
    assert film["levels"] == pytest.approx(ways.levels.tolist(), abs=1e-5)
    assert film["times"][0] == 1 and film["times"][-1] == 0
    seen = tiles(film["tiles"]).reshape(21, 28, film["handful"], 28)[:, 14, :, 14]
    ends = decoded(ways.codes[order[: film["handful"]]])[:, 0, 0, 0]
    assert np.array_equal(seen[-1], ends.numpy()) and np.ptp(seen[0].astype(int)) < np.ptp(seen[-1].astype(int)) / 2


def mixed_grey(codes: torch.Tensor, z: torch.Tensor, level: float) -> float:
    """The grey value expected of a particle at z (D,), by a sum over all codes (N, D) in double precision."""
    codes, x = codes.double(), z.double() * (1 + level**2) ** 0.5
    weight = (-(codes - x).square().sum(1) / (2 * level**2)).exp()
    return ((weight * decoded(codes)[:, 0, 0, 0]).sum() / weight.sum()).item()


def test_an_expected_image_is_the_posterior_mean_over_the_codes():
    """Against a sum over all codes in double precision: of pure noise all images' mean, without noise its own image."""
    u, own = torch.randn(200, 2), torch.tensor([[1.5, 0.0], [-0.5, 1.0]])
    levels = torch.tensor([0.0, 0.3, 1.0, 20.0])
    z = diffuse(own, levels.view(-1, 1, 1), torch.randn(4, 2, 2))
    seen = candidates(u).expected(z, levels, own, decoded(own))[:, :, 0, 0, 0]
    assert torch.equal(seen[0], decoded(own)[:, 0, 0, 0])
    for step, level in enumerate(levels.tolist()[1:], start=1):
        for particle in range(2):
            grey = mixed_grey(torch.cat([u, own[particle : particle + 1]]), z[step, particle], level)
            assert seen[step, particle].item() == pytest.approx(grey, abs=0.6)


def test_a_forward_film_has_codes_and_noise_and_images_of_their_mixture():
    u, epsilon = torch.randn(50, 2), torch.randn(50, 2)
    film = trajectories.forward(u, epsilon, torch.arange(50) % 10, "linear", 10, decoded, candidates(u))
    codes, noise = unpacked(film["places"], film["reach"]).reshape(2, 50, 2)
    assert codes == pytest.approx(u.numpy(), abs=1e-3) and noise == pytest.approx(epsilon.numpy(), abs=1e-3)
    levels = noise_level(torch.tensor(film["times"]), "linear")
    assert film["levels"] == pytest.approx(levels.tolist(), rel=1e-3, abs=1e-5)
    seen = tiles(film["tiles"]).reshape(11, 28, film["handful"], 28)[:, 14, :, 14]
    assert np.array_equal(seen[0], decoded(u)[: film["handful"], 0, 0, 0].numpy())
    for particle, grey in enumerate(seen[-1].tolist()):
        z = diffuse(u[particle], levels[-1].float(), epsilon[particle])
        assert grey == pytest.approx(mixed_grey(torch.cat([u, u[particle : particle + 1]]), z, levels[-1].item()), abs=0.6)


def test_a_long_chain_is_thinned_and_keeps_its_ends():
    ways = sample(DENOISE, torch.randn(8, 2), reverse_levels(1000))
    film = trajectories.backward(ways, torch.zeros(8, dtype=torch.long), "cosine", decoded, candidates(torch.randn(5, 2)))
    assert len(film["times"]) == 101 and film["steps"] == 1000
    assert (film["levels"][0], film["levels"][-1]) == (20, 0)


@pytest.mark.parametrize("labels", [[3, 3, 1, 1, 0, 2, 2], [5, 5, 5], [*range(10)] * 3])
def test_the_first_few_are_of_different_classes(labels):
    labels = torch.tensor(labels)
    order = trajectories.varied(labels)
    first = labels[order][: min(trajectories.HANDFUL, len(labels.unique()))]
    assert sorted(order.tolist()) == list(range(len(labels)))
    assert len(first.unique()) == len(first)


def test_arrows_point_along_the_score_of_the_noisy_codes():
    """Standard normal codes stay standard normal: the score of z_t is -z_t at every time."""
    places = torch.tensor([[1.0, 0.0], [-2.0, 1.0], [0.0, 0.0]])
    for level in (0.1, 1.0, 5.0):
        arrows = trajectories.score(DENOISE, places, level)
        size = (noise_share(torch.tensor(level)) * places).norm(dim=1)
        expected = -places * torch.where(size > 0, torch.tanh(size / 2) / places.norm(dim=1).clamp_min(1e-9), 0)[:, None]
        assert torch.allclose(arrows, expected, atol=1e-5)
    assert signal_share(torch.tensor(1.0)).item() == pytest.approx(0.5**0.5)


def test_an_arrow_is_a_line_with_a_head_at_its_tip():
    x, y = arrow_lines(np.array([[1.0, 2.0]]), np.array([[0.5, 0.0]]))
    assert x[:2].tolist() == [1.0, 1.5] and y[:2].tolist() == [2.0, 2.0]
    assert x[3] == 1.5 and x[2] < 1.5 and x[4] < 1.5 and y[2] == pytest.approx(4 - y[4])
    assert np.isnan(x[5]) and np.isnan(y[5])
