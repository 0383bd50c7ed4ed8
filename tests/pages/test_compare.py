"""The page on runs side by side, without a browser."""

import base64
import re
import shutil

import numpy as np
import pytest

import vae
from tests.conftest import small_config
from tests.pages.conftest import address, charts, open_page, shown
from ui.cache import runs as cached_runs
from ui.compare.compared_runs import TRIO
from vae.evaluation.comparison import figures_of
from vae.jobs.train_run import train_run
from vae.latent.plane import plane_of_axes
from vae.model.autoencoder import count_parameters
from vae.runs.folder import load_run

PAGE = "pages/compare.py"


@pytest.fixture
def pair(runs):
    """`small`, and the same model as an autoencoder."""
    train_run(vae.RunFolder.create(runs / "auto", small_config(beta=0.0)))
    return runs


def ranges(chart: dict) -> dict[str, list[list[float]]]:
    """Of the horizontal and of the vertical axes, by their number."""
    axes = {letter: sorted(name for name in chart["layout"] if re.fullmatch(rf"{letter}axis\d*", name)) for letter in "xy"}
    return {letter: [chart["layout"][name]["range"] for name in names] for letter, names in axes.items()}


def table(app) -> dict[str, list[str]]:
    """The cells of each row, by the row's name."""
    body = next(e.body for e in app.get("html") if e.body.startswith('<table class="numbers big compared"')).replace("−", "-")
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)[1:]]
    return {re.sub(" <i>.*", "", name): cells for name, *cells in rows}


def sentences(app) -> list[str]:
    """What stands in planes in place of codes."""
    notes = charts(app)[0]["layout"].get("annotations", [])
    return [note["text"].replace("<br>", " ") for note in notes if note["name"] == "problem"]


def test_figures_and_settings_are_the_runs(pair):
    app = open_page(PAGE, runs="auto,small")
    assert not app.exception and not app.error and not app.warning
    assert "The same model twice, with another weight <b>beta</b> on the KL term" in shown(app)
    cells = table(app)
    assert cells["beta"] == ["0", "1"] and "seed" not in cells and "epochs" not in cells
    for place, name in enumerate(("auto", "small")):
        run = load_run(pair / name)
        reports = run.folder.read_metrics()
        figures = figures_of(
            run.folder.snapshot_of_step(run.step), plane_of_axes(2), count_parameters(run.model), reports[-1].seconds
        )
        assert figures.elbo == pytest.approx(reports[-1].elbo, abs=1e-3)  # the training's last report on the same images
        assert [cells[row][place] for row in ("reconstruction", "KL", "ELBO")] == [
            f"{value:.2f}" for value in (figures.reconstruction, figures.kl, figures.elbo)
        ]
        assert cells["active units"][place] == str(figures.active_units)
        assert cells["five nearest codes predict the class"][place] == f"{100 * figures.neighbour_accuracy:.1f} %"
        assert cells["parameters"][place] == f"{figures.parameters:,}"
        assert cells["held-out images"][place] == "364"


def test_one_scale_for_all_or_each_its_own_and_the_address_says_which(pair):
    app = open_page(PAGE, runs="auto,small", scales="one")
    shared = ranges(charts(app)[0])
    assert all(edges == [shared[axis][0]] * 4 for axis, edges in shared.items())
    assert shared["x"][0][1] - shared["x"][0][0] == shared["y"][0][1] - shared["y"][0][0] >= 7
    linked = [axis for name, axis in charts(app)[0]["layout"].items() if "axis" in name and "matches" in axis]
    assert len(linked) == 6  # all but the first pair, which is kept square
    app.toggle(key="one_scale").set_value(False).run()
    assert "scales" not in address(app) and not app.exception
    for axis, edges in ranges(charts(app)[0]).items():
        assert edges[0] == edges[2] and edges[1] == edges[3]  # a run's codes and its manifold
        assert all(shared[axis][0][0] <= low < high <= shared[axis][0][1] for low, high in edges)
    app.segmented_control(key="picture").set_value("codes").run()
    assert address(app)["picture"] == "codes" and len(ranges(charts(app)[0])["x"]) == 2


