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
from ui.elbo import cache, equation
from ui.state.view import SECTIONS
from vae.jobs.train_run import train_run
from vae.latent.posterior_summary import summarise_posterior
from vae.runs.folder import load_run

PAGE = "pages/elbo.py"


def sides(app) -> tuple[float, float, float]:
    """The left side, the right side and their difference, as printed."""
    text = shown(app)
    return tuple(
        float(re.search(rf"{name}</td><td>(-?[\d.]+)", text).group(1)) for name in ("left side", "right side", "difference")
    )


def error(app) -> float:
    """What is told of the difference's error."""
    return float(re.search(r"difference</td><td>-?[\d.]+ ± ([\d.]+)</td>", shown(app)).group(1))


def terms(app) -> list[float]:
    """The equation's four numbers, as printed."""
    return [
        float(number)
        for number in re.findall(
            r"<b>(-?[\d.]+)(?: ± [\d.]+)?</b>", next(h.body for h in app.get("html") if "equation" in h.body).replace("−", "-")
        )
    ]


def test_both_sides_are_the_elbo(runs):
    app = open_page(PAGE, run="small", image="5")
    assert not app.exception and not app.error
    left, right, difference = sides(app)
    assert abs(difference) <= 0.01 and left == pytest.approx(right, abs=0.01)
    run = load_run(runs / "small")
    image = vae.data.datasets.load("digits").held_out.images[5:6] / 255
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
    app.select_slider(key="q_sigma_1").set_value(3.0).run()
    assert not app.exception and abs(sides(app)[2]) <= 0.01
    app.button(key="q_encoder").click().run()
    assert terms(app) == before and "q" not in address(app)


def test_the_best_gaussian_is_better_and_splits_the_gap(runs):
    app = open_page(PAGE, run="small", image="5")
    before = terms(app)
    app.button(key="q_best").click().run()
    after = terms(app)
    assert after[0] == before[0] and after[1] <= before[1] + 0.01 and abs(sides(app)[2]) <= 0.01
    gap, amortisation, family = (float(n) for n in re.findall(r"<td>(-?\d+\.\d{2,3})(?: ± [\d.]+)?</td>", shown(app))[:3])
    assert gap == pytest.approx(amortisation + family, abs=0.02) and gap == pytest.approx(before[1], abs=0.006)
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
    labels = vae.data.datasets.load("digits").held_out.labels
    assert labels[int(address(app)["image"])] == 3


@pytest.mark.parametrize("latent", [1, 8])
def test_other_latent_sizes_work_by_importance_sampling_and_say_so(runs, latent):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=latent, epochs=1)))
    for section in SECTIONS:
        app = open_page(PAGE, run="other", image="3", section=section)
        assert not app.exception and not app.error and "importance sampling" in shown(app)
        assert "difference</td>" not in shown(app) and "would check nothing" in shown(app)
        assert "nan" not in shown(app).lower()


def test_the_gradients_of_a_wide_q_are_told_in_numbers_that_are_not_zero(mnist_present, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page(PAGE, run="mnist", image="0", section="gradients", q="0,0,3,3")
    ratios = [float(ratio.replace(",", "")) for ratio in re.findall(r"<b>([\d.,]+)</b> times as many samples", shown(app))]
    assert not app.exception and len(ratios) == 4 and all(ratio > 0 for ratio in ratios)
    better = " and ".join(name for name, ratio in zip(("z1", "z2"), ratios[2:], strict=True) if ratio < 0.995)
    assert (f"for {better} it does better" in shown(app)) == bool(better) and "what its last refinement changed" in shown(app)
    assert len(re.findall(r"quadrature</td><td>-?\d+\.\d\d ± \d+\.\d\d</td>", shown(app))) == 2


@pytest.mark.parametrize("latent", [1, 2, 8])
def test_few_and_many_samples_are_held_against_quadrature_only_where_there_is_a_plane(runs, latent):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=latent, epochs=1)))
    app = open_page(PAGE, run="other", image="3", section="samples")
    found = re.search(r'"small">(By quadrature|From 500 other samples): (-?[\d.]+)( ± [\d.]+)? nats', shown(app))
    assert (found[1] == "By quadrature") == (latent <= 2) and (latent <= 2 or found[3])
    assert float(found[2]) == pytest.approx(terms(app)[2], abs=0.006)


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


def test_the_sliders_stand_at_what_q_is(runs):
    """Not at the nearest of their steps: as told, and as taken where another one is moved."""
    app = open_page(PAGE, run="small", image="5")
    run = load_run(runs / "small")
    with torch.no_grad():
        q = run.model.encode(vae.data.datasets.load("digits").held_out.images[5:6] / 255)
    for index in range(2):
        assert app.slider(key=f"q_mean_{index}").value == pytest.approx(q.mean[0, index].item(), abs=1e-6)
        sigma = q.standard_deviation[0, index].item()
        assert app.select_slider(key=f"q_sigma_{index}").value == pytest.approx(sigma, rel=1e-6)
        assert f"{sigma:.3g}" in app.select_slider(key=f"q_sigma_{index}").options
    there = round(q.mean[0, 0].item() + 0.25, 3)
    app.slider(key="q_mean_0").set_value(there).run()
    moved = [float(value) for value in address(app)["q"].split(",")]
    assert moved == pytest.approx([there, q.mean[0, 1].item(), *q.standard_deviation[0].tolist()], rel=1e-6)
    app.button(key="q_best").click().run()
    best = [float(value) for value in address(app)["q"].split(",")]
    shown_now = [app.slider(key=f"q_mean_{i}").value for i in range(2)]
    shown_now += [app.select_slider(key=f"q_sigma_{i}").value for i in range(2)]
    assert not app.exception and shown_now == pytest.approx(best, rel=1e-6)


