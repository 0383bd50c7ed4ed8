"""A decoder on the plane from polynomials through decoded places."""

import math
import threading

import torch

import vae
from vae.evidence import PlaneQuadrature
from vae.likelihood import Bernoulli, Gaussian
from vae.run import load_run
from vae.tiles import CHECKS, MOST_ERROR, NODES, WIDTH, Tiles

PIXELS = 50
DIRECTIONS = torch.randn(2, PIXELS, generator=torch.Generator().manual_seed(0), dtype=torch.double)


class Counted:
    """A decoder that counts what it decodes."""

    def __init__(self, function) -> None:
        self.function, self.count = function, 0

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        self.count += len(z)
        return self.function(z)


def smooth(z: torch.Tensor) -> torch.Tensor:
    return 3 * (4 * z @ DIRECTIONS).sin()


def kinked(z: torch.Tensor) -> torch.Tensor:
    return (30 * z @ DIRECTIONS).abs()


def waves(z: torch.Tensor) -> torch.Tensor:
    """Shorter ones than the narrowest tile can follow."""
    return 3 * (4000 * z @ DIRECTIONS).sin()


def places(count: int, extent: float, seed: int = 0) -> torch.Tensor:
    return (torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.double) * 2 - 1) * extent


def test_a_smooth_decoder_is_known_from_a_few_of_the_places():
    for likelihood in (Bernoulli(), Gaussian(0.3)):
        decode, z = Counted(smooth), places(20_000, 2.5 * WIDTH)
        found = Tiles(decode, likelihood, 1000).parameters(z)
        assert torch.allclose(found, smooth(z), atol=1e-4, rtol=0)
        assert decode.count <= 36 * (NODES**2 + CHECKS)


def test_where_polynomials_are_not_good_enough_places_are_decoded():
    z = places(5000, WIDTH)
    assert torch.allclose(Tiles(waves, Bernoulli(), 1000).parameters(z), waves(z), atol=1e-9, rtol=0)


def test_kinks_make_tiles_narrower_until_images_would_not_tell():
    """The root mean square error in log p(x given z), of images that the decoder draws, averaged as a posterior does."""
    decode, z = Counted(lambda z: kinked(z) / 5), places(200_000, WIDTH)
    tiles = Tiles(decode, Bernoulli(), 1000)
    found, exact = tiles.parameters(z), kinked(z) / 5
    assert decode.count < len(z) / 2
    levels = {level for level, _, _ in tiles._tiles}
    assert len(levels) > 1 or min(levels) > 0
    error = ((found - exact) * (found.sigmoid() - exact.sigmoid())).sum(1).mean().sqrt()
    assert 0 < error < MOST_ERROR * 30


def test_few_places_are_decoded_themselves_and_kept_places_are_not_decoded_again():
    decode, z = Counted(smooth), places(NODES**2 // 2, WIDTH / 2).abs()
    tiles = Tiles(decode, Bernoulli(), 1000)
    assert torch.equal(tiles.parameters(z), smooth(z)) and decode.count == len(z)
    tiles.parameters(z)
    before = decode.count
    tiles.parameters(places(1000, WIDTH / 2, seed=1).abs())
    assert decode.count == before


def test_no_more_tiles_are_kept_than_asked_for_and_the_oldest_go():
    decode = Counted(smooth)
    tiles = Tiles(decode, Bernoulli(), 3)
    tiles.parameters(places(20_000, 2 * WIDTH))
    assert len(tiles._tiles) == 3


def test_several_threads_get_what_one_gets():
    tiles, z = Tiles(smooth, Bernoulli(), 4), places(5000, 2 * WIDTH)
    found: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: found.append(tiles.parameters(z))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(torch.allclose(each, smooth(z), atol=1e-4, rtol=0) for each in found)


def test_no_places_are_no_parameters_and_a_number_that_is_none_is_not_hidden():
    tiles = Tiles(lambda z: smooth(z) * math.nan, Bernoulli(), 10)
    assert tiles.parameters(torch.zeros(500, 2, dtype=torch.double)).isnan().all()
    assert Tiles(smooth, Bernoulli(), 10).parameters(torch.zeros(0, 2, dtype=torch.double)).shape == (0, PIXELS)


def narrow(run: vae.RunFolder) -> vae.VAE:
    """The run's model on a plane ten times as small, so that an image's posterior is narrower than the coarsest lattice."""
    model = load_run(run.path).model
    with torch.no_grad():
        next(model.decoder.parameters()).mul_(10)
    return model


def test_the_evidence_is_that_of_decoding_everywhere(small_run, digits):
    model, images, tiles = narrow(small_run), digits.held_out.images[:20] / 255, PlaneQuadrature(narrow(small_run))
    everywhere = PlaneQuadrature(model, tiles=0).log_evidence(images, tolerance=1e-5, finest=2)
    found = tiles.log_evidence(images, tolerance=1e-5, finest=2)
    assert torch.allclose(found.log_evidence, everywhere.log_evidence, atol=1e-3, rtol=0)
    assert len(tiles.joint.tiles._tiles) > 10 and (everywhere.spacing < 0.05).double().mean() > 0.5
