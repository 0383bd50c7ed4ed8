import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, command
from vae.runs.folder import RunFolder, load_run
from vae.runs.lifecycle import thin

pytestmark = pytest.mark.slow

SMALL = ("--dataset", "digits", "--model", "mlp", "--encoder-widths", "32", "--decoder-widths", "32", "--device", "cpu")
SMALL += ("--precision", "fp32")  # as small_config


def test_train_evaluate_list_and_thin(tmp_path):
    folder = tmp_path / "mine"
    trained = command("train", *SMALL, "--epochs", 2, "--run", folder)
    assert trained.returncode == 0, trained.stderr
    assert "mlp on digits, on cpu" in trained.stdout and "finished" in trained.stdout
    epochs = re.findall(r"^ +(\d+)  (train|held_out) +(-\d+\.\d+) +(\d+\.\d+) +(-\d+\.\d+)", trained.stdout, re.M)
    assert [(number, split) for number, split, *_ in epochs] == [(n, s) for n in "12" for s in ("train", "held_out")]
    for *_, reconstruction, kl, elbo in epochs:
        assert float(reconstruction) - float(kl) == pytest.approx(float(elbo), abs=0.011)
    assert load_run(folder).config.training.epochs == 2

    evaluated = command("evaluate", folder, "--samples", 4, "--device", "cpu")
    elbo = float(re.search(r"ELBO +(-\d+\.\d+) nats", evaluated.stdout).group(1))
    assert elbo == pytest.approx(float(epochs[-1][-1]), abs=2)
    assert "364 held-out images" in evaluated.stdout

    assert re.search(r"mine +finished +digits +mlp +2-D +held-out ELBO", command("list", tmp_path).stdout)
    assert "2 frames" in command("thin", folder, "--frames", 2).stdout


def test_the_command_line_and_the_functions_train_the_same(tmp_path):
    """In a process of their own, whose threads take the smallest numbers for zero as those of a training do."""
    command("train", *SMALL, "--epochs", 1, "--learning-rate", "3e-3", "--run", tmp_path / "run")
    reports = RunFolder(tmp_path / "run").read_metrics()
    script = """if True:
        import json, torch
        from tests.conftest import small_config
        from vae.data import datasets
        from vae.startup import prepare_training
        from vae.training.trainer import Trainer
        prepare_training("fp32", torch.device("cpu"))
        print(json.dumps([report.elbo for report in Trainer(small_config(epochs=1), datasets.load("digits")).reports()]))
        """
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [report.elbo for report in reports] == json.loads(told.stdout)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "--run", "{tmp}/x", "--latent", 0), "latent dimensions is 0"),
        (("train", "--run", "{tmp}/x", "--epochs", -3), "number of epochs is -3"),
        (("train", "--run", "{tmp}/x", "--batch-size", 10**9), "batch size is 1000000000"),
        (("train", "--run", "{tmp}/x", "--beta", "nan"), "beta is nan"),
        (("train", "--run", "{tmp}/x", "--model", "mlp", "--encoder-widths", "9" * 12), "encoder width"),
        (("train", "--run", "{tmp}/a b"), "cannot be a run's folder"),
        (("train", "--run", "{tmp}/a,b"), "'a,b' cannot be a run's folder; use up to 64 letters, digits"),
        (("train", "--run", "{tmp}/x", "--device", "abacus"), "'abacus' is not available"),
        (("train", "--run", "{tmp}/x", "--resume"), "is no run"),
        (("train", "--run", "/proc/x", "--dataset", "digits"), "cannot be written"),
        (("train", "--run", "{tmp}/x", "--dataset", "cifar"), "invalid choice"),
        (("evaluate", "{tmp}/nothing"), "is no run"),
        (("evaluate", "{tmp}/nothing", "--samples", 0), "number of samples is 0"),
        (("list", "{tmp}"), "There are no runs"),
        (("thin", "{tmp}/nothing"), "is no run"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(tmp_path, words, sentence):
    result = command(*(str(word).format(tmp=tmp_path) for word in words))
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_a_device_that_is_not_there_leaves_no_folder_behind(tmp_path):
    command("train", "--run", tmp_path / "x", "--device", "abacus", "--dataset", "digits")
    assert list(tmp_path.iterdir()) == []


def test_list_goes_on_past_a_damaged_run(small_run):
    shutil.copytree(small_run.path, small_run.path.parent / "broken")
    (small_run.path.parent / "broken" / "run.json").write_text("{")
    listed = command("list", small_run.path.parent)
    assert listed.returncode == 0
    assert "broken" in listed.stdout and "is not JSON" in listed.stdout and "small" in listed.stdout


def test_the_shipped_runs_are_listed():
    listed = command("list")
    for name in ("mnist ", "mnist-conv", "digits"):
        assert re.search(rf"^{name}.*finished", listed.stdout, re.M), listed.stdout
    assert listed.stdout.count("\n") >= 3 and (ROOT / "checkpoints").is_dir()


def test_one_draw_says_that_it_knows_no_error(small_run):
    result = command("evaluate", small_run.path, "--samples", 1)
    assert result.returncode == 0 and "nan" not in result.stdout and "sampling error" in result.stdout


def test_options_beside_resume_are_said_to_be_ignored_and_a_finished_run_says_how_it_goes_on(small_run):
    folder = small_run.path
    finished = command("train", "--resume", "--run", folder)
    assert finished.returncode == 2
    assert "is finished; make it longer than its 2 epochs by --resume --lengthen" in finished.stderr
    assert "ignored" not in finished.stderr
    words = ("--epochs", 99, "--beta=1", "--dataset", "mnist", "--device", "cpu")
    longer = command("train", "--resume", "--run", folder, "--lengthen", 3, *words)
    assert longer.returncode == 0 and "finished" in longer.stdout, longer.stderr
    names, _, rest = longer.stderr.removeprefix("vae: ").partition(" are ignored")
    assert set(names.split(", ")) == {"--dataset", "--beta", "--epochs"} and "--lengthen" in rest and "vae steer" in rest
    assert RunFolder(folder).read_config()[0].training.epochs == 3


def test_a_finished_run_that_was_thinned_is_not_said_to_go_on(small_run):
    thin(small_run, 2)
    finished = command("train", "--resume", "--run", small_run.path)
    assert finished.returncode == 2 and "was thinned and cannot be made longer" in finished.stderr
    assert "--lengthen" not in finished.stderr
