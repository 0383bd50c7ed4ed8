"""Explore, without a browser: what the lens is told stands for what it draws."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch.distributions import Normal, kl_divergence

import vae
from tests.conftest import small_config
from tests.pages.conftest import address, open_page, pictures, pixels, shown, told
from ui.charts.palette import LIGHT
from ui.explore import layers
from ui.state.url_state import in_words
from ui.state.view import FARTHEST, LAYERS, View
from vae.config import RunConfig
from vae.jobs.train_run import train_run
from vae.latent.posterior_summary import summarise_posterior
from vae.runs.folder import load_run

NUMBER = r"-?\d+\.\d+"


def decode(runs: Path, z: list[float], name: str = "small") -> np.ndarray:
    """The image at z, in grey levels."""
    with torch.no_grad():
        return (load_run(runs / name).model.decode(torch.tensor([z], dtype=torch.float32))[0, 0] * 255).numpy()


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(NUMBER, text)]


def pinned(app: AppTest) -> list[float]:
    return [float(value) for value in address(app)["z"].split(",")]


def train(runs: Path, name: str, config: RunConfig) -> None:
    train_run(vae.RunFolder.create(runs / name, config))


def fifth(digits: vae.data.datasets.Dataset) -> torch.Tensor:
    """Held-out image 5, uint8 (1, 1, 28, 28)."""
    return digits.held_out.images[5:6]


@pytest.fixture
def own(digits) -> str:
    """Held-out image 5 as an image of one's own, as an address has it."""
    return in_words(View(own=fifth(digits).numpy().tobytes()))["own"]


def test_it_opens(runs):
    app = open_page()
    assert not app.exception and not app.error and not app.warning
    assert len(app.get("plotly_chart")) == 2
    assert "The decoder turns every point of this plane into a digit" in shown(app) and "decoded at the pinned z" in shown(app)
    assert address(app) == {"run": "small", "z": "0.0000,0.0000"}


def test_the_browser_gets_the_atlas_that_the_lens_waits_for(runs):
    app = open_page()
    name, size, extent, error = app.get("image")[0].proto.imgs[0].alt.split()
    assert name == told(app)["atlas_id"]
    assert int(size) % 8 == 0 and float(extent) >= 3 and 0 < float(error) < 0.05


def test_typing_z_decodes_there(runs):
    app = open_page()
    app.number_input(key="z1").set_value(1.5).run()
    assert address(app)["z"] == "1.5000,0.0000"
    image = pictures(app, "pinned-image")[0]
    assert np.abs(image - decode(runs, [1.5, 0.0])).max() <= 0.51
    assert np.abs(image - decode(runs, [0.0, 0.0])).max() > 5
    assert told(app)["place"] == [1.5, 0] and (pixels(told(app)["image"]) == image).all()


def test_an_emptied_box_leaves_the_point_where_it_is(runs):
    app = open_page(z="0.5,0.25")
    app.number_input(key="z1").set_value(-FARTHEST).run()  # what Streamlit makes of an empty box
    assert not app.exception and address(app)["z"] == "0.5000,0.2500" and app.number_input(key="z1").value == 0.5


def test_an_inputs_three_decimals_do_not_move_a_point(runs):
    app = open_page(z="0.1234,0.5678")
    app.number_input(key="z1").set_value(0.123).run()
    assert address(app)["z"] == "0.1234,0.5678"


def test_a_data_points_numbers_are_the_runs(runs, digits):
    run = load_run(runs / "small")
    image = fifth(digits) / 255
    posterior, summary = run.model.encode(image), summarise_posterior(run.model, fifth(digits))
    app = open_page(run="small", z="0,0", image="5")
    text = shown(app)
    for number in (summary.elbo, summary.reconstruction, summary.kl):
        assert f"<td>{number:.2f}</td>" in text
    assert "reconstruction: the integral over q" in text and "±" not in text
    for number in (*posterior.mean[0], *posterior.standard_deviation[0]):
        assert f"{number.item():.3f}" in text
    assert f"original: {digits.held_out.labels[5]} (image 5)" in text and "reconstruction" in text
    assert (pictures(app, "original-image")[0] == fifth(digits)[0, 0].numpy()).all()
    assert np.abs(pictures(app, "pinned-image")[0] - decode(runs, posterior.mean[0].tolist())).max() <= 0.51
    assert address(app)["image"] == "5" and pinned(app) == pytest.approx(posterior.mean[0].tolist(), abs=1e-4)


