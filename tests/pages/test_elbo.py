"""The page on the central equation, without a browser."""

import base64
import itertools
import json
import re
import zlib

import pytest
import torch

import vae
from tests.conftest import ROOT, small_config
from tests.pages.conftest import address, open_page, pictures, shown
from ui import equation
from ui.view import SECTIONS
from vae.run import load_run
from vae.worker import train_run

PAGE = "pages/elbo.py"


def sides(app) -> tuple[float, float, float]:
    """The left side, the right side and their difference, as printed."""
    text = shown(app)
    return tuple(
        float(re.search(rf"{name}</td><td>(-?[\d.]+)", text).group(1)) for name in ("left side", "right side", "difference")
    )


def terms(app) -> list[float]:
    """The equation's four numbers, as printed."""
    return [
        float(number)
        for number in re.findall(
            r"<b>(-?[\d.]+)</b>", next(h.body for h in app.get("html") if "equation" in h.body).replace("−", "-")
        )
    ]


def test_both_sides_are_the_elbo(runs):
    app = open_page(PAGE, run="small", image="5")
    assert not app.exception and not app.error
    left, right, difference = sides(app)
    assert abs(difference) <= 0.01 and left == pytest.approx(right, abs=0.01)
    run = load_run(runs / "small")
    image = vae.data.load("digits").held_out.images[5:6] / 255
    exact = vae.elbo_terms(run.model, image, samples=20_000)
    assert right == pytest.approx(exact.elbo.item(), abs=0.3)
    assert terms(app)[3] == pytest.approx(exact.kl.item(), abs=0.006)
    assert terms(app)[0] == pytest.approx(vae.log_evidence(run.model, image).item(), abs=0.006)


def test_moving_q_moves_three_terms_and_leaves_the_evidence(runs):
    app = open_page(PAGE, run="small", image="5")
    before = terms(app)
    app.slider(key="q_mean_0").set_value(round(app.slider(key="q_mean_0").value + 0.25, 3)).run()
    after = terms(app)
    assert after[0] == before[0] and all(a != b for a, b in zip(after[1:], before[1:], strict=True))
    assert abs(sides(app)[2]) <= 0.01 and after[1] > before[1]
    assert len(address(app)["q"].split(",")) == 4
    app.select_slider(key="q_sigma_1").set_value(1.0 if 1.0 in app.select_slider(key="q_sigma_1").options else 3.0).run()
    assert not app.exception and abs(sides(app)[2]) <= 0.01
    app.button(key="q_encoder").click().run()
    assert terms(app) == before and "q" not in address(app)


def test_the_best_gaussian_is_better_and_splits_the_gap(runs):
    app = open_page(PAGE, run="small", image="5")
    before = terms(app)
    app.button(key="q_best").click().run()
    after = terms(app)
    assert after[0] == before[0] and after[1] <= before[1] + 0.01 and abs(sides(app)[2]) <= 0.01
    gap, amortisation, family = (float(n) for n in re.findall(r"<td>(-?\d+\.\d{3})</td>", shown(app))[:3])
    assert gap == pytest.approx(amortisation + family, abs=0.002) and gap == pytest.approx(before[1], abs=0.006)
    assert family == pytest.approx(after[1], abs=0.006) and family >= -0.01 and amortisation >= -0.01


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("pixels", ["grey", "threshold", "random"])
def test_every_section_opens(runs, section, pixels):
    app = open_page(PAGE, run="small", image="7", section=section, pixels=pixels)
    assert not app.exception and not app.error and "nan" not in shown(app).lower()
    assert address(app).get("section", "gap") == section


def test_an_image_is_chosen_by_number_and_by_class(runs):
    app = open_page(PAGE, run="small")
    app.number_input(key="image_number").set_value(9).run()
    assert address(app)["image"] == "9" and not app.exception
    app.selectbox(key="of_class").set_value(4).run()  # the fourth class, the digit 3
    app.button(key="another").click().run()
    labels = vae.data.load("digits").held_out.labels
    assert labels[int(address(app)["image"])] == 3


@pytest.mark.parametrize("latent", [1, 8])
def test_other_latent_sizes_work_by_importance_sampling_and_say_so(runs, latent):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=latent, epochs=1)))
    for section in SECTIONS:
        app = open_page(PAGE, run="other", image="3", section=section)
        assert not app.exception and not app.error and "importance sampling" in shown(app)
        assert "nan" not in shown(app).lower()


def test_the_gradients_of_a_wide_q_are_told_in_numbers_that_are_not_zero(mnist_present, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page(PAGE, run="mnist", image="0", section="gradients", q="0,0,3,3")
    ratios = [float(ratio) for ratio in re.findall(r"<b>([\d.,]+)</b> times as many samples", shown(app))]
    assert not app.exception and len(ratios) == 2 and all(0 < ratio < 1 for ratio in ratios)
    assert "for z1 and z2 it does better" in shown(app) and "what its last refinement changed" in shown(app)
    assert len(re.findall(r"quadrature</td><td>-?\d+\.\d\d ± \d+\.\d\d</td>", shown(app))) == 2


@pytest.mark.parametrize("latent", [1, 2, 8])
def test_few_and_many_samples_are_held_against_quadrature_only_where_there_is_a_plane(runs, latent):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=latent, epochs=1)))
    app = open_page(PAGE, run="other", image="3", section="samples")
    source, value = re.search(r'"small">(By quadrature|From 5,000 other samples): (-?[\d.]+) nats', shown(app)).groups()
    assert (source == "By quadrature") == (latent == 2)
    assert float(value) == pytest.approx(terms(app)[2], abs=0.006)