def test_a_sigma_beyond_the_slider_is_on_it(runs):
    app = open_page(PAGE, run="small", image="5", q="0,0,1000,0.5")
    assert not app.exception and abs(sides(app)[2]) <= error(app) <= 1e-4 * abs(sides(app)[0])
    assert app.select_slider(key="q_sigma_0").value == pytest.approx(1000, rel=1e-6)
    assert app.select_slider(key="q_sigma_0").options[-1] == "1e+03"


@pytest.mark.parametrize("now", [1e-9, 0.0312345, 40.0])
@pytest.mark.parametrize("encoder", [0.0, 1e-6, 0.0004, 0.02, 2.0])
def test_the_sigma_slider_begins_below_what_the_encoder_says_and_holds_what_it_shows(encoder, now):
    offered = equation.sigmas_offered(encoder, now)
    assert offered == sorted(set(offered)) and offered[-1] == max(3, now) and now in offered
    assert offered[0] <= max(encoder, 1e-9) / 9 or offered[0] == min(0.003, now)
    words = [f"{sigma:.3g}" for sigma in offered]
    assert len(set(words)) == len(words)  # each is told apart
    steps = [sigma for sigma in offered if sigma not in (encoder, now)]
    assert all(b / a < 1.13 for a, b in itertools.pairwise(steps))


def test_it_opens_on_an_image_with_a_gap_to_see(runs):
    """The first of those with a gap from 1 to 3 nats, or that which comes nearest; its own number is in no address."""
    run = load_run(runs / "small")
    images = vae.data.datasets.load("digits").held_out.images[: cache.CANDIDATES]
    evidence = vae.log_evidence(run.model, images / 255)
    gaps = [e - summarise_posterior(run.model, x[None]).elbo for e, x in zip(evidence.tolist(), images, strict=True)]
    away = [max(1 - gap, gap - 3, 0) for gap in gaps]
    app = open_page(PAGE, run="small")
    assert app.number_input(key="image_number").value == away.index(min(away)) and "image" not in address(app)
    assert terms(app)[1] == pytest.approx(gaps[away.index(min(away))], abs=0.01)


def test_the_gap_of_the_opening_image_is_sought_in_order(runs, monkeypatch):
    gaps = iter([[0.2, 7.0], [5.0, 2.5], [1.5, 1.5]])
    monkeypatch.setattr(cache, "_gaps", lambda version, images: next(gaps))
    app = open_page(PAGE, run="small")
    assert app.number_input(key="image_number").value == 3 and len(list(gaps)) == 1


@pytest.mark.parametrize(("latent", "run_name"), [(1, "other"), (2, "small"), (3, "other")])
def test_explore_shows_the_same_terms_for_the_same_image(runs, latent, run_name):
    if run_name == "other":
        train_run(vae.RunFolder.create(runs / "other", small_config(latent=latent, epochs=1)))
    equations = next(h.body for h in open_page(PAGE, run=run_name, image="5").get("html") if "equation" in h.body)
    explored = next(h.body for h in open_page(run=run_name, image="5").get("html") if h.body.startswith('<table class="terms"'))
    reconstruction, kl, elbo = re.findall(r"<td>([^<]*)</td>", explored)
    assert f"<b>{reconstruction}</b>" in equations and f"<b>{kl}</b>" in equations
    assert ("±" in reconstruction) == ("±" in elbo) == (latent == 3)
    right = re.search(r"(?:right side|ELBO)</td><td>([^<]*)</td>", equations)[1]
    number = [float(text.replace("−", "-").split()[0]) for text in (elbo, right)]
    assert number[0] == pytest.approx(number[1], abs=0.0051)


def test_a_gaussian_likelihood_is_a_density(runs):
    train_run(vae.RunFolder.create(runs / "density", small_config(likelihood="gaussian", epochs=1)))
    app = open_page(PAGE, run="density", image="3")
    assert not app.exception and "log-density of the pixel values" in shown(app)
    assert "bits per pixel" not in shown(app) and abs(sides(app)[2]) <= 0.01


@pytest.mark.parametrize("q", ["0,0,0.0001,0.0001", "5,-5,0.003,0.003", "0,0,3,3"])
def test_q_at_its_ends_gives_finite_numbers(runs, q):
    app = open_page(PAGE, run="small", image="5", q=q)
    assert not app.exception and not app.error and "nan" not in shown(app).lower() and "inf" not in str(terms(app))
    assert abs(sides(app)[2]) <= max(0.01, error(app))


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
    assert "log-probability of this very image" in shown(app) and "bits per pixel" in shown(app)
    assert "bits per pixel" not in shown(open_page(PAGE, run="small", image="5"))  # grey ones are no code
    assert torch.isfinite(torch.tensor(terms(app))).all()


def test_drawing_again_leaves_an_image_of_random_pixels_as_it_is(runs):
    app = open_page(PAGE, run="small", image="5", pixels="random", section="samples")
    image, numbers, words = pictures(app, "original-image")[0], terms(app), shown(app)
    app.button(key="draw_again").click().run()
    assert not app.exception and address(app)["epsilon"] == "1" and shown(app) != words
    assert (pictures(app, "original-image")[0] == image).all() and terms(app) == numbers