# The posterior's samples


def samples(app: AppTest) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Epsilon, z and image of each row, as written."""
    body = next(e.body for e in app.get("html") if e.body.startswith('<ol class="samples')).replace("−", "-")
    rows = []
    for row in re.findall(r"<li>(.*?)</li>", body):
        epsilon, z = (np.array(numbers(re.search(rf"{name} \(([^)]*)\)", row)[1])) for name in ("ε", "z"))
        rows.append((epsilon, z, pixels(re.search(r'src="([^"]+)"', row)[1])))
    return rows


def moments(app: AppTest) -> tuple[np.ndarray, np.ndarray]:
    body = next(e.body for e in app.get("html") if "moments" in e.body).replace("−", "-")
    mean, sigma = re.search(r"mean \(([^)]*)\)<br>sigma \(([^)]*)\)", body).groups()
    return np.array(numbers(mean)), np.array(numbers(sigma))


def terms(app: AppTest) -> list[float]:
    body = next(e.body for e in app.get("html") if e.body.startswith('<table class="terms"')).replace("−", "-")
    return [float(number) for number in re.findall(r"<td>([^<]*)</td>", body)]


@pytest.mark.parametrize("count", ["0", "5"])
def test_z_is_mean_plus_sigma_times_epsilon_as_written_and_the_image_is_that_zs(runs, count):
    app = open_page(image="5", epsilon=count)
    (mean, sigma), rows = moments(app), samples(app)
    assert len(rows) == 4 and (sigma > 0).all()
    for epsilon, z, image in rows:
        rounding = 0.0051 + 0.0005 + 0.0051 * sigma + 0.0005 * np.abs(epsilon)
        assert (np.abs(z - (mean + sigma * epsilon)) <= rounding).all()
        assert np.abs(image - decode(runs, z.tolist())).mean() < 1  # z is written to two decimals
    assert told(app)["posterior"]["samples"] == pytest.approx(np.array([z for _, z, _ in rows]), abs=0.0051)


def test_new_epsilon_draws_others_and_changes_no_term(runs):
    app = open_page(image="5")
    first = samples(app), terms(app), moments(app), pictures(app, "pinned-image")[0]
    app.button(key="new_epsilon").click().run()
    second = samples(app)
    assert address(app)["epsilon"] == "1"
    assert terms(app) == first[1] and all((a == b).all() for a, b in zip(moments(app), first[2], strict=True))
    assert (pictures(app, "pinned-image")[0] == first[3]).all()
    for before, after in zip(first[0], second, strict=True):
        assert (before[0] != after[0]).any() and (before[1] != after[1]).any() and (before[2] != after[2]).any()
    again = samples(open_page(image="5", epsilon="1"))  # the link shows the same samples
    assert all((a == b).all() for one, other in zip(second, again, strict=True) for a, b in zip(one, other, strict=True))


def test_the_terms_add_up_as_written(runs):
    reconstruction, kl, elbo = terms(open_page(image="5"))
    assert kl > 0 and elbo == pytest.approx(reconstruction - kl, abs=0.011)  # "− KL 7.49", not "− KL −7.49"


# Which image


def test_a_neighbour_is_pinned_by_a_click(runs):
    app = open_page(z="0.5,0.25")
    button, place = app.button(key="neighbour_0"), told(app)["neighbours"][0]
    number = int(re.search(r"Image (\d+)", button.label)[1])
    button.click().run()
    assert not app.exception and address(app)["image"] == str(number) and told(app)["probe"] == number
    assert pinned(app) == pytest.approx(place, abs=1e-4) and f"(image {number})" in shown(app)


def test_an_image_is_chosen_by_number_or_by_class(runs, digits):
    app = open_page()
    assert app.number_input(key="image_number").value is None
    app.number_input(key="image_number").set_value(9).run()
    assert not app.exception and address(app)["image"] == "9"
    app.selectbox(key="of_class").set_value(4).run()
    app.button(key="another").click().run()
    chosen = int(address(app)["image"])
    assert digits.held_out.labels[chosen] == 3 and app.number_input(key="image_number").value == chosen


def test_the_browser_gets_the_originals(runs, digits):
    app = open_page()
    assert app.get("image")[-1].proto.imgs[0].alt == f"{len(digits.held_out)} 52"


# Layers


def test_every_layer_can_be_switched_and_says_what_to_see(runs):
    app = open_page()
    assert app.pills(key="layers").value == ["clusters", "prior"]
    for layer in LAYERS:
        app.pills(key="layers").set_value([layer]).run()
        assert not app.exception and address(app).get("layers") == layer
        assert told(app)["layers"] == [layer]
        assert [field["layer"] for field in told(app)["fields"]] == [layer] * (layer in ("density", "change", "classes"))
        said = [name for name, sentence in layers.SENTENCES.items() if sentence in " ".join(m.value for m in app.markdown)]
        assert said == [layer]
    app.pills(key="layers").set_value([]).run()
    assert address(app)["layers"] == "none" and told(app)["layers"] == [] and "No layer is on" in shown(app)
    app.pills(key="layers").set_value(["prior", "clusters"]).run()  # as always, in whatever order they were pressed
    assert "layers" not in address(app)


def test_the_address_switches_layers(runs):
    app = open_page(layers="manifold,change")
    assert app.pills(key="layers").value == ["manifold", "change"] and told(app)["layers"] == ["manifold", "change"]


@pytest.mark.parametrize("colour", ["kl", "reconstruction"])
def test_a_term_colours_the_codes_and_says_what_to_see(runs, colour):
    app = open_page()
    app.segmented_control(key="colour").set_value(colour).run()
    assert not app.exception and address(app)["colour"] == colour
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert [trace["marker"].get("colorscale") is not None for trace in chart["data"]] == [True]
    assert colour.upper()[:2] in shown(app).upper() and "term** of each image" in shown(app)


def test_scale_and_cells_follow_their_controls(runs):
    app = open_page()
    app.slider(key="cells").set_value(8).run()
    app.segmented_control(key="scale").set_value("quantile").run()
    assert not app.exception and address(app)["cells"] == "8" and address(app)["scale"] == "quantile"
    assert (told(app)["cells"], told(app)["scale"]) == (8, "quantile")
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert chart["layout"]["xaxis"]["range"] == [0, 1]


# Cells as buttons, and the road


@pytest.mark.parametrize("cell", [0, 8, 40, 75])
def test_a_cell_pins_the_z_that_it_names_and_shows(runs, cell):
    app = open_page(buttons="on")
    button = app.button(key=f"cell_{cell}")
    named = [float(value) for value in re.findall(r"z\d (-?[\d.]+)", button.label)]
    picture = pixels(re.search(r"\((data:[^)]+)\)", button.label)[1])
    button.click().run()
    assert not app.exception and pinned(app) == pytest.approx(named, abs=0.0051)
    assert np.abs(pictures(app, "pinned-image")[0] - picture).max() <= 1
    assert np.abs(picture - decode(runs, pinned(app))).max() <= 1


def test_the_cells_are_a_square_of_different_places_the_top_row_first(runs):
    app = open_page(buttons="on")
    places = [tuple(numbers(b.label.split("]")[0])) for b in app.button if (b.key or "").startswith("cell_")]
    assert len(set(places)) == len(places) == 81
    assert places == sorted(places, key=lambda place: (-place[1], place[0]))


def test_the_cells_are_there_only_when_asked_for(runs):
    app = open_page()
    assert not [button for button in app.button if (button.key or "").startswith("cell_")]
    app.toggle(key="buttons").set_value(True).run()
    assert app.button(key="cell_0") and address(app)["buttons"] == "on"


def test_a_road_is_set_through_its_buttons_and_goes_away_again(runs):
    app = open_page(z="-1,0.5")
    assert app.button(key="clear_road").disabled and "road" not in [part.key for part in app.get("bidi_component")]
    app.button(key="set_a").click().run()
    assert address(app)["a"] == "-1.0000,0.5000" and told(app)["interpolation"] == [[-1, 0.5]]
    app.number_input(key="z1").set_value(2.0).run()
    app.button(key="set_b").click().run()
    assert not app.exception and address(app)["b"] == "2.0000,0.5000" and told(app)["interpolation"] == [[-1, 0.5], [2, 0.5]]
    player = json.loads(next(part for part in app.get("bidi_component") if part.key == "road_player").proto.json)
    assert player["ends"] == [[-1, 0.5], [2, 0.5]]
    along, faded = (pixels(player[row]) for row in ("along", "faded"))
    assert along.shape == faded.shape == (28, 28 * player["count"])
    for row in (along, faded):
        assert np.abs(row[:, :28] - decode(runs, [-1, 0.5])).max() <= 1
        assert np.abs(row[:, -28:] - decode(runs, [2, 0.5])).max() <= 1
    half = player["count"] // 2
    assert np.abs(along[:, 28 * half : 28 * (half + 1)] - decode(runs, [0.5, 0.5])).max() <= 1
    assert {"road_gif", "road_png"} <= {button.key for button in app.get("download_button")}
    app.button(key="clear_road").click().run()
    assert not {"a", "b"} & set(address(app)) and told(app)["interpolation"] == []


def test_a_link_reopens_a_road(runs):
    app = open_page(a="-1,0.5", b="2,0.25")
    assert not app.exception and told(app)["interpolation"] == [[-1, 0.5], [2, 0.25]]
    assert "road_player" in [part.key for part in app.get("bidi_component")]


# One's own image


def test_an_own_image_is_encoded_and_judged(runs, digits, own):
    app = open_page(own=own)
    run = load_run(runs / "small")
    posterior, found = run.model.encode(fifth(digits) / 255), summarise_posterior(run.model, fifth(digits))
    assert not app.exception and not app.warning
    assert pinned(app) == pytest.approx(posterior.mean[0].tolist(), abs=1e-4) and address(app)["own"] == own
    assert terms(app) == pytest.approx([found.reconstruction, found.kl, found.elbo], abs=0.006)
    elbos = run.folder.snapshot_of_step(run.step).codes.terms.elbo
    share = 100 * (elbos < found.elbo).float().mean().item()
    said = float(re.search(r"its ELBO is higher than that of (\d+) %", shown(app))[1])
    assert said == pytest.approx(share, abs=0.51)
    assert (pictures(app, "original-image")[0] == fifth(digits)[0, 0].numpy()).all()
    assert told(app)["posterior"]["mean"] == pytest.approx(posterior.mean[0].tolist(), abs=1e-4)


def test_noise_is_an_unusual_image(runs):
    noise = np.random.default_rng(0).integers(0, 256, 784, np.uint8).tobytes()
    text = without_tags(shown(open_page(own=in_words(View(own=noise))["own"])))
    assert "An unusual image" in text and "higher than that of none of the held-out images" in text


def test_a_held_out_image_is_not_called_unusual(runs):
    assert "of the held-out images" not in without_tags(shown(open_page(image="5")))


def without_tags(text: str) -> str:
    """What is read: words that are explained are marked up."""
    return re.sub(r"<[^>]*>", "", text)


@pytest.mark.parametrize("own", ["junk", "eJwDAAAAAAE="])
def test_an_own_image_that_is_none_is_told_and_the_rest_stays(runs, own):
    app = open_page(own=own, layers="prior")
    assert not app.exception and len(app.warning) == 1 and "which is not an image of one's own" in app.warning[0].value
    assert address(app) == {"run": "small", "z": "0.0000,0.0000", "layers": "prior"}


def test_an_upload_is_encoded_and_pinned(runs, digits):
    content = io.BytesIO()
    Image.fromarray(fifth(digits)[0, 0].numpy()).resize((280, 280)).save(content, "PNG")
    app = open_page(original="upload")
    app.file_uploader(key="own_file").upload("five.png", content.getvalue(), "image/png").run()
    assert not app.exception and not app.warning and len(address(app)["own"]) > 100
    assert np.abs(pictures(app, "original-image")[0] - fifth(digits)[0, 0].numpy()).mean() < 40
    app.number_input(key="z1").set_value(0.5).run()  # the file is still there, and is not taken again
    assert "own" not in address(app) and pinned(app)[0] == 0.5


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89PNG\r\n\x1a\n"])
def test_an_upload_that_is_no_picture_is_told_and_changes_nothing(runs, content):
    app = open_page(original="upload", z="0.5,0.25")
    app.file_uploader(key="own_file").upload("x.png", content, "image/png").run()
    assert not app.exception and len(app.warning) == 1
    assert address(app) == {"run": "small", "z": "0.5000,0.2500", "original": "upload"}
    app.segmented_control(key="source").set_value("test").run()
    assert not app.warning


def test_there_is_a_place_to_draw(runs):
    app = open_page()
    assert "own_canvas" not in [part.key for part in app.get("bidi_component")]
    app.segmented_control(key="source").set_value("draw").run()
    assert not app.exception and address(app)["original"] == "draw"
    assert "own_canvas" in [part.key for part in app.get("bidi_component")]


# Other latent sizes


EVERYTHING = {"layers": ",".join(LAYERS), "buttons": "on", "colour": "kl"}


@pytest.mark.parametrize("query", [{}, {"image": "5"}, EVERYTHING, EVERYTHING | {"scale": "quantile", "image": "5"}])
@pytest.mark.parametrize("latent", [1, 8])
def test_other_latent_sizes_are_explored(runs, latent, query):
    train(runs, "wide", small_config(latent=latent, epochs=1))
    app = open_page(run="wide", **query)
    assert not app.exception and not app.error and not app.warning
    assert len(app.get("plotly_chart")) == 2 and len(pinned(app)) == latent
    assert (f"of {latent} dimensions" in shown(app)) == ("A slice" in shown(app)) == (latent > 2)
    assert told(app)["strip"] == (latent == 1) and told(app)["latent"] == latent
    assert told(app)["atlas_id"] == app.get("image")[0].proto.imgs[0].alt.split()[0]


def test_a_slice_is_turned_by_its_controls(runs):
    train(runs, "wide", small_config(latent=4, epochs=1))
    app = open_page(run="wide", z="0.1,0.2,0.3,0.4")
    app.selectbox(key="axis_1").set_value(4).run()
    assert not app.exception and address(app)["axes"] == "4,2"
    assert told(app)["names"] == ["z4", "z2"] and told(app)["place"] == pytest.approx([0.4, 0.2])
    assert "A slice** along z4 and z2 of 4" in shown(app)
    app.segmented_control(key="axes_kind").set_value("Principal components").run()
    assert not app.exception and address(app)["axes"] == "pca" and told(app)["names"] == ["PC1", "PC2"]
    app.segmented_control(key="axes_kind").set_value("Two dimensions").run()
    assert not app.exception and "axes" not in address(app) and told(app)["names"] == ["z1", "z2"]


@pytest.mark.parametrize("axes", ["3,1", "pca"])
def test_a_cell_of_a_slice_decodes_what_it_pins(runs, axes):
    train(runs, "wide", small_config(latent=4, epochs=1))
    app = open_page(run="wide", image="5", axes=axes, buttons="on")
    before, button = pinned(app), app.button(key="cell_12")
    named, picture = numbers(button.label.split("]")[0]), pixels(re.search(r"\((data:[^)]+)\)", button.label)[1])
    button.click().run()
    assert told(app)["place"] == pytest.approx(named, abs=0.0052)
    assert np.abs(picture - decode(runs, pinned(app), "wide")).max() <= 1
    if axes == "3,1":
        assert [pinned(app)[index] for index in (1, 3)] == pytest.approx([before[index] for index in (1, 3)], abs=1e-4)


def test_another_latent_size_starts_at_its_origin(runs):
    train(runs, "wide", small_config(latent=4, epochs=1))
    app = open_page(run="wide", z="0.1,0.2,0.3,0.4", axes="3,1", a="1,1,1,1")
    app.selectbox(key="run_picker").set_value("small").run()
    assert not app.exception and not app.warning
    assert address(app) == {"run": "small", "z": "0.0000,0.0000"}
    app.selectbox(key="run_picker").set_value("wide").run()
    assert not app.exception and pinned(app) == [0.0] * 4


def test_another_run_of_the_same_size_is_seen_at_the_same_z(runs):
    train(runs, "other", small_config(epochs=1, seed=1))
    app = open_page(run="small", z="0.5,-0.25", layers="manifold")
    before = pictures(app, "pinned-image")[0]
    app.selectbox(key="run_picker").set_value("other").run()
    assert address(app) == {"run": "other", "z": "0.5000,-0.2500", "layers": "manifold"}
    image = pictures(app, "pinned-image")[0]
    assert (image != before).any() and np.abs(image - decode(runs, [0.5, -0.25], "other")).max() <= 0.51


# What may go wrong


def test_without_the_data_set_everything_but_the_originals(runs, tmp_path, monkeypatch):
    hide_the_data_set(runs / "small", tmp_path, monkeypatch)
    app = open_page(image="5")
    assert not app.exception and not app.error
    assert len(app.get("plotly_chart")) == 2
    assert "python -m vae download mnist" in shown(app)
    assert "estimated with one sample" in shown(app) and "Nearest codes on the plane, decoded" in shown(app)
    assert len(samples(app)) == 4 and told(app)["posterior"] is not None


def test_without_codes_there_is_still_a_lens(runs, tmp_path, monkeypatch):
    hide_the_data_set(runs / "small", tmp_path, monkeypatch)
    shutil.rmtree(runs / "small" / "frames")
    app = open_page(z="0.5,0.25", image="5", layers="clusters,density,change", axes="pca")
    assert not app.exception and not app.error
    assert "The codes of this run cannot be shown" in shown(app) and "There is nothing to draw it from" in shown(app)
    assert [field["layer"] for field in told(app)["fields"]] == ["change"]
    assert "image" not in address(app) and np.abs(pictures(app, "pinned-image")[0] - decode(runs, [0.5, 0.25])).max() <= 0.51
    assert next(b for b in app.get("download_button") if b.key == "get_codes").proto.disabled


def hide_the_data_set(run: Path, tmp_path: Path, monkeypatch) -> None:
    """The same weights, of a data set that is not there."""
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "nothing"))
    description = json.loads((run / "run.json").read_text())
    description["config"]["dataset"] = "mnist"
    (run / "run.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("query", "words"),
    [({"z": "north"}, "which is not a point"), ({"layers": "clouds"}, "which is not a list of layers"),
     ({"axes": "1,1"}, "which is not a pair of axes"), ({"mode": "x"}, "which is not a mode")],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_told_until_something_is_pinned(runs, query, words):
    app = open_page(run="small", **query)
    assert not app.exception and len(app.warning) == 1 and words in app.warning[0].value
    assert address(app) == {"run": "small", "z": "0.0000,0.0000"}
    app.number_input(key="z1").set_value(0.5).run()
    assert not app.warning


@pytest.mark.parametrize("query", [{"z": "0.5"}, {"z": "1,2,3"}, {"a": "1"}, {"image": "100000"}, {"axes": "3,1"}])
def test_an_address_of_another_run_is_taken_as_far_as_it_goes(runs, query):
    app = open_page(run="small", **query)
    assert not app.exception and not app.error and address(app) == {"run": "small", "z": "0.0000,0.0000"}


def overflow(run: vae.Run, part: str) -> None:
    """Weights so large that all but the origin leaves the floating-point numbers: NaN, as infinity minus infinity."""
    layers = [layer for layer in getattr(run.model, part).modules() if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.fill_(3e38)
            layer.weight[:, ::2] *= -1
            layer.bias.zero_()
    run.folder.write_model(run.model, run.step)


def test_a_decoder_of_nan_has_no_lens_and_the_page_goes_on(runs):
    overflow(load_run(runs / "small"), "decoder")
    app = open_page(z="0,0", **EVERYTHING)
    assert not app.exception and not app.error
    assert [warning.value for warning in app.warning if "there is no lens" in warning.value]
    assert len(app.warning) == 1 and not [image for image in app.get("image") if "atlas" in image.proto.imgs[0].alt]
    assert len(app.get("plotly_chart")) == 2 and app.button(key="set_a") and app.button(key="cell_3")
    assert "How this run was trained" in [heading.value for heading in app.subheader]
    app.number_input(key="z1").set_value(-2.0).run()
    assert not app.exception and any("no finite numbers at this z" in warning.value for warning in app.warning)


@pytest.mark.parametrize("query", ["image", "own"])
def test_an_encoder_of_nan_is_told_and_the_page_goes_on(runs, own, query):
    run = load_run(runs / "small")
    overflow(run, "encoder")
    app = open_page(**({"own": own} if query == "own" else {"image": "5"}))
    assert not app.exception and len(app.error) + len(app.warning) >= 1
    assert len(app.get("plotly_chart")) == 2


def test_an_elbo_that_is_not_finite_is_told_and_not_judged(runs, own):
    run = load_run(runs / "small")
    with torch.no_grad():
        run.model.decoder[1][-2].weight.fill_(3e38)
        run.model.decoder[1][-2].bias.fill_(3e38)
    run.folder.write_model(run.model, run.step)
    app = open_page(own=own)
    assert "of the held-out images" not in without_tags(shown(app))
    assert any("no finite numbers for this image" in warning.value for warning in app.warning)


def test_a_decoder_without_finite_numbers_at_z_is_told(runs):
    run = load_run(runs / "small")
    with torch.no_grad():
        run.model.decoder[1][-2].weight.fill_(3e38)
        run.model.decoder[1][-2].bias.fill_(3e38)
    run.folder.write_model(run.model, run.step)
    app = open_page(z="3,3")
    assert not app.exception and any("no finite numbers" in warning.value for warning in app.warning)


def test_each_of_many_dimensions_has_a_row_with_its_kl_and_moves_alone(runs):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=5, epochs=1)))
    app = open_page(run="other", image="3")
    codes = load_run(runs / "other").folder.snapshot_of_step(load_run(runs / "other").step).codes
    kl = kl_divergence(Normal(codes.posterior.mean, codes.posterior.standard_deviation), Normal(0.0, 1.0)).mean(0)
    rows = re.findall(r'class="dimension(?: inactive)?"><b>z(\d)</b> KL ([\d.]+) nats', shown(app))
    assert [int(index) - 1 for index, _ in rows] == kl.argsort(descending=True).tolist()
    assert [float(value) for _, value in rows] == pytest.approx(sorted(kl.tolist(), reverse=True), abs=0.006)
    before = told(app)["place"], address(app)["image"]
    app.slider(key="along_3").set_value(1.25).run()
    z = [float(part) for part in address(app)["z"].split(",")]
    assert not app.exception and z[3] == 1.25 and "image" not in address(app)
    assert z[:3] + z[4:] == pytest.approx(codes.posterior.mean[3, [0, 1, 2, 4]].tolist(), abs=1e-4)
    assert before[1] == "3" and app.slider(key="along_3").value == 1.25


def test_a_plane_has_no_rows_of_dimensions_and_the_model_is_a_picture(runs):
    app = open_page(run="small", image="3")
    model = load_run(runs / "small").model
    assert "dimension" not in "".join(slider.key or "" for slider in app.slider) and 'class="dimension' not in shown(app)
    assert f"{sum(weight.numel() for weight in model.parameters()):,} parameters. Under each layer" in json.dumps(
        [caption.value for caption in app.caption]
    )
    network = next(h.body for h in app.get("html") if 'class="network"' in h.body)
    dense = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    assert network.count("<figcaption>dense") == len(dense) - 1  # the two heads are one box
    app.toggle(key="activations").set_value(True).run()
    with_pictures = next(h.body for h in app.get("html") if 'class="network"' in h.body)
    assert not app.exception and with_pictures.count("What this layer gives") == len(dense) - 2


def test_after_clear_or_a_refusal_no_numbers_of_the_image_before_are_shown(runs, own):
    app = open_page(original="upload", own=own)
    z = pinned(app)
    assert len(terms(app)) == 3
    app.file_uploader(key="own_file").upload("x.png", b"junk", "image/png").run()
    assert not app.exception and len(app.warning) == 1 and "own" not in address(app)
    assert 'class="terms"' not in shown(app) and 'class="original-image upload"><figure' in shown(app)
    assert "your own image" not in shown(app).lower() and pinned(app) == z


def test_an_autoencoder_says_what_it_is_and_its_plane_is_where_its_codes_are(runs):
    train(runs, "plain", small_config(epochs=1, beta=0.0))
    assert "<b>autoencoder</b>" in shown(open_page(run="plain"))
    assert "<b>autoencoder</b>" not in shown(open_page(run="small"))


def test_fields_have_a_key_to_their_colours(runs):
    app = open_page(layers="density,change")
    keys = {field["layer"]: field["key"] for field in told(app)["fields"]}
    assert set(keys) == {"density", "change"}
    for key in keys.values():
        low, middle, high = (float(key[name].replace(",", "")) for name in ("low", "middle", "high"))
        assert 0 <= low < middle < high
    assert keys["density"]["low"] == "0" and keys["change"]["unit"].startswith("pixel values per")


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_the_classifier_s_layer_is_drawn_in_the_classes_colours_and_kept_with_the_run(runs, latent):
    train(runs, "other", small_config(latent=latent, epochs=1))
    app = open_page(run="other", layers="classes")
    field = next(field for field in told(app)["fields"] if field["layer"] == "classes")
    rgba = np.array(Image.open(io.BytesIO(base64.b64decode(field["picture"].split(",")[1]))))
    colours = {"#{:02x}{:02x}{:02x}".format(*rgb) for rgb in np.unique(rgba[..., :3].reshape(-1, 3), axis=0).tolist()}
    assert not app.exception and colours <= {*LIGHT.classes, "#7d8794"} and len(colours) > (latent < 5)
    assert re.search(r"right for 9\d\.\d% of the held-out images", shown(app))
    assert (runs / "other" / "classifier.safetensors").exists()


def test_without_the_data_set_there_is_no_classifier_and_the_page_says_why(runs):
    description = json.loads((runs / "small" / "run.json").read_text())
    description["config"]["dataset"] = "kmnist"
    (runs / "small" / "run.json").write_text(json.dumps(description))
    app = open_page(layers="classes")
    assert not app.exception and told(app)["fields"] == [] and "python -m vae download kmnist" in shown(app)