def test_of_many_dimensions_one_at_a_time_is_moved(runs):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=8, epochs=1)))
    app = open_page(PAGE, run="other", image="3")
    before = terms(app)
    app.selectbox(key="q_dimension").set_value(5).run()
    app.slider(key="q_mean_5").set_value(round(app.slider(key="q_mean_5").value + 0.5, 3)).run()
    after = terms(app)
    assert not app.exception and after[0] == before[0] and after[1] > before[1] and after[3] != before[3]
    assert len(address(app)["q"].split(",")) == 16
    app.button(key="q_best").click().run()
    best = terms(app)
    assert not app.exception and best[0] == before[0] and best[2] - best[3] >= before[2] - before[3] - 0.1
    app.button(key="q_encoder").click().run()
    assert terms(app) == before


def test_without_a_plane_weights_that_overflow_are_one_sentence_and_no_sliders(runs):
    folder = vae.RunFolder.create(runs / "other", small_config(latent=3, epochs=1))
    train_run(folder)
    for part, factor in [("decoder", 1e38), ("mean_head", 1e38), ("mean_head", 1e17), ("log_variance_head", 1e3)]:
        model = load_run(folder.path).model.requires_grad_(False)
        whole = {name: value.clone() for name, value in model.state_dict().items()}
        for weight in model.get_submodule(part).parameters():
            weight.mul_(factor)
        folder.write_model(model, 12)
        app = open_page(PAGE, run="other", image="3")
        assert not app.exception and not app.slider and "train it anew" in app.error[0].value, (part, factor)
        model.load_state_dict(whole)
        folder.write_model(model, 12)


def test_a_sigma_beyond_the_slider_is_told(runs):
    app = open_page(PAGE, run="small", image="5", q="0,0,1000,0.5")
    assert not app.exception and abs(sides(app)[2]) <= 0.01
    assert [slider.label for slider in app.select_slider] == ["sigma of z1: 1e+03, beyond the slider", "sigma of z2"]


@pytest.mark.parametrize("encoder", [0.0, 1e-6, 0.0004, 0.02, 2.0])
def test_the_sigma_slider_begins_below_what_the_encoder_says(encoder):
    offered = equation.sigmas_offered(encoder)
    assert offered == sorted(set(offered)) and offered[-1] == 3
    assert offered[0] <= max(encoder, 1e-9) / 9 or offered[0] == 0.003
    assert all(b / a < 1.07 for a, b in itertools.pairwise(offered))


def test_a_gaussian_likelihood_is_a_density(runs):
    train_run(vae.RunFolder.create(runs / "density", small_config(likelihood="gaussian", epochs=1)))
    app = open_page(PAGE, run="density", image="3")
    assert not app.exception and "log-density of the pixel values" in shown(app) and abs(sides(app)[2]) <= 0.01


@pytest.mark.parametrize("q", ["0,0,0.0001,0.0001", "5,-5,0.003,0.003", "0,0,3,3"])
def test_q_at_its_ends_gives_finite_numbers(runs, q):
    app = open_page(PAGE, run="small", image="5", q=q)
    assert not app.exception and not app.error and "nan" not in shown(app).lower() and "inf" not in str(terms(app))
    left, _, difference = sides(app)
    assert abs(difference) <= max(0.01, 1e-5 * abs(left))


def test_an_image_of_zeros_is_an_image(runs):
    own = base64.urlsafe_b64encode(zlib.compress(bytes(784))).decode()
    app = open_page(PAGE, run="small", own=own)
    assert not app.exception and not app.error and abs(sides(app)[2]) <= 0.01


def test_without_the_data_set_it_says_how_to_get_it(runs, tmp_path, monkeypatch):
    description = json.loads((runs / "small" / "run.json").read_text())
    description["config"]["dataset"] = "mnist"
    (runs / "small" / "run.json").write_text(json.dumps(description))
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "nothing"))
    app = open_page(PAGE, run="small")
    assert not app.exception and "python -m vae download mnist" in shown(app)


def test_binarised_images_are_black_or_white(runs):
    app = open_page(PAGE, run="small", image="5", pixels="threshold")
    assert "log-probability of this very image" in shown(app)
    assert torch.isfinite(torch.tensor(terms(app))).all()


def test_drawing_again_leaves_an_image_of_random_pixels_as_it_is(runs):
    app = open_page(PAGE, run="small", image="5", pixels="random", section="samples")
    image, numbers, words = pictures(app, "original-image")[0], terms(app), shown(app)
    app.button(key="draw_again").click().run()
    assert not app.exception and address(app)["epsilon"] == "1" and shown(app) != words
    assert (pictures(app, "original-image")[0] == image).all() and terms(app) == numbers
