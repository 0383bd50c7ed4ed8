"""What the lens is told to draw, and what its picks pin."""

import numpy as np
import pytest

from tests.ui.conftest import scene_of, version_of
from ui.cache import runs
from ui.components.lens.lens import Pick
from ui.explore import decoder_panel
from ui.explore.posterior_panel import samples_of
from ui.explore.scene import settle
from ui.state import session
from ui.state.view import FARTHEST, View


def described(scene) -> dict:
    summary = scene.summary()
    return decoder_panel._described(scene, "data:,", summary, samples_of(scene, summary) if summary else None)


def components(codes: np.ndarray) -> np.ndarray:
    """The two first principal components, as columns (D, 2), by the eigenvectors of the covariance."""
    u = np.linalg.eigh(np.cov(codes.T))[1][:, ::-1][:, :2]
    return u * np.sign(u[np.abs(u).argmax(0), [0, 1]])


@pytest.mark.parametrize("probe", [0, 5, 17])
def test_on_a_plane_the_ellipse_is_the_posteriors(digits_run, probe):
    posterior = runs.snapshot_of(digits_run).codes.posterior
    told = described(scene_of(digits_run, probe=probe, z=tuple(posterior.mean[probe].tolist())))["posterior"]
    np.testing.assert_allclose(told["mean"], posterior.mean[probe], atol=1e-4)
    np.testing.assert_allclose(told["covariance"], np.diag(posterior.log_variance[probe].exp()), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(("axes", "chosen"), [("1,2", (0, 1)), ("7,3", (6, 2))])
def test_on_a_slice_of_axes_the_ellipse_is_these_dimensions(wide_run, axes, chosen):
    posterior = runs.snapshot_of(wide_run).codes.posterior
    told = described(scene_of(wide_run, probe=5, z=tuple(posterior.mean[5].tolist()), axes=axes))
    np.testing.assert_allclose(told["posterior"]["mean"], posterior.mean[5, list(chosen)], atol=1e-4)
    variance = posterior.log_variance[5, list(chosen)].exp()
    np.testing.assert_allclose(told["posterior"]["covariance"], np.diag(variance), rtol=1e-3, atol=1e-9)
    assert told["names"] == [f"z{number + 1}" for number in chosen]


@pytest.mark.parametrize("probe", [5, 88])
def test_on_principal_components_the_ellipse_is_the_projected_gaussian(wide_run, probe):
    """u^T Sigma u, by another way than the plane's; correlated, for Sigma is diagonal in other directions."""
    posterior = runs.snapshot_of(wide_run).codes.posterior
    codes = posterior.mean.double().numpy()
    u = components(codes)
    told = described(scene_of(wide_run, probe=probe, z=tuple(posterior.mean[probe].tolist()), axes="pca"))
    expected = u.T @ np.diag(np.exp(posterior.log_variance[probe].double().numpy())) @ u
    np.testing.assert_allclose(told["posterior"]["covariance"], expected, rtol=5e-3, atol=1e-5)
    assert abs(expected[0, 1]) > 1e-4
    np.testing.assert_allclose(told["posterior"]["mean"], (codes[probe] - codes.mean(0)) @ u, atol=1e-3)
    np.testing.assert_allclose(told["centre"], -codes.mean(0) @ u, atol=1e-3)


@pytest.mark.parametrize("axes", ["1,2", "5,2", "pca"])
def test_samples_on_the_plane_are_those_in_the_table(wide_run, axes):
    scene = scene_of(wide_run, probe=5, axes=axes, epsilon=3)
    samples = samples_of(scene, scene.summary())
    codes = runs.snapshot_of(wide_run).codes.posterior.mean.double().numpy()
    if axes == "pca":
        expected = (samples.z.numpy() - codes.mean(0)) @ components(codes)
    else:
        expected = samples.z[:, [int(axis) - 1 for axis in axes.split(",")]]
    np.testing.assert_allclose(described(scene)["posterior"]["samples"], expected, atol=1e-3)


def test_nobodys_point_has_no_posterior(digits_run):
    told = described(scene_of(digits_run, z=(0.5, -1.25)))
    assert (
        told["posterior"] is None and told["place"] == [0.5, -1.25] and told["centre"] == [0, 0] and told["interpolation"] == []
    )


def test_the_road_is_told_in_the_planes_coordinates(wide_run):
    start, end = (1.0, 2, 3, 4, 5, 6, 7, 8), (0.0,) * 8
    assert described(scene_of(wide_run, start=start, end=end, axes="8,2"))["interpolation"] == [[8, 2], [0, 0]]
    assert described(scene_of(wide_run, start=start, axes="8,2"))["interpolation"] == [[8, 2]]


def test_fields_are_made_only_where_they_are_on(digits_run):
    assert described(scene_of(digits_run))["fields"] == []
    told = described(scene_of(digits_run, layers=("change", "density")))
    assert [field["layer"] for field in told["fields"]] == ["density", "change"]
    assert {field["extent"] for field in told["fields"]} == {runs.extent(digits_run, "1,2")}


def test_a_clicked_code_pins_that_image_with_its_exact_code(looking_at, digits_run):
    looking_at(source="draw")
    decoder_panel._pin(settle(digits_run), Pick((0.0, 0.0), 7))
    code = tuple(runs.snapshot_of(digits_run).codes.posterior.mean[7].tolist())
    assert (session.view().z, session.view().probe) == (code, 7)


@pytest.mark.parametrize("probe", [-1, 10**6, None])
def test_any_other_click_pins_the_place(looking_at, digits_run, probe):
    looking_at(probe=3)
    decoder_panel._pin(settle(digits_run), Pick((0.123456, -1.5), probe))
    assert session.view() == View(z=(0.1235, -1.5))


def test_a_click_changes_the_two_coordinates_of_the_slice_alone(looking_at, wide_run):
    looking_at(z=tuple(range(8)), axes="6,3")
    decoder_panel._pin(settle(wide_run), Pick((0.5, -1.5), None))
    assert session.view().z == (0, 1, -1.5, 3, 4, 0.5, 6, 7)


def test_a_click_on_principal_components_lands_where_it_was(looking_at, wide_run):
    looking_at(probe=5, axes="pca")
    before = settle(wide_run)
    decoder_panel._pin(before, Pick((0.5, -1.5), None))
    after = settle(wide_run)
    np.testing.assert_allclose(after.place, [0.5, -1.5], atol=2e-4)
    np.testing.assert_allclose(after.rest, before.rest, atol=2e-4)
    assert after.view.probe is None


def test_far_off_a_click_stays_within_what_an_address_can_say(looking_at, wide_run):
    looking_at(z=(99.0,) * 8, axes="pca")
    decoder_panel._pin(settle(wide_run), Pick((100.0, -100.0), None))
    assert max(map(abs, session.view().z)) <= FARTHEST


@pytest.mark.parametrize("axes", ["1,2", "4,7", "pca"])
def test_clicks_on_a_slice_need_no_other_atlas(looking_at, wide_run, axes):
    looking_at(z=(0.25,) * 8, axes=axes)
    names = set()
    for place in ((0.37, -1.2), (1.111, 0.3), (-2.2, 0.5), (0.123, 0.777)):
        decoder_panel._pin(settle(wide_run), Pick(place, None))
        names.add(decoder_panel.atlas_id(settle(wide_run)))
    assert len(names) == 1


def test_atlases_of_other_slices_axes_and_runs_have_other_names(wide_run, digits_run):
    scenes = [
        scene_of(digits_run), scene_of(wide_run), scene_of(wide_run, axes="2,1"), scene_of(wide_run, axes="pca"),
        scene_of(wide_run, z=(0.0,) * 7 + (1.0,)),
    ]  # fmt: skip
    assert len({decoder_panel.atlas_id(scene) for scene in scenes}) == 5
    assert decoder_panel.atlas_id(scene_of(wide_run, z=(3.0, -1.0, *[0.0] * 6))) == decoder_panel.atlas_id(scenes[1])


@pytest.mark.parametrize(("name", "peak"), [("digits", 1 / (2 * np.pi)), ("mnist-8d", 1 / (2 * np.pi))])
def test_the_densitys_words_name_the_priors_peak(name, peak):
    words = decoder_panel._range(scene_of(version_of(name), layers=("density",)), "density")
    assert f"N(0, I) peaks at {peak:.2g}" in words


def test_the_nearest_codes_are_the_nearest_and_marked(digits_run):
    scene = scene_of(digits_run, z=(0.5, 0.25))
    codes = scene.snapshot.codes.posterior.mean.numpy()
    expected = np.argsort(np.linalg.norm(codes - [0.5, 0.25], axis=1), kind="stable")[: decoder_panel.NEIGHBOURS]
    assert decoder_panel.neighbours_of(scene) == expected.tolist()
    assert described(scene)["neighbours"] == pytest.approx(codes[expected])


def test_a_pinned_image_is_no_neighbour_of_its_own(digits_run):
    codes = runs.snapshot_of(digits_run).codes.posterior.mean
    found = decoder_panel.neighbours_of(scene_of(digits_run, z=tuple(codes[5].tolist()), probe=5))
    assert 5 not in found and len(found) == decoder_panel.NEIGHBOURS


def test_what_is_pinned_is_told_as_what_it_is(digits_run):
    codes = runs.snapshot_of(digits_run).codes.posterior.mean
    assert described(scene_of(digits_run, z=tuple(codes[5].tolist()), probe=5))["pinned"] == "pinned: the reconstruction"
    assert described(scene_of(digits_run, z=(0.5, 0.25)))["pinned"] == "pinned"
