"""What tells runs apart, against brute force, scikit-learn and codes made by hand."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from tests.conftest import small_config
from vae.config import RunConfig
from vae.evaluation.comparison import (
    active_units,
    differing_settings,
    figures_of,
    in_words,
    neighbour_accuracy,
    same_images,
    same_nats,
)
from vae.latent.plane import plane_of_axes, plane_of_principal_components
from vae.model.autoencoder import Posterior
from vae.model.elbo import Terms, kl_to_prior
from vae.model.inference import Codes
from vae.runs.snapshots import Snapshot


def settings(*configs: RunConfig) -> dict[str, tuple[str, ...]]:
    return {setting.name: setting.values for setting in differing_settings(configs)}


def snapshot_of(
    means: torch.Tensor, log_variances: torch.Tensor, labels: torch.Tensor, reconstruction: torch.Tensor
) -> Snapshot:
    posterior = Posterior(means, log_variances)
    return Snapshot(1, 10, Codes(posterior, Terms(reconstruction, kl_to_prior(posterior))), labels, None)


# Settings


def test_only_what_differs_is_told_in_words_and_in_the_order_of_the_runs():
    plain = small_config(beta=1.0)
    assert settings(small_config(beta=0.0), plain, small_config(beta=4.0)) == {"beta": ("0", "1", "4")}
    assert settings(plain, plain) == {}
    assert settings(plain) == {}
    wide = small_config(encoder_widths=(512, 256), dataset="mnist", learning_rate=1e-3, epochs=1200)
    assert settings(plain, wide) == {
        "data set": ("digits", "mnist"),
        "encoder widths": ("32", "512, 256"),
        "epochs": ("2", "1,200"),
        "learning rate": ("0.003", "0.001"),
    }


def test_every_setting_is_told_but_those_that_change_no_model():
    changes = {"held_out": "validation", "latent": 3, "activation": "tanh", "fourier_features": 2, "batch_size": 7}
    changes |= {"weight_decay": 0.5, "clip_norm": 2.0, "schedule": "one-cycle", "seed": 5, "decoder_widths": (8,)}
    for name, value in changes.items():
        rows = differing_settings([small_config(), small_config(**{name: value})])
        assert [row.field for row in rows] == [name]
        assert rows[0].values[0] != rows[0].values[1] and "_" not in rows[0].name
    assert differing_settings([small_config(), small_config(report_every=3)]) == []


def test_a_gaussians_scale_is_a_setting_of_gaussians_alone():
    assert settings(small_config(), small_config(scale=0.5)) == {}
    gaussian = small_config(likelihood="gaussian", scale=0.5)
    assert settings(gaussian, dataclasses.replace(gaussian, model=dataclasses.replace(gaussian.model, scale=0.1))) == {
        "scale of the likelihood": ("0.5", "0.1")
    }
    assert settings(small_config(), gaussian)["likelihood"] == ("bernoulli", "gaussian")


def test_a_schedules_settings_count_where_there_is_such_a_schedule():
    assert settings(small_config(), small_config(beta_rise=0.25, beta_cycles=7)) == {}
    assert settings(small_config(), small_config(beta_schedule="cyclical", beta_cycles=7)) == {
        "beta's schedule": ("constant", "cyclical"),
        "share in which beta rises": ("none", "0.5"),
        "beta's cycles": ("none", "7"),
    }


def test_a_model_without_widths_has_none():
    assert settings(small_config(), small_config(architecture="conv"))["encoder widths"] == ("32", "none")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "yes"),
        (0.0, "0"),
        (1e-3, "0.001"),
        (4.0, "4"),
        (60_000, "60,000"),
        ((512, 8), "512, 8"),
        ("a", "a"),
    ],
)
def test_values_in_words(value, words):
    assert in_words(value) == words


def test_what_can_be_compared():
    plain, gaussian = small_config(), small_config(likelihood="gaussian", scale=0.2)
    assert same_nats([plain, small_config(beta=4.0)]) and not same_nats([plain, gaussian])
    assert same_nats([gaussian, small_config(likelihood="gaussian", scale=0.3)])  # densities of the same pixels
    assert same_images([plain, gaussian])
    assert not same_images([plain, small_config(dataset="mnist")])
    assert not same_images([plain, small_config(held_out="validation")])
    assert not same_images([plain, small_config(binarise="dynamic")])
    assert same_images([small_config(binarise="static"), small_config(binarise="dynamic")])


# Active units


def test_a_unit_is_active_when_its_mean_moves_with_the_image():
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(4000, 4, generator=generator)
    means = normal * torch.tensor([1.0, 0.0, 0.09, 0.12]) + torch.tensor([0.0, 7.0, 0.0, 100.0])
    assert active_units(means).tolist() == [True, False, False, True]  # variances 1, 0, 0.0081, 0.0144
    by_hand = [np.mean((column - np.mean(column)) ** 2) > 0.01 for column in means.double().numpy().T]
    assert active_units(means).tolist() == by_hand


# The nearest codes


def brute_force(places: torch.Tensor, labels: torch.Tensor, count: int) -> float:
    right = 0
    for one in range(len(labels)):
        distances = [(float((places[one] - places[other]).norm()), other) for other in range(len(labels)) if other != one]
        near = [int(labels[other]) for _, other in sorted(distances)[:count]]
        most = max(near.count(label) for label in near)
        right += next(label for label in near if near.count(label) == most) == int(labels[one])
    return right / len(labels)


def clusters(count: int, classes: int, spread: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(classes, (count,), generator=generator)
    centres = 3 * torch.randn(classes, 2, generator=generator)
    return centres[labels] + spread * torch.randn(count, 2, generator=generator), labels


@pytest.mark.parametrize("spread", [0.5, 3.0])
@pytest.mark.parametrize("count", [1, 5])
def test_accuracy_is_that_of_brute_force(spread, count):
    places, labels = clusters(90, 4, spread)
    assert neighbour_accuracy(places, labels, count) == pytest.approx(brute_force(places, labels, count))


def test_accuracy_is_scikit_learns_leave_one_out_where_nothing_is_tied():
    places, labels = clusters(80, 2, 3.0)  # two classes and an odd number of neighbours
    predicted = cross_val_predict(KNeighborsClassifier(5), places.numpy(), labels.numpy(), cv=LeaveOneOut())
    assert neighbour_accuracy(places, labels) == pytest.approx((predicted == labels.numpy()).mean())


def test_apart_clusters_are_always_right_and_mixed_ones_never():
    line = torch.stack([torch.arange(12.0), torch.zeros(12)], 1)
    apart = torch.tensor([0] * 6 + [1] * 6)
    assert neighbour_accuracy(line + 100 * apart[:, None], apart) == 1
    pairs = torch.tensor([[0.0, 0.0], [0.0, 0.1], [50.0, 0.0], [50.0, 0.1]])
    assert neighbour_accuracy(pairs, torch.tensor([0, 1, 0, 1]), 1) == 0


def test_a_code_is_never_its_own_neighbour_even_on_top_of_others():
    same_place = torch.zeros(12, 2)
    assert neighbour_accuracy(same_place, torch.arange(12)) == 0


def test_few_codes_and_far_codes_are_no_trouble():
    assert math.isnan(neighbour_accuracy(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long)))
    assert neighbour_accuracy(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([3, 3])) == 1
    places, labels = clusters(100, 3, 0.5)
    assert neighbour_accuracy(places * 1e5, labels) == pytest.approx(neighbour_accuracy(places, labels))


# All figures of a run


def test_figures_are_the_frames_means():
    means, log_variances = torch.tensor([[0.0, 3.0], [4.0, 3.0]]), torch.zeros(2, 2)
    snapshot = snapshot_of(means, log_variances, torch.tensor([0, 1]), torch.tensor([-100.0, -90.0]))
    figures = figures_of(snapshot, plane_of_axes(2), parameters=12, seconds=3.5)
    assert (figures.images, figures.latent, figures.active_units) == (2, 2, 1)
    assert figures.reconstruction == -95
    assert figures.kl == pytest.approx((4.5 + 12.5) / 2)  # half the squared distance from zero, for variances of one
    assert figures.elbo == pytest.approx(-95 - 8.5)
    assert (figures.parameters, figures.seconds, figures.neighbour_accuracy) == (12, 3.5, 0)


def test_an_autoencoders_figures_stay_finite():
    """With beta 0 posteriors collapse to points, far from zero."""
    generator = torch.Generator().manual_seed(0)
    means = 60 * torch.randn(50, 2, generator=generator)
    snapshot = snapshot_of(means, torch.full((50, 2), -300.0), torch.randint(3, (50,)), torch.full((50,), -120.0))
    figures = figures_of(snapshot, plane_of_axes(2), 1, 1.0)
    assert all(math.isfinite(value) for value in (*dataclasses.astuple(figures), figures.elbo))
    assert figures.kl > 300 and figures.active_units == 2


@pytest.mark.parametrize("latent", [1, 8])
def test_neighbours_of_another_latent_size_are_sought_on_the_plane(latent):
    generator = torch.Generator().manual_seed(2)
    means, labels = torch.randn(80, latent, generator=generator), torch.randint(3, (80,), generator=generator)
    plane = plane_of_axes(1) if latent == 1 else plane_of_principal_components(means)
    figures = figures_of(snapshot_of(means, torch.zeros_like(means), labels, torch.zeros(80)), plane, 1, 1.0)
    assert figures.neighbour_accuracy == pytest.approx(brute_force(plane.project(means), labels, 5))
    assert figures.latent == figures.active_units == latent
