import csv
import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import norm

from tests.conftest import small_config
from tests.ui.conftest import scene_of, version_of
from ui.cache.runs import RunVersion
from ui.explore import downloads
from ui.explore.scene import Scene
from vae.jobs.train_run import train_run
from vae.model.elbo import elbo_terms
from vae.runs.folder import RunFolder


def picture(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG" and image.mode == "L"
    return np.asarray(image).astype(int)


def decoded(scene: Scene, z: list[float]) -> np.ndarray:
    """The image at one z, in grey levels."""
    with torch.no_grad():
        return (scene.run.model.decode(torch.tensor([z], dtype=torch.float32))[0, 0] * 255).numpy()


def cell(content: bytes, row: int, column: int) -> np.ndarray:
    """One cell of the manifold, rows counted from the bottom."""
    pixels = picture(content)[::-1]
    return pixels[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)][::-1]


def rows(scene: Scene) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(downloads.codes_csv(scene))))


@pytest.mark.parametrize("cells", [5, 12, 40])
def test_the_manifold_has_all_its_cells_in_full(digits_run, cells):
    assert picture(downloads.manifold_png(scene_of(digits_run, cells=cells))).shape == (28 * cells, 28 * cells)


@pytest.mark.parametrize("scale", ["linear", "quantile"])
def test_every_cell_is_decoded_at_its_centre(digits_run, scale):
    scene = scene_of(digits_run, cells=8, scale=scale)
    shares = (np.arange(8) + 0.5) / 8
    values = norm.ppf(shares) if scale == "quantile" else (2 * shares - 1) * scene.extent
    content = downloads.manifold_png(scene)
    for row, column in ((0, 0), (0, 7), (7, 0), (3, 5)):
        assert np.abs(cell(content, row, column) - decoded(scene, [values[column], values[row]])).max() <= 0.51


def test_the_scales_differ(digits_run):
    scenes = (scene_of(digits_run, scale=scale) for scale in ("linear", "quantile"))
    one, other = (picture(downloads.manifold_png(scene)) for scene in scenes)
    assert one.shape == other.shape and (one != other).mean() > 0.05


def test_the_manifold_of_a_slice_keeps_the_pinned_points_other_coordinates(wide_run):
    z = [float(value) for value in scene_of(wide_run).snapshot.codes.posterior.mean[3]]
    scene = scene_of(wide_run, z=tuple(z), axes="6,3", cells=5)
    content = downloads.manifold_png(scene)
    for row, column in ((0, 0), (1, 4), (2, 2)):
        there = list(z)
        there[5], there[2] = ((2 * (index + 0.5) / 5 - 1) * scene.extent for index in (column, row))
        assert np.abs(cell(content, row, column) - decoded(scene, there)).max() <= 0.6


def test_the_manifold_of_a_strip_is_one_row(tmp_path):
    folder = RunFolder.create(tmp_path / "strip", small_config(latent=1, epochs=1))
    train_run(folder)
    scene = scene_of(RunVersion.now(folder), cells=6)
    content = downloads.manifold_png(scene)
    assert picture(content).shape == (28, 28 * 6)
    assert np.abs(cell(content, 0, 4) - decoded(scene, [(2 * 4.5 / 6 - 1) * scene.extent])).max() <= 0.51


@pytest.mark.parametrize(("name", "latent"), [("digits", 2), ("mnist-8d", 8)])
def test_the_codes_are_the_frames(name, latent):
    scene = scene_of(version_of(name))
    table, codes = rows(scene), scene.snapshot.codes
    numbers = [f"mean_{n}" for n in range(1, latent + 1)], [f"sigma_{n}" for n in range(1, latent + 1)]
    assert list(table[0]) == ["image", "class", *numbers[0], *numbers[1], "reconstruction", "kl", "elbo"]
    assert [int(row["image"]) for row in table] == list(range(len(scene.snapshot.labels)))
    assert [row["class"] for row in table] == [scene.run.class_names[label] for label in scene.snapshot.labels]
    columns = {
        **{key: codes.posterior.mean[:, n] for n, key in enumerate(numbers[0])},
        **{key: (codes.posterior.log_variance[:, n] / 2).exp() for n, key in enumerate(numbers[1])},
        "reconstruction": codes.terms.reconstruction,
        "kl": codes.terms.kl,
        "elbo": codes.terms.reconstruction - codes.terms.kl,
    }
    for key, expected in columns.items():
        np.testing.assert_allclose([float(row[key]) for row in table], expected, rtol=2e-5, atol=1e-6)


def test_the_codes_are_those_of_the_held_out_images(digits_run, digits):
    scene = scene_of(digits_run)
    row, images = rows(scene)[11], digits.held_out
    terms = elbo_terms(scene.run.model, images.images[11:12] / 255)
    assert row["class"] == str(images.labels[11].item())
    assert float(row["kl"]) == pytest.approx(terms.kl.item(), rel=1e-3)


@pytest.mark.parametrize("z", [(0.5, -1.25), (-2.0, 2.0)])
def test_the_pinned_image_is_the_decoded_one_enlarged_by_whole_pixels(digits_run, z):
    scene = scene_of(digits_run, z=z)
    pixels = picture(downloads.pinned_png(scene))
    scale = downloads.PINNED_SCALE
    assert pixels.shape == (28 * scale, 28 * scale)
    small = pixels[::scale, ::scale]
    assert (np.kron(small, np.ones((scale, scale), int)) == pixels).all()
    assert np.abs(small - decoded(scene, list(z))).max() <= 0.51 and small.std() > 10
