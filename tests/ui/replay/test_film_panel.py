"""Films: packing, thinning, extents, what is said, and the GIF."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vae
from tests.conftest import ROOT
from ui.charts import palette
from ui.components import answers
from ui.components.replay_player import replay_player
from ui.replay import film_panel, gif_export, packed_frames
from ui.replay.packed_frames import Packed, PackedFilm, join, pack, stride, thin, unpack
from vae.latent.grid import tile
from vae.latent.plane import plane_of_axes
from vae.model.autoencoder import Posterior
from vae.model.elbo import Terms
from vae.model.inference import Codes
from vae.runs.snapshots import Snapshot
from vae.training.trainer import Report

NAMES = ("zero", "one", "two")


def snapshot_of(mean: torch.Tensor, epoch: int = 1, grid: torch.Tensor | None = None) -> Snapshot:
    count = len(mean)
    posterior = Posterior(mean, torch.zeros_like(mean))
    terms = Terms(torch.full((count,), -100.0), torch.full((count,), 5.0))
    return Snapshot(epoch, 10 * epoch, Codes(posterior, terms), torch.arange(count) % len(NAMES), grid)


def some(count: int = 300, latent: int = 2, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(count)) * scale


def grid(cells: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (cells * cells, 1, 28, 28), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
@pytest.mark.parametrize("count", [1, 300, 10_000])
def test_packing_keeps_places_to_the_stated_precision_and_the_manifold_exactly(scale, count):
    frame = snapshot_of(some(count, scale=scale), grid=grid())
    packed = pack(frame, plane_of_axes(2))
    places, mosaic = unpack(packed)
    assert packed.reach == pytest.approx(frame.codes.posterior.mean.abs().max().item())
    assert np.abs(places - frame.codes.posterior.mean.numpy()).max() <= packed.reach / 65_535 * 1.001
    np.testing.assert_array_equal(mosaic, tile(frame.grid, 5).numpy())
    assert packed.labels == bytes(index % 3 for index in range(count))
    assert (packed.reconstruction, packed.kl, packed.elbo) == (-100.0, 5.0, -105.0)


def test_thirty_frames_of_ten_thousand_points_without_manifold_are_about_a_megabyte():
    assert 30 * len(pack(snapshot_of(some(10_000)), plane_of_axes(2)).picture) < 1_300_000


def test_without_a_square_grid_there_is_no_manifold():
    for no_grid in (None, grid()[:7], grid()[:0]):
        packed = pack(snapshot_of(some(), grid=no_grid), plane_of_axes(2))
        assert packed.cells == 0 and unpack(packed)[1] is None


def test_a_frame_without_codes_is_packed_too():
    places, _ = unpack(pack(snapshot_of(torch.zeros(0, 2)), plane_of_axes(2)))
    assert places.shape == (0, 2)


def test_one_latent_dimension_has_a_row_for_each_class():
    frame = snapshot_of(some(latent=1))
    places, _ = unpack(pack(frame, plane_of_axes(1)))
    assert places[:, 0] == pytest.approx(frame.codes.posterior.mean[:, 0].numpy(), abs=1e-3)
    np.testing.assert_array_equal(np.rint(places[:, 1]), frame.labels.numpy())


def test_more_latent_dimensions_are_projected():
    frame = snapshot_of(some(latent=5))
    places, _ = unpack(pack(frame, plane_of_axes(5, 3, 1)))
    assert places == pytest.approx(frame.codes.posterior.mean[:, [3, 1]].numpy(), abs=1e-3)


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 199, 200, 5000])
def test_thinning_is_even_keeps_both_ends_and_holds_its_number(count):
    paths = [Path(f"{index}") for index in range(count)]
    kept = thin(paths)
    assert len(kept) <= packed_frames.MOST_FRAMES and (count <= packed_frames.MOST_FRAMES) == (kept == paths)
    if count:
        assert (kept[0], kept[-1]) == (paths[0], paths[-1])
        gaps = np.diff([int(path.name) for path in kept])
        assert set(gaps[:-1]) <= {stride(count)} and (count < 2 or gaps[-1] <= stride(count))


def test_a_run_that_grows_gets_its_new_frames_alone():
    before: set[int] = set()
    for count in range(1, 450):
        kept = {int(path.name) for path in thin([Path(f"{index}") for index in range(count)])}
        assert kept - before <= {count - 1}
        before |= kept


def packed_of(mean: torch.Tensor, epoch: int) -> Packed:
    return pack(snapshot_of(mean, epoch), plane_of_axes(2))


def test_one_extent_holds_the_codes_of_every_frame():
    frames = [packed_of(some(scale=scale), epoch) for epoch, scale in enumerate((0.1, 3.0, 1.0))]
    joined = join([(str(frame.epoch), frame) for frame in frames])
    assert joined.extent == max(frame.extent for frame in frames) > 3 == frames[0].extent


def test_damaged_frames_and_frames_of_other_images_are_left_out():
    good = [packed_of(some(), epoch) for epoch in (3, 1, 2)]
    joined = join([("c", good[0]), ("a", good[1]), ("broken", None), ("b", good[2]), ("other", packed_of(some(17), 4))])
    assert [frame.epoch for frame in joined.frames] == [1, 2, 3] and joined.left_out == ("broken", "other")
    assert join([]) == PackedFilm((), ()) and join([("broken", None)]).left_out == ("broken",)


# What the projector is told


@pytest.mark.parametrize("name", ["mnist", "mnist-conv", "digits", "mnist-8d"])
def test_every_shipped_run_can_be_described(looking_at, name):
    folder = vae.RunFolder(ROOT / "checkpoints" / name)
    film = film_panel.reel_of(folder, "1,2")
    told = json.loads(json.dumps(film_panel.described(film, folder.read_metrics())))
    last = folder.read_snapshot(folder.snapshot_paths()[-1])
    assert len(told["frames"]) == 10 and told["frames"][-1]["epoch"] == last.epoch == told["epochs"]
    assert [frame["word"] for frame in told["frames"]] == [str(frame.epoch) for frame in film.film.frames]
    assert told["frames"][-1]["elbo"] == pytest.approx(last.codes.terms.elbo.mean().item(), abs=1e-3)
    assert told["range"] == [told["frames"][0]["at"], told["frames"][-1]["at"]] == [0, pytest.approx(told["epochs"])]
    assert told["manifold"] is (name != "mnist-8d") and not film.film.left_out
    assert [curve["name"] for curve in told["curves"]] == ["ELBO", "reconstruction", "KL"]
    assert all(curve["train"][0] and curve["held_out"][0] for curve in told["curves"])


def test_the_principal_components_are_one_plane_for_all_frames():
    film = film_panel.reel_of(vae.RunFolder(ROOT / "checkpoints" / "mnist-8d"), "pca")
    assert film.plane.names == ("PC1", "PC2") and len({frame.step for frame in film.film.frames}) == 10
    means = vae.RunFolder(ROOT / "checkpoints" / "mnist-8d").read_snapshot(
        vae.RunFolder(ROOT / "checkpoints" / "mnist-8d").snapshot_paths()[3]
    )
    projected = film.plane.project(means.codes.posterior.mean).numpy()
    assert unpack(film.film.frames[3])[0] == pytest.approx(projected, abs=1e-3)


@pytest.mark.parametrize("axes", ["7,2", "pca"])
def test_axes_of_another_run_fall_back(axes):
    assert film_panel.reel_of(vae.RunFolder(ROOT / "checkpoints" / "digits"), axes).plane.names == ("z1", "z2")


@pytest.mark.parametrize(
    ("step", "word"), [(0, "0"), (1, "0.1"), (16, "1.3"), (12, "1"), (13, "1.1"), (23, "1.9"), (24, "2"), (12_000, "1000")]
)
def test_a_frame_within_an_epoch_is_never_called_by_a_whole_number(looking_at, step, word):
    film = film_panel.reel_of(vae.RunFolder(ROOT / "checkpoints" / "digits"), "1,2")
    frame = dataclasses.replace(film.film.frames[0], epoch=-(-step // 12), step=step)
    asked = film.config.training.epochs
    for total_steps in (12 * asked, 0):  # where the status does not say, whole epochs of the film do
        status = dataclasses.replace(film.status, total_steps=total_steps)
        whole = dataclasses.replace(frame, epoch=1, step=12)
        told = dataclasses.replace(film, status=status, film=PackedFilm((whole, frame), ()))
        assert told.word(frame) == word
        assert film_panel.described(told, [])["frames"][1]["word"] == word


def report(split: str, step: int) -> Report:
    scope = "steps" if split == "train" else "epoch"
    return Report(split, scope, 1, step, -100.0 - step, 4.0, 1.0, 1e-3, 1.0)


def test_curves_are_thinned_and_stand_on_the_axis_of_epochs():
    told = film_panel.curves([report("train", step) for step in range(1, 2000)] + [report("held_out", 1000)], 100.0)
    reconstruction = next(curve for curve in told if curve["term"] == "reconstruction")
    assert len(reconstruction["train"][0]) == film_panel.MOST_CURVE_POINTS
    assert reconstruction["train"][0][-1] == 19.99 and reconstruction["held_out"] == [[10.0], [-1100.0]]
    assert film_panel.curves([], 100.0) == []


def test_a_thinned_film_says_so():
    film = film_panel.reel_of(vae.RunFolder(ROOT / "checkpoints" / "digits"), "1,2")
    assert not any("too many" in note for note in film_panel.notes(film, True))
    many = dataclasses.replace(film, files=1600)
    assert any(
        "1,600 frames are too many to hold: every 32nd is played, and the last" in note for note in film_panel.notes(many, True)
    )


@pytest.mark.parametrize(("answer", "epoch"), [(0, 0), (7, 7), (7.0, 7)])
def test_an_epoch_from_the_browser_is_one(answer, epoch):
    assert answers.whole(answer, replay_player.FARTHEST_EPOCH) == epoch


@pytest.mark.parametrize("answer", [None, "7", True, -1, 0.5, 2**31, 10**400, float("nan"), float("inf"), [7], {"epoch": 7}])
def test_anything_else_from_the_browser_is_none(answer):
    assert answers.whole(answer, replay_player.FARTHEST_EPOCH) is None


# The GIF


def film_of(count: int, cells: int = 0) -> PackedFilm:
    frames = [
        pack(snapshot_of(some(scale=0.2 + epoch), epoch, grid(cells) if cells else None), plane_of_axes(2))
        for epoch in range(count)
    ]
    return join([(str(frame.epoch), frame) for frame in frames])


@pytest.mark.parametrize(("count", "pictures"), [(1, 1), (2, 61), (4, 61), (31, 61), (62, 62)])
def test_a_gif_has_every_frame_and_dots_on_their_way_between_few(count, pictures):
    film = film_of(count)
    stills = list(gif_export.stills(film, [f"epoch {frame.epoch}" for frame in film.frames]))
    assert len(stills) == pictures
    every = gif_export.between(film)
    for frame, still in zip(film.frames, stills[::every], strict=True):
        assert still.words == f"epoch {frame.epoch}"
        np.testing.assert_array_equal(still.places, unpack(frame)[0])
    if count > 1 and every > 1:
        np.testing.assert_allclose(stills[1].places, stills[0].places + (stills[every].places - stills[0].places) / every)


@pytest.mark.parametrize("dark", [False, True])
def test_a_gif_opens_plays_for_ever_and_has_its_paper(dark):
    content = gif_export.make_gif(film_of(3, cells=4), ["0", "1", "1.5"], NAMES, ("z1", "z2"), strip=False, dark=dark)
    image = Image.open(io.BytesIO(content))
    assert image.format == "GIF" and image.info["loop"] == 0 and image.n_frames == 61
    shades = palette.DARK if dark else palette.LIGHT
    paper = tuple(int(shades.background[start : start + 2], 16) for start in (1, 3, 5))
    for number in (0, 30, 60):
        image.seek(number)
        assert image.convert("RGB").getpixel((2, 2)) == paper
    assert image.info["duration"] == 2000


@pytest.mark.parametrize("cells", [0, 4])
@pytest.mark.parametrize("words", ["epoch 7 of 9", "epoch 999.5 of 1000", "epoch 12000 of 20000"])
def test_the_words_for_the_epoch_stay_in_the_picture_and_off_the_caption(cells, words):
    film = film_of(1, cells)
    painter = gif_export._Painter(film, [words], NAMES, ("PC1", "PC2"), strip=False, shades=palette.LIGHT)
    with_words, without = (
        painter.paint(dataclasses.replace(next(gif_export.stills(film, [words])), words=w)) for w in (words, "")
    )
    columns = np.nonzero((np.asarray(with_words) != np.asarray(without)).any((0, 2)))[0]
    caption = 0 if cells else gif_export.GAP + painter.words.getlength(painter.caption)
    assert caption + 8 <= columns.min() and columns.max() < painter.width - gif_export.GAP
    assert (painter.large.size == gif_export.LARGEST) == (words == "epoch 7 of 9")
