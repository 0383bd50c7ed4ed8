"""The view is made to fit the run."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import small_config
from tests.ui.conftest import scene_of
from ui.cache import runs
from ui.cache.runs import RunVersion, own_image
from ui.explore.scene import settle
from ui.shell import page_frame
from ui.state import session
from ui.state.view import View
from vae.jobs.train_run import train_run
from vae.latent.plane import plane_extent
from vae.latent.posterior_summary import summarise_posterior
from vae.runs.folder import RunFolder


@pytest.fixture(scope="module")
def strip_run(tmp_path_factory) -> RunVersion:
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "strip", small_config(latent=1, epochs=1))
    train_run(folder)
    return RunVersion.now(folder)


def code(version: RunVersion, probe: int) -> tuple[float, ...]:
    return tuple(runs.snapshot_of(version).codes.posterior.mean[probe].tolist())


def test_a_view_that_fits_stays_as_it_is(looking_at, digits_run):
    view = View(z=(0.5, -1.25), layers=("manifold",), start=(0.0, 1.0), end=(1.0, 0.0), cells=7)
    looking_at(**dataclasses.asdict(view))
    assert settle(digits_run).view == view == session.view()


@pytest.mark.parametrize("z", [(), (0.5,), (0.5, 0.5, 0.5), (1.0,) * 8])
def test_a_point_of_another_size_becomes_the_origin(looking_at, digits_run, z):
    looking_at(z=z, start=(1.0,) * 8, end=(0.5, 0.25))
    view = settle(digits_run).view
    assert view == View(z=(0.0, 0.0), end=(0.5, 0.25))


def test_an_images_point_is_its_code_whatever_the_address_says(looking_at, digits_run):
    looking_at(z=(9.0, 9.0), probe=5)
    assert settle(digits_run).view == View(z=code(digits_run, 5), probe=5)


def test_an_image_beyond_the_last_is_no_image(looking_at, digits_run):
    looking_at(z=(0.5, 0.25), probe=1_000_000)
    assert settle(digits_run).view == View(z=(0.5, 0.25))


def test_an_own_image_is_where_the_encoder_puts_it(looking_at, digits_run, digits):
    image = digits.held_out.images[7]
    looking_at(z=(9.0, 9.0), probe=5, own=image.numpy().tobytes())
    scene = settle(digits_run)
    with torch.no_grad():
        mean = scene.run.model.encode(image[None] / 255).mean[0]
    assert scene.view.z == tuple(mean.tolist()) and scene.view.probe is None
    assert torch.equal(scene.image()[0], image)
    assert scene.view.z == pytest.approx(code(digits_run, 7), abs=1e-4)


@pytest.mark.parametrize(("axes", "settled"), [("3,1", "3,1"), ("pca", "pca"), ("1,9", "1,2"), ("8,2", "8,2"), ("12,1", "1,2")])
def test_axes_have_to_be_there(looking_at, wide_run, axes, settled):
    looking_at(axes=axes)
    assert settle(wide_run).view.axes == settled


@pytest.mark.parametrize("axes", ["3,1", "pca", "2,1"])
def test_a_plane_has_no_other_axes(looking_at, digits_run, strip_run, axes):
    looking_at(axes=axes)
    assert settle(digits_run).view.axes == "1,2"
    looking_at(axes=axes)
    assert settle(strip_run).view.axes == "1,2"


def test_without_codes_there_are_no_principal_components(looking_at, wide_run, monkeypatch):
    monkeypatch.setattr(runs, "snapshot_of", lambda version: None)
    looking_at(axes="pca", probe=3)
    scene = settle(wide_run)
    assert scene.view.axes == "1,2" and scene.view.probe is None and scene.summary() is None


def test_the_place_is_the_points_coordinates(wide_run, digits_run, strip_run):
    assert scene_of(digits_run, z=(0.5, -1.25)).place.tolist() == [0.5, -1.25]
    assert scene_of(strip_run, z=(0.5,)).place.tolist() == [0.5, 0.0]
    z = tuple(range(8))
    assert scene_of(wide_run, z=z, axes="6,3").place.tolist() == [5.0, 2.0]


@pytest.mark.parametrize("axes", ["1,2", "7,4", "pca"])
def test_all_points_of_a_slice_have_the_same_rest(wide_run, axes):
    z = code(wide_run, 3)
    scene = scene_of(wide_run, z=z, axes=axes)
    for place in ([2.0, -1.5], [-0.3, 3.0]):
        moved = scene.plane.points(torch.tensor([place]), scene.z)[0]
        assert scene_of(wide_run, z=tuple(moved.tolist()), axes=axes).rest == pytest.approx(scene.rest, abs=2e-4)
    # and a point is its place and its rest
    again = scene.plane.points(scene.place[None], torch.tensor(scene.rest))[0]
    np.testing.assert_allclose(again, z, atol=2e-4)


def test_a_whole_plane_has_no_rest(digits_run, strip_run):
    assert scene_of(digits_run, z=(0.5, -1.25)).rest == (0.0, 0.0)
    assert scene_of(strip_run, z=(0.5,)).rest == (0.0,)


def test_the_story_is_that_of_the_image(digits_run, digits):
    assert scene_of(digits_run).summary() is None
    for scene in (scene_of(digits_run, probe=4), scene_of(digits_run, own=digits.held_out.images[4].numpy().tobytes())):
        summary = scene.summary()
        expected = summarise_posterior(scene.run.model, digits.held_out.images[4:5])
        assert (summary.kl, summary.reconstruction) == pytest.approx((expected.kl, expected.reconstruction))
        assert summary.posterior.mean[0].tolist() == pytest.approx(code(digits_run, 4), abs=1e-4)


def test_without_the_data_set_an_images_story_is_the_frames(digits_run, monkeypatch):
    monkeypatch.setattr(runs, "held_out", lambda config: None)
    scene = scene_of(digits_run, probe=4)
    assert scene.image() is None
    summary, codes = scene.summary(), scene.snapshot.codes
    assert summary.samples == 1 and 0.1 < summary.error < 10 and summary.posterior.mean[0].tolist() == list(code(digits_run, 4))
    assert (summary.kl, summary.reconstruction) == pytest.approx(
        (codes.terms.kl[4].item(), codes.terms.reconstruction[4].item())
    )


def test_an_own_image_is_read_row_by_row():
    grey = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert (own_image(grey.tobytes())[0, 0].numpy() == grey).all()


def test_codes_appear_once_the_data_set_is_there(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "bare", small_config())
    version, there = RunVersion.now(folder), runs.held_out
    monkeypatch.setattr(runs, "held_out", lambda config: None)
    assert runs.snapshot_of(version) is None and runs.extent(version, "1,2") == 3
    monkeypatch.setattr(runs, "held_out", there)
    assert len(runs.snapshot_of(version).labels) == 364
    assert runs.extent(version, "1,2") == plane_extent(runs.places(version, "1,2"))


def test_a_part_of_a_page_is_not_drawn_with_other_weights_than_the_rest(looking_at, monkeypatch):
    again = []
    monkeypatch.setattr(runs.st, "rerun", lambda: again.append(True))
    first, second, third = (RunVersion(Path("run"), stamp) for stamp in (1, 2, 3))
    page_frame.stay_current(first, first)  # the page
    page_frame.stay_current(first, first)  # a click
    page_frame.stay_current(second, second)  # the page, with new weights
    page_frame.stay_current(third, RunVersion(Path("run"), 4))  # the page, while a training saves all the time
    assert not again
    page_frame.stay_current(third, RunVersion(Path("run"), 4))  # a click
    assert again
