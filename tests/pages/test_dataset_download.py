"""The button that fetches missing pictures: what it says and does, and for whom. No network is needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT, wait_until
from tests.pages.conftest import open_page
from ui.shell import dataset_download, owner
from vae.data import datasets

STUB = """
import struct, sys, time
from pathlib import Path
from vae.cli import commands
from vae.data import datasets

class Copies:
    mirrors = ("http://somewhere/",)

    def __init__(self, folder, download):
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        (raw / "train-images-idx3-ubyte.gz").write_bytes(bytes(5_800_000))
        while not Path(sys.argv[2]).exists():
            time.sleep(0.02)
        for part, count in (("train", 60_000), ("t10k", 10_000)):
            (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, count, 28, 28) + bytes(784 * count))
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + bytes(count))

datasets._torchvision_class = lambda name: Copies
datasets._answers = lambda mirror: True
sys.exit(commands.main(["download", sys.argv[1]]))
"""
"""A download whose first file comes at once, and the others when the file named second is there."""

PAGES = ("app.py", "pages/elbo.py")
KEY = "download_dataset"


@pytest.fixture
def data(monkeypatch, tmp_path) -> Path:
    """A folder of data sets in which nothing is, and the shipped runs; a download ends when `go` beside it is there."""
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "data"))
    stub = [sys.executable, "-c", STUB]
    monkeypatch.setattr(dataset_download, "command", lambda name: [*stub, name, str(tmp_path / "go")])
    return tmp_path / "data"


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button if button.key == KEY]


@pytest.mark.parametrize("page", PAGES)
def test_missing_pictures_are_fetched_by_a_press_with_progress_and_are_there_then(data, page):
    app = open_page(page, run="mnist", image="7")
    assert buttons(app) == ["Download MNIST"]
    app.button(KEY).click().run()
    wait_until(lambda: datasets.bytes_arrived("mnist") > 0, "the first file")
    app.run()
    assert buttons(app) == [] and not app.exception
    assert [part.proto.text for part in app.get("progress")] == ["Downloading MNIST: 5.8 of 11.6 MB"]
    assert open_page("pages/elbo.py", run="mnist").get("progress")  # another page, which starts no second one
    (data.parent / "go").touch()
    wait_until(lambda: datasets.is_present("mnist"), "the pictures")
    app.run()
    assert buttons(app) == [] and not app.get("progress") and not app.exception


def test_a_download_that_fails_says_why_in_one_sentence_and_can_be_tried_again(data, monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr(dataset_download, "command", lambda name: [sys.executable, "-m", "vae", "download", name])
    app = open_page("pages/elbo.py", run="mnist")
    app.button(KEY).click().run()
    wait_until(lambda: not dataset_download._downloads()[dataset_download._key("mnist")].is_under_way, "its end", 60)
    app.run()
    (said,) = [error.value for error in app.error]
    assert "no server that has it can be reached" in said and "Traceback" not in said and "\n" not in said
    assert buttons(app) == ["Download MNIST"]


@pytest.mark.parametrize("page", PAGES)
def test_visitors_see_no_button_and_cannot_start_a_download(data, monkeypatch, page):
    monkeypatch.setattr(owner, "tells_visitors_apart", lambda: True)
    app = open_page(page, run="mnist")
    assert buttons(app) == [] and not app.exception
    with pytest.raises(owner.NotTheOwner):
        dataset_download.start("mnist")


def test_there_is_no_button_where_pictures_are_there(monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(ROOT / "checkpoints"))
    app = open_page("pages/elbo.py", run="digits")
    assert buttons(app) == [] and not app.exception
