"""A decoder on the plane from polynomials through decoded places."""

import math
import threading

import pytest
import torch

import vae
from tests.vae.evidence.conftest import narrow
from vae.bounded_cache import BoundedCache
from vae.evidence.chebyshev_tiles import CHECKS, MOST_ERROR, NODES, WIDTH, ChebyshevTiles
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.model.likelihood import Bernoulli, Gaussian

pytestmark = pytest.mark.slow

PIXELS = 50
MANY, TILE = 10**9, 8 * NODES**2 * PIXELS
"""Bytes: for all tiles, and of one."""

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
        found = ChebyshevTiles(decode, likelihood, BoundedCache(MANY)).parameters(z)
        assert torch.allclose(found, smooth(z), atol=1e-4, rtol=0)
        assert decode.count <= 36 * (NODES**2 + CHECKS)


def test_where_polynomials_are_not_good_enough_places_are_decoded():
    z = places(5000, WIDTH)
    assert torch.allclose(ChebyshevTiles(waves, Bernoulli(), BoundedCache(MANY)).parameters(z), waves(z), atol=1e-9, rtol=0)


def test_kinks_make_tiles_narrower_until_images_would_not_tell():
    """The root mean square error in log p(x given z), of images that the decoder draws, averaged as a posterior does."""
    decode, z = Counted(lambda z: kinked(z) / 5), places(200_000, WIDTH)
    tiles = ChebyshevTiles(decode, Bernoulli(), BoundedCache(MANY))
    found, exact = tiles.parameters(z), kinked(z) / 5
    assert decode.count < len(z) / 2
    levels = {level for _, (level, _, _) in tiles._kept._values}
    assert len(levels) > 1 or min(levels) > 0
    error = ((found - exact) * (found.sigmoid() - exact.sigmoid())).sum(1).mean().sqrt()
    assert 0 < error < MOST_ERROR * 30


def test_few_places_are_decoded_themselves_and_kept_places_are_not_decoded_again():
    decode, z = Counted(smooth), places(NODES**2 // 2, WIDTH / 2).abs()
    tiles = ChebyshevTiles(decode, Bernoulli(), BoundedCache(MANY))
    assert torch.equal(tiles.parameters(z), smooth(z)) and decode.count == len(z)
    tiles.parameters(z)
    before = decode.count
    tiles.parameters(places(1000, WIDTH / 2, seed=1).abs())
    assert decode.count == before


def test_no_more_tiles_are_kept_than_asked_for_and_the_oldest_go():
    tiles = ChebyshevTiles(smooth, Bernoulli(), BoundedCache(3 * TILE))
    tiles.parameters(places(20_000, 2 * WIDTH))
    assert len(tiles._kept._values) == 3 and tiles._kept.held == 3 * TILE


def test_what_is_remembered_of_places_is_bounded_too(monkeypatch):
    """Over a stretch of the plane where no tile follows the decoder, every place has an entry in both other tables."""
    monkeypatch.setattr(vae.evidence.chebyshev_tiles, "MOST_NAMES", 5)
    tiles, z = ChebyshevTiles(waves, Bernoulli(), BoundedCache(MANY)), places(20_000, 3 * WIDTH)
    assert torch.allclose(tiles.parameters(z), waves(z), atol=1e-9, rtol=0)
    assert len(tiles._asked._values) == len(tiles._too_wide._values) == 5


def test_a_tile_found_too_wide_by_another_thread_meanwhile_doubles_no_place():
    """Another thread's find lies between the moment a place was sorted and the moment it is decoded."""
    z = places(NODES**2 - 1, WIDTH / 2).abs()

    def decode(z: torch.Tensor) -> torch.Tensor:
        return waves(z)

    tiles = ChebyshevTiles(decode, Bernoulli(), BoundedCache(MANY))
    tile = tiles._tile

    def meanwhile(name: tuple[int, int, int], count: int, like: torch.Tensor) -> object:
        found = tile(name, count, like)
        tiles._too_wide.put(name, True)
        return found

    tiles._tile = meanwhile
    assert torch.equal(tiles.parameters(z), waves(z))


def test_several_threads_get_what_one_gets():
    tiles, z = ChebyshevTiles(smooth, Bernoulli(), BoundedCache(4 * TILE)), places(5000, 2 * WIDTH)
    found: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: found.append(tiles.parameters(z))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(torch.allclose(each, smooth(z), atol=1e-4, rtol=0) for each in found)


def test_no_places_are_no_parameters_and_a_number_that_is_none_is_not_hidden():
    tiles = ChebyshevTiles(lambda z: smooth(z) * math.nan, Bernoulli(), BoundedCache(MANY))
    assert tiles.parameters(torch.zeros(500, 2, dtype=torch.double)).isnan().all()
    assert ChebyshevTiles(smooth, Bernoulli(), BoundedCache(MANY)).parameters(torch.zeros(0, 2, dtype=torch.double)).shape == (
        0,
        PIXELS,
    )


def test_the_evidence_is_that_of_decoding_everywhere(small_run, digits):
    model, images, tiles = narrow(small_run), digits.held_out.images[:20] / 255, PlaneQuadrature(narrow(small_run))
    everywhere = PlaneQuadrature(model, tiles=False).log_evidence(images, tolerance=1e-5, finest=2)
    found = tiles.log_evidence(images, tolerance=1e-5, finest=2)
    assert torch.allclose(found.log_evidence, everywhere.log_evidence, atol=1e-3, rtol=0)
    assert len(tiles._kept._values) > 10 and (everywhere.spacing < 0.05).double().mean() > 0.5
