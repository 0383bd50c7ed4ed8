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
from tests.pages.conftest import address, open_page, pictures, send, shown, told
from ui.elbo import cache, equation
from ui.state.view import SECTIONS
from vae.jobs.train_run import train_run
from vae.latent.posterior_summary import summarise_posterior
from vae.runs.folder import load_run

PAGE = "pages/elbo.py"


def identity(app) -> dict:
    """What the component of the equation is told."""
    return told(app, "elbo_identity")


def words(app) -> str:
    """All that is read on the page, in small letters: the equation's too."""
    return f"{shown(app)} {identity(app)['texts']} {identity(app)['check']}".lower()


def plain(text: str) -> float:
    """A number as it is printed, without its error."""
    return float(text.replace("−", "-").split(" ±")[0])


def sides(app) -> tuple[float, float, float]:
    """The left side, the right side and their difference, as printed."""
    return tuple(plain(text) for _, text in identity(app)["check"])


def error(app) -> float:
    """What is told of the difference's error."""
    return float(identity(app)["check"][2][1].split("± ")[1])


def terms(app) -> list[float]:
    """The equation's four numbers, as printed."""
    return [plain(identity(app)["texts"][name]) for name in ("evidence", "gap", "reconstruction", "kl")]


def move(app, mean: list[float], sigma: list[float]):
    """Let q go there."""
    return send(app, "elbo_identity", "moved", {"mean": mean, "sigma": sigma, "number": 1})


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
    before, q = terms(app), identity(app)["plane"]["q"]
    move(app, [q["mean"][0] + 0.25, q["mean"][1]], q["sigma"])
    after = terms(app)
    assert after[0] == before[0] and all(a != b for a, b in zip(after[1:], before[1:], strict=True))
    assert abs(sides(app)[2]) <= 0.01 and after[1] > before[1]
    assert len(address(app)["q"].split(",")) == 4
    move(app, q["mean"], [q["sigma"][0], 3.0])
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
    assert not app.exception and not app.error and "nan" not in words(app)
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
        assert identity(app)["check"] == [] and identity(app)["plane"] is None and "would check nothing" in shown(app)
        assert "nan" not in words(app)


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
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=1, epochs=1)))
    app = open_page(PAGE, run="other", image="5")
    run = load_run(runs / "other")
    with torch.no_grad():
        q = run.model.encode(vae.data.datasets.load("digits").held_out.images[5:6] / 255)
    assert app.slider(key="q_mean_0").value == pytest.approx(q.mean.item(), abs=1e-6)
    sigma = q.standard_deviation.item()
    assert app.select_slider(key="q_sigma_0").value == pytest.approx(sigma, rel=1e-6)
    assert f"{sigma:.3g}" in app.select_slider(key="q_sigma_0").options
    there = round(q.mean.item() + 0.25, 3)
    app.slider(key="q_mean_0").set_value(there).run()
    assert [float(value) for value in address(app)["q"].split(",")] == pytest.approx([there, sigma], rel=1e-6)
    app.button(key="q_best").click().run()
    best = [float(value) for value in address(app)["q"].split(",")]
    shown_now = [app.slider(key="q_mean_0").value, app.select_slider(key="q_sigma_0").value]
    assert not app.exception and shown_now == pytest.approx(best, rel=1e-6)


def test_q_on_the_plane_is_where_it_was_let_go_and_the_plane_grows_only_where_it_must(runs):
    app = open_page(PAGE, run="small", image="5")
    opened = identity(app)["plane"]
    middle, half = opened["window"]["centre"], opened["window"]["half"]
    near = [middle[0] + half / 3, middle[1]]
    move(app, near, opened["q"]["sigma"])
    moved = identity(app)["plane"]
    assert moved["q"]["mean"] == pytest.approx(near, rel=1e-6) and moved["window"] == opened["window"]
    assert moved["grids"] == opened["grids"] == told(app, "likelihood_grids")["name"]
    move(app, [middle[0] + 2 * half, middle[1]], opened["q"]["sigma"])
    grown = identity(app)["plane"]
    assert grown["window"]["centre"] == middle and 2 * half < grown["window"]["half"] < 4 * half
    assert grown["grids"] != opened["grids"] and grown["grids"] == told(app, "likelihood_grids")["name"]


@pytest.mark.parametrize("value", [
    None, "q", {}, {"mean": [0, 0], "sigma": [1, 0], "number": 1}, {"mean": [0, 0], "sigma": [1, -1], "number": 1},
    {"mean": [0], "sigma": [1], "number": 1}, {"mean": [0, 1e9], "sigma": [1, 1], "number": 1},
    {"mean": [0, 0], "sigma": [1, 1]}, {"mean": ["0", 0], "sigma": [1, 1], "number": 1},
])  # fmt: skip
def test_what_is_no_gaussian_moves_nothing(runs, value):
    app = open_page(PAGE, run="small", image="5")
    before = terms(app)
    send(app, "elbo_identity", "moved", value)
    assert not app.exception and terms(app) == before and "q" not in address(app)


def test_an_absurdly_wide_q_is_shown(runs):
    app = open_page(PAGE, run="small", image="5", q="0,0,1000,0.5")
    assert not app.exception and abs(sides(app)[2]) <= error(app) <= 1e-4 * abs(sides(app)[0])
    assert identity(app)["plane"]["q"]["sigma"] == pytest.approx([1000, 0.5], rel=1e-6)


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
    texts = identity(open_page(PAGE, run=run_name, image="5"))["texts"]
    explored = next(h.body for h in open_page(run=run_name, image="5").get("html") if h.body.startswith('<table class="terms"'))
    reconstruction, kl, elbo = re.findall(r"<td>([^<]*)</td>", explored)
    assert (reconstruction, kl) == (texts["reconstruction"], texts["kl"])
    assert ("±" in reconstruction) == ("±" in elbo) == (latent == 3)
    assert plain(elbo) == pytest.approx(plain(texts["elbo"]), abs=0.0051)


def test_a_gaussian_likelihood_is_a_density(runs):
    train_run(vae.RunFolder.create(runs / "density", small_config(likelihood="gaussian", epochs=1)))
    app = open_page(PAGE, run="density", image="3")
    assert not app.exception and "log-density of the pixel values" in shown(app)
    assert "bits per pixel" not in shown(app) and abs(sides(app)[2]) <= 0.01


@pytest.mark.parametrize("q", ["0,0,0.0001,0.0001", "5,-5,0.003,0.003", "0,0,3,3"])
def test_q_at_its_ends_gives_finite_numbers(runs, q):
    app = open_page(PAGE, run="small", image="5", q=q)
    assert not app.exception and not app.error and "nan" not in words(app) and "inf" not in str(terms(app))
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
