import numpy as np
import pytest
import torch
from torch import Tensor

from vae.errors import ConfigError
from vae.latent.plane import Plane, plane_extent, plane_of_axes, plane_of_principal_components, plane_window


def codes_of(latent: int, count: int = 200, seed: int = 0) -> Tensor:
    """Points of a Gaussian that is correlated and off the origin."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(latent, latent, generator=generator)
    return torch.randn(count, latent, generator=generator) @ mixing + torch.randn(latent, generator=generator)


PLANES = {
    "whole plane": plane_of_axes(2),
    "axes exchanged": plane_of_axes(2, 1, 0),
    "slice of axes": plane_of_axes(6, 4, 1),
    "turned plane": plane_of_principal_components(codes_of(2)),
    "slice of components": plane_of_principal_components(codes_of(6)),
}
each_plane = pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def captured(directions: Tensor, codes: Tensor) -> float:
    """Variance of the codes along two orthonormal directions (2, D)."""
    return ((codes - codes.mean(0)) @ directions.T).square().mean(0).sum().item()


@each_plane
def test_directions_are_orthonormal(plane):
    close(plane.directions @ plane.directions.T, torch.eye(2))


@each_plane
def test_a_point_made_from_coordinates_has_these_coordinates(plane):
    coordinates, through = codes_of(2, 20), codes_of(plane.latent, 1)[0]
    close(plane.project(plane.points(coordinates, through)), coordinates)


@each_plane
def test_a_point_lies_in_the_slice_through_itself(plane):
    for z in codes_of(plane.latent, 10):
        close(plane.points(plane.project(z[None]), z)[0], z)


@each_plane
def test_the_rest_is_the_same_throughout_a_slice(plane):
    z = codes_of(plane.latent, 1)[0]
    close(plane.project(plane.rest(z)[None]), torch.zeros(1, 2))
    for neighbour in plane.points(codes_of(2, 10), z):
        close(plane.rest(neighbour), plane.rest(z))


@each_plane
def test_coordinates_on_the_plane_keep_distances(plane):
    coordinates = codes_of(2, 20)
    points = plane.points(coordinates, codes_of(plane.latent, 1)[0])
    close(torch.cdist(points, points), torch.cdist(coordinates, coordinates))


def test_two_dimensions_are_their_own_coordinates():
    z = codes_of(2)
    assert torch.equal(plane_of_axes(2).project(z), z)
    assert torch.equal(plane_of_axes(2, 1, 0).project(z), z.flip(1))
    assert not plane_of_axes(2).is_slice and not plane_of_axes(2).is_strip


def test_a_slice_of_axes_keeps_the_other_coordinates():
    plane, z = plane_of_axes(6, 4, 1), codes_of(6, 1)[0]
    points = plane.points(torch.tensor([[7.0, -8.0], [0.5, 0.0]]), z)
    assert plane.is_slice and plane.names == ("z5", "z2")
    close(points[:, 4], torch.tensor([7.0, 0.5]))
    close(points[:, 1], torch.tensor([-8.0, 0.0]))
    assert torch.equal(points[:, [0, 2, 3, 5]], z[[0, 2, 3, 5]].expand(2, 4))


@pytest.mark.parametrize("axes", [(1, 1), (0, 4), (4, 0), (-1, 0), (2, -4)])
def test_axes_that_span_no_plane_are_refused(axes):
    with pytest.raises(ConfigError, match="choose two different ones of 4"):
        plane_of_axes(4, *axes)


@pytest.mark.parametrize("latent", [2, 3, 8])
def test_principal_components_are_the_first_eigenvectors_of_the_covariance(latent):
    codes = codes_of(latent)
    plane = plane_of_principal_components(codes)
    _, vectors = np.linalg.eigh(np.cov(codes.numpy().T))
    expected = torch.from_numpy(vectors.T[::-1][:2].copy()).float()
    close((plane.directions * expected).sum(1).abs(), torch.ones(2))
    close(plane.project(codes).mean(0), torch.zeros(2))
    assert plane.names == ("PC1", "PC2")


def test_no_other_two_directions_explain_more_variance():
    codes = codes_of(5)
    most = captured(plane_of_principal_components(codes).directions, codes)
    generator = torch.Generator().manual_seed(1)
    for _ in range(200):
        directions = torch.linalg.qr(torch.randn(5, 2, generator=generator)).Q.T
        assert captured(directions, codes) <= most


def test_the_same_codes_in_any_order_give_the_same_principal_components():
    codes = codes_of(5)
    plane, again = plane_of_principal_components(codes), plane_of_principal_components(codes.flip(0))
    close(again.directions, plane.directions)
    largest = plane.directions.gather(1, plane.directions.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_mirrored_codes_have_the_same_directions():
    codes = codes_of(5)
    close(plane_of_principal_components(-codes).directions, plane_of_principal_components(codes).directions)


@pytest.mark.parametrize("shape", [(10, 1), (1, 5)])
def test_too_little_for_principal_components_is_refused(shape):
    with pytest.raises(ConfigError, match="choose axes"):
        plane_of_principal_components(torch.zeros(shape))


def test_one_dimension_is_a_strip_whose_height_means_nothing():
    plane, z = plane_of_axes(1), codes_of(1, 9)
    assert plane.is_strip and not plane.is_slice
    close(plane.project(z), torch.cat([z, torch.zeros_like(z)], 1))
    heights = torch.stack([z[:, 0], torch.linspace(-3, 3, 9)], 1)
    close(plane.points(heights, torch.tensor([5.0])), z)
    close(plane.rest(z[0]), torch.zeros(1))


@each_plane
def test_projected_covariance_is_that_of_projected_samples(plane):
    generator = torch.Generator().manual_seed(3)
    deviation = 0.2 + torch.rand(3, plane.latent, generator=generator)
    covariances = plane.project_covariance(deviation.square())
    assert covariances.shape == (3, 2, 2)
    for row, covariance in zip(deviation, covariances, strict=True):
        samples = row * torch.randn(100_000, plane.latent, generator=generator)
        torch.testing.assert_close(plane.project(samples).T.cov(), covariance, rtol=0, atol=0.02)


def test_turning_both_axes_of_a_round_posterior_leaves_it_round():
    directions = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    plane = Plane(directions, torch.zeros(2), ("u1", "u2"))
    close(plane.project_covariance(torch.full((4, 2), 0.3)), 0.3 * torch.eye(2).expand(4, 2, 2))


def test_codes_off_the_centre_are_looked_at_where_they_are_with_the_priors_bulk():
    places = torch.tensor([2.0, -12.0]) + torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    (x, y), half = plane_window(places)
    assert half < 0.8 * plane_extent(places)
    for axis, middle in enumerate((x, y)):
        low, high = middle - half, middle + half
        assert low <= -3 and high >= 3
        assert ((places[:, axis] >= low) & (places[:, axis] <= high)).double().mean() > 0.99


def test_codes_around_the_origin_are_looked_at_around_it():
    places = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    assert plane_window(places) == ((0.0, 0.0), plane_extent(places))
    assert plane_window(torch.zeros(0, 2)) == ((0.0, 0.0), 3.0)