def test_planes_are_aligned_by_rotation_and_reflection_on_request(pair):
    app = open_page(PAGE, runs="small,auto", picture="codes")
    before = codes_of(charts(app)[0])
    app.toggle(key="aligned").set_value(True).run()
    after = codes_of(charts(app)[0])
    assert not app.exception and address(app)["aligned"] == "on"
    assert np.array_equal(before[0], after[0]) and not np.allclose(before[1], after[1])
    turn, *_ = np.linalg.lstsq(before[1], after[1], rcond=None)
    assert turn @ turn.T == pytest.approx(np.eye(2), abs=1e-4)
    assert distance(after[0], after[1]) < distance(before[0], before[1])


def test_an_image_set_of_its_own_is_not_aligned_and_said_to_be(runs):
    train_run(vae.RunFolder.create(runs / "validated", small_config(held_out="validation", epochs=1)))
    app = open_page(PAGE, runs="small,validated", aligned="on")
    assert not app.exception and any("Not aligned: validated" in info.value for info in app.info)


def codes_of(chart: dict) -> list[np.ndarray]:
    """The codes of both runs, (N, 2) each, by class and then by image."""
    drawn = [trace for trace in chart["data"] if trace["type"] == "scattergl" and len(decoded(trace["x"])) > 1]
    places = {}
    for trace in drawn:
        places.setdefault(trace.get("xaxis", "x"), []).append(np.stack([decoded(trace[axis]) for axis in "xy"], 1))
    return [np.concatenate(places[axis]) for axis in sorted(places)]


def decoded(values: object) -> np.ndarray:
    """Numbers as Plotly writes them."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return np.array(values)


def distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.square(first - first.mean(0) - second + second.mean(0)).sum())


def test_a_link_reproduces_the_comparison_and_the_other_pages_keep_it(pair):
    query = {"run": "small", "runs": "small,auto", "picture": "manifold", "scales": "one"}
    app = open_page(PAGE, **query)
    assert address(app) == query and app.multiselect(key="compared").value == ["small", "auto"]
    app.switch_page("app.py").run()
    app.switch_page(PAGE).run()
    assert address(app)["runs"] == "small,auto" and app.multiselect(key="compared").value == ["small", "auto"]


def test_runs_are_chosen_in_the_page(pair):
    app = open_page(PAGE, runs="small,auto")
    app.multiselect(key="compared").set_value(["auto"]).run()
    assert not app.exception and "choose another one" in shown(app) and address(app)["runs"] == "auto"
    app.multiselect(key="compared").set_value(["auto", "small"]).run()
    assert address(app)["runs"] == "auto,small" and table(app)["beta"] == ["0", "1"]
    app.multiselect(key="compared").set_value([]).run()
    assert not app.exception and set(address(app)["runs"].split(",")) == {"auto", "small"}


def test_the_page_opens_on_the_shipped_trio_or_on_the_chosen_run_and_others(pair):
    app = open_page(PAGE, run="small")
    assert app.multiselect(key="compared").value == ["small", "auto"]
    for name in TRIO:
        shutil.copytree(pair / "small", pair / name)
    assert open_page(PAGE, run="small").multiselect(key="compared").value == list(TRIO)


def test_names_that_are_not_there_are_one_sentence(pair):
    app = open_page(PAGE, runs="small,../../etc,gone")
    assert not app.exception and len(app.warning) == 1
    assert "There are no runs called `../../etc` and `gone` here" in app.warning[0].value
    assert app.multiselect(key="compared").value == ["small"]
    app = open_page(PAGE, runs="gone")
    assert len(app.warning) == 1 and set(app.multiselect(key="compared").value) == {"small", "auto"}
    app = open_page(PAGE, runs="small,small")
    assert len(app.warning) == 1 and "which is not a list of up to 4 runs" in app.warning[0].value


@pytest.mark.parametrize(("picture", "drawn"), [("both", (1, 2, 3)), ("codes", (1, 0, 1)), ("manifold", (0, 2, 2))])
def test_without_codes_a_run_keeps_its_manifold_and_the_prior_on_it(pair, monkeypatch, picture, drawn):
    monkeypatch.setattr(cached_runs, "held_out", lambda config: None)
    shutil.rmtree(pair / "auto" / "frames")
    app = open_page(PAGE, runs="auto,small", picture=picture)
    chart = charts(app)[0]
    priors = [trace for trace in chart["data"] if trace.get("name") == "prior"]
    assert not app.exception and drawn == (len(sentences(app)), len(chart["layout"].get("images", [])), len(priors))


@pytest.mark.parametrize("name", ["metrics.jsonl", "status.json", "frames/0002.safetensors"])
def test_what_a_damaged_file_says_is_missing_and_the_run_is_compared(pair, name):
    shutil.copytree(pair / "small", pair / "broken")
    (pair / "broken" / name).write_text("junk\n")
    app = open_page(PAGE, runs="small,broken,auto")
    assert not app.exception and not app.error and not any(sentences(app))
    assert len(app.info) == 1 and f"broken/{name}" in app.info[0].value
    assert table(app)["beta"] == ["1", "1", "0"]


@pytest.mark.parametrize("name", ["run.json", "model.safetensors"])
def test_a_damaged_run_is_a_sentence_in_its_column_and_the_others_go_on(pair, name):
    shutil.copytree(pair / "small", pair / "broken")
    (pair / "broken" / name).write_text("junk\n")
    app = open_page(PAGE, runs="small,broken,auto")
    assert not app.exception and not app.error
    assert len([sentence for sentence in sentences(app) if sentence]) == 1
    assert [cells[1] for cells in table(app).values()] == ["–"] * len(table(app))
    assert table(app)["beta"] == ["1", "–", "0"]
    assert {note["name"] for note in charts(app)[1]["layout"]["annotations"]} >= {"small", "auto"}


def test_what_must_not_be_compared_is_told(runs):
    train_run(vae.RunFolder.create(runs / "density", small_config(likelihood="gaussian", epochs=1)))
    app = open_page(PAGE, runs="small,density")
    assert not app.exception and len(app.info) == 1
    assert "cannot be compared in nats" in app.info[0].value
    train_run(vae.RunFolder.create(runs / "validated", small_config(held_out="validation", epochs=1)))
    app = open_page(PAGE, runs="small,validated")
    assert len(app.info) == 1 and "measured on different images" in app.info[0].value


@pytest.mark.parametrize("latent", [1, 8])
def test_other_latent_sizes_are_projected_and_said_to_be(runs, latent):
    train_run(vae.RunFolder.create(runs / "other", small_config(latent=latent, epochs=1)))
    app = open_page(PAGE, runs="small,other")
    assert not app.exception and not app.error
    words = {1: "has one latent dimension", 8: "two first principal components"}
    assert any(words[latent] in info.value for info in app.info)
    assert table(app)["latent dimensions"] == ["2", str(latent)] and "nan" not in shown(app).lower()


def test_a_run_that_waits_for_its_training_is_compared_as_it_is(pair):
    vae.RunFolder.create(pair / "waiting", small_config(beta=4.0))
    app = open_page(PAGE, runs="small,waiting,auto")
    assert not app.exception and not app.error and '<p class="state">queued</p>' in shown(app)
    assert table(app)["beta"] == ["1", "4", "0"] and table(app)["training"][1] == "0"
    train_run(vae.RunFolder(pair / "waiting"))
    app.run()
    assert not app.exception and "queued" not in shown(app) and table(app)["training"][1] != ""


def test_a_run_is_explored_by_its_button(pair):
    app = open_page(PAGE, run="small", runs="small,auto")
    app.button(key="explore_auto").click().run()
    assert not app.exception and address(app)["run"] == "auto" and "<b>autoencoder</b>" in shown(app)


def test_no_runs_at_all_and_one_alone(runs, tmp_path, monkeypatch):
    app = open_page(PAGE)
    assert not app.exception and not app.error and "choose another one" in shown(app)
    monkeypatch.setenv("VAE_RUNS", str(tmp_path / "none"))
    app = open_page(PAGE)
    assert not app.exception and "There are no runs" in shown(app)


def test_presenting_works_here_too(pair):
    app = open_page(PAGE, runs="auto,small", mode="present")
    assert not app.exception and app.button(key="present").label == "End presenting"
    app.button(key="present").click().run()
    assert address(app)["runs"] == "auto,small" and "mode" not in address(app)
