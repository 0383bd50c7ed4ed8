import gzip
import os
import re
import socket
import struct
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from vae.data import datasets
from vae.errors import DataError


def as_set(split: datasets.Split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.images}


NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(values: np.ndarray) -> bytes:
    """A file in MNIST's own format."""
    return struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()


@pytest.fixture(scope="session")
def published() -> dict[str, bytes]:
    """The four files as they are downloaded, packed: as many images as MNIST has, all black but the first twenty."""
    files, generator = {}, np.random.default_rng(0)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        images = np.zeros((count, 28, 28), np.uint8)
        images[:20] = generator.integers(0, 256, (20, 28, 28))
        files[f"{part}-images-idx3-ubyte"] = gzip.compress(idx(images), 1)
        files[f"{part}-labels-idx1-ubyte"] = gzip.compress(idx(np.arange(count, dtype=np.uint8) % 10), 1)
    return files


@pytest.fixture
def write(tmp_path, published) -> Callable[..., Path]:
    """Puts the files where those of a data set belong, and says where that is."""

    def put(folder: str = "MNIST", packed: bool = True) -> Path:
        raw = tmp_path / folder / "raw"
        raw.mkdir(parents=True)
        for name, content in published.items():
            path = raw / (f"{name}.gz" if packed else name)
            path.write_bytes(content if packed else gzip.decompress(content))
        return raw

    return put


@pytest.fixture
def written_mnist(tmp_path, write) -> Path:
    write()
    return tmp_path


def test_digits_are_all_there_and_split_by_class(digits):
    assert len(digits.train) + len(digits.held_out) == 1797 == sum(datasets.SIZES["digits"])
    assert (len(digits.train), len(digits.held_out)) == datasets.SIZES["digits"]
    for label in range(10):
        share = (digits.held_out.labels == label).sum() / 1797 * 10
        assert 0.15 < share < 0.25
    assert not as_set(digits.train) & as_set(digits.held_out)


def test_digits_are_white_on_black_in_the_middle_of_28_by_28(digits):
    images = digits.train.images
    assert images.dtype == torch.uint8 and images.shape[1:] == (1, 28, 28)
    assert images[..., :4, :].max() == images[..., -4:].max() == 0
    assert images.max() == 255


def test_the_digits_split_is_always_the_same(digits):
    again = datasets.load("digits")
    assert torch.equal(again.train.images, digits.train.images) and torch.equal(again.held_out.labels, digits.held_out.labels)


def test_validation_comes_out_of_the_training_split_alone(digits):
    validation = datasets.load("digits", "validation")
    assert len(validation.train) + len(validation.held_out) == len(digits.train)
    assert as_set(validation.train) | as_set(validation.held_out) == as_set(digits.train)
    assert not as_set(validation.held_out) & as_set(digits.held_out)
    assert torch.equal(datasets.load_held_out("digits", "validation").images, validation.held_out.images)


def test_mnist_is_read_with_its_own_test_set_held_out(mnist_present):
    mnist = datasets.load("mnist")
    assert (len(mnist.train), len(mnist.held_out)) == datasets.SIZES["mnist"]
    assert mnist.train.images.shape == (60_000, 1, 28, 28)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]  # as everybody's MNIST begins
    assert mnist.held_out.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.held_out.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")])
def test_files_as_they_are_downloaded_are_read_from_the_folder_that_the_variable_names(
    tmp_path, write, monkeypatch, name, folder
):
    write(folder)
    monkeypatch.setenv("VAE_DATA", str(tmp_path))
    assert datasets.is_present(name)
    loaded = datasets.load(name)
    assert (len(loaded.train), len(loaded.held_out)) == datasets.SIZES[name]
    assert loaded.held_out.labels[:20].tolist() == list(range(10)) * 2 and loaded.held_out.labels.dtype == torch.int64
    assert loaded.held_out.images.shape == (10_000, 1, 28, 28) and loaded.held_out.images.dtype == torch.uint8
    assert not torch.equal(loaded.train.images[:20], loaded.held_out.images[:20])


def test_packed_or_not_or_packed_under_the_other_name_is_the_same(tmp_path, write, published):
    raw = write()
    packed = datasets.load_held_out("mnist", folder=tmp_path)
    for name in NAMES[2:]:
        (raw / f"{name}.gz").rename(raw / name)  # as some browsers save it
    renamed = datasets.load_held_out("mnist", folder=tmp_path)
    for name in NAMES[2:]:
        (raw / name).write_bytes(gzip.decompress(published[name]))
    plain = datasets.load_held_out("mnist", folder=tmp_path)
    for split in (renamed, plain):
        assert torch.equal(split.images, packed.images) and torch.equal(split.labels, packed.labels)


def test_reading_writes_nothing(written_mnist):
    before = {path: path.stat().st_mtime_ns for path in written_mnist.rglob("*")}
    datasets.load("mnist", folder=written_mnist)
    assert {path: path.stat().st_mtime_ns for path in written_mnist.rglob("*")} == before


def test_the_variable_may_say_home(tmp_path, monkeypatch, write):
    write()
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("VAE_DATA", f"~/{tmp_path.name}")
    assert datasets.data_folder() == tmp_path and datasets.is_present("mnist")


PAGE = b"\r\n<!DOCTYPE html><html><title>Sign in</title></html>"
FAULTS = {
    "empty": (b"", "is empty"),
    "half a header": (struct.pack(">2I", 0x803, 10_000), "is cut off"),
    "three bytes": (b"\0\0\x08", "is no file of images"),
    "a page": (PAGE, "is a web page"),
    "a packed page": (gzip.compress(PAGE), "is a web page"),
    "words": (b"not a data set at all", "is no file of images in MNIST's format"),
    "labels": (idx(np.zeros(10_000, np.uint8)), "holds labels and not images; give each file of mnist its own name"),
    "the other split": (struct.pack(">4I", 0x803, 60_000, 28, 28), "holds 60,000 images and not 10,000; give each file"),
    "large images": (struct.pack(">4I", 0x803, 10_000, 32, 32), "holds images of 32 x 32 pixels and not of 28 x 28"),
    "too few bytes": (idx(np.zeros((10_000, 28, 28), np.uint8))[:-1], "is cut off"),
    "too many bytes": (idx(np.zeros((10_000, 28, 28), np.uint8)) + b"\0", "is longer than it says"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path, write, fault):
    content, words = FAULTS[fault]
    (write() / NAMES[2]).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(f"{NAMES[2]} {words}")) as caught:
        datasets.load_held_out("mnist", folder=tmp_path)
    assert "python -m vae download mnist" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["images-idx3-ubyte", "labels-idx1-ubyte"])
def test_a_packed_file_that_is_cut_off_or_broken_is_told(tmp_path, write, part):
    path = write() / f"t10k-{part}.gz"
    content = path.read_bytes()
    for broken, words in (
        (content[: len(content) // 2], "is cut off"),
        (content[:-1], "is cut off"),
        (content[:20] + b"\xff" * 20 + content[40:], "is damaged"),
        (content[:-8] + b"\1\2\3\4" + content[-4:], "is damaged"),
    ):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=words):
            datasets.load_held_out("mnist", folder=tmp_path)


def test_swapped_train_and_test_files_are_noticed(tmp_path, write):
    raw = write()
    for train, test in zip(NAMES[:2], NAMES[2:], strict=True):
        (raw / f"{train}.gz").rename(raw / "aside")
        (raw / f"{test}.gz").rename(raw / f"{train}.gz")
        (raw / "aside").rename(raw / f"{test}.gz")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz holds 10,000 images and not 60,000; give each file"):
        datasets.load("mnist", folder=tmp_path)
    (raw / f"{NAMES[0]}.gz").unlink()
    with pytest.raises(DataError, match=f"put {NAMES[0]}, each as it is or packed"):
        datasets.load_held_out("mnist", folder=tmp_path)


def test_labels_that_the_data_set_does_not_have_are_refused(tmp_path, write):
    (write() / NAMES[3]).write_bytes(idx(np.full(10_000, 26, np.uint8)))
    with pytest.raises(DataError, match="holds the label 26, and labels go from 0 to 9"):
        datasets.load_held_out("mnist", folder=tmp_path)


def test_a_small_file_that_unpacks_to_more_than_fits_is_not_unpacked(tmp_path, write):
    bomb = gzip.compress(struct.pack(">4I", 0x803, 10_000, 28, 28) + bytes(10**8), 1)
    (write() / f"{NAMES[2]}.gz").write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(DataError, match="is longer than it says"):
        datasets.load_held_out("mnist", folder=tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5e7
    tracemalloc.stop()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything: for a moment be somebody else, to whom the tests' folders are closed."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_what_may_not_be_read_is_told_as_such(tmp_path, write):
    raw = write()
    raw.chmod(0)
    try:
        with as_nobody():
            assert datasets.is_present("mnist", tmp_path)
            with pytest.raises(DataError, match=rf"{NAMES[2]} cannot be read \(Permission denied\); let this program read it"):
                datasets.load_held_out("mnist", folder=tmp_path)
    finally:
        raw.chmod(0o755)


def test_a_missing_data_set_says_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match="python -m vae download fashion-mnist") as caught:
        datasets.load("fashion-mnist", folder=tmp_path)
    assert all(name in str(caught.value) for name in NAMES) and f"into {tmp_path}/FashionMNIST/raw" in str(caught.value)
    assert not datasets.is_present("kmnist", tmp_path)
    assert datasets.is_present("digits", tmp_path)


@pytest.mark.parametrize("error", [ImportError("no such file"), RuntimeError("operator torchvision::nms does not exist\n...")])
def test_only_a_download_needs_torchvision_and_says_when_it_is_not_of_this_torch(written_mnist, monkeypatch, error):
    class Refuses:
        def find_spec(self, name, path=None, target=None):
            if name == "torchvision":
                raise error

    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refuses(), *sys.meta_path])
    assert len(datasets.load_held_out("mnist", folder=written_mnist)) == 10_000
    with pytest.raises(DataError, match="install torch and torchvision anew as a pair"):
        datasets.ensure("mnist", folder=written_mnist / "elsewhere")


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(DataError, match="mnist, digits, fashion-mnist, kmnist"):
        datasets.load("cifar")


def test_with_no_network_one_sentence(tmp_path, monkeypatch):
    def refuse(*arguments, **more):
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(DataError, match="no server that has it can be reached") as caught:
        datasets.load("kmnist", download=True, folder=tmp_path)
    assert all(name in str(caught.value) for name in NAMES) and f"into {tmp_path}/KMNIST/raw" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_never_answers_is_given_up(tmp_path, monkeypatch):
    never = threading.Event()

    def hang(*arguments, **more):
        never.wait()
        raise OSError("gave up")

    monkeypatch.setattr(datasets.urllib.request, "urlopen", hang)
    monkeypatch.setattr(datasets, "SECONDS_TO_REACH_A_MIRROR", 0.05)
    with pytest.raises(DataError, match="no server that has it can be reached"):
        datasets.load("mnist", download=True, folder=tmp_path)
    never.set()


def test_a_download_that_breaks_leaves_nothing_half_done(tmp_path, monkeypatch):
    class Breaks:
        mirrors = ("http://somewhere/",)

        def __init__(self, folder, download):
            (Path(folder) / "MNIST" / "raw").mkdir(parents=True)
            raise RuntimeError("cut off")

    monkeypatch.setattr(datasets, "_torchvision_class", lambda name: Breaks)
    monkeypatch.setattr(datasets, "_answers", lambda mirror: True)
    with pytest.raises(DataError, match="cut off"):
        datasets.ensure("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def mirror(published, monkeypatch) -> list[Callable[[], None]]:
    """A torchvision that has the files at once, as it leaves them; what is in the list happens while it fetches."""
    meanwhile: list[Callable[[], None]] = []

    class Copies:
        mirrors = ("http://somewhere/",)

        def __init__(self, folder, download):
            raw = Path(folder) / "MNIST" / "raw"
            raw.mkdir(parents=True)
            for name, content in published.items():
                (raw / f"{name}.gz").write_bytes(content)
                (raw / name).write_bytes(gzip.decompress(content))
            for happen in meanwhile:
                happen()

    monkeypatch.setattr(datasets, "_torchvision_class", lambda name: Copies)
    monkeypatch.setattr(datasets, "_answers", lambda mirror: True)
    return meanwhile


def test_a_download_ends_in_its_place(tmp_path, mirror):
    datasets.ensure("mnist", tmp_path)
    assert len(datasets.load_held_out("mnist", folder=tmp_path)) == 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(NAMES)


def test_a_download_leaves_all_files_that_are_there(tmp_path, mirror):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    mine = {f"{NAMES[0]}.gz": b"half a file", NAMES[3]: b"labels of my own", "notes.txt": b"do not lose"}
    for name, content in mine.items():
        (raw / name).write_bytes(content)
    datasets.ensure("mnist", tmp_path)
    assert {name: (raw / name).read_bytes() for name in mine} == mine
    assert {path.name for path in raw.iterdir()} == {*mine, NAMES[1], NAMES[2]}


def test_of_two_downloads_at_once_the_second_leaves_what_the_first_has_put_there(tmp_path, mirror, write):
    mirror.append(write)
    datasets.ensure("mnist", tmp_path)
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]


@pytest.mark.parametrize("there", [True, False], ids=["the folder is there", "it is not there yet"])
@pytest.mark.parametrize("link", [".", "MNIST", "MNIST/raw"])
def test_a_download_ends_in_its_place_where_a_link_leads_to_another_disk(tmp_path, mirror, one_disk_each, link, there):
    data_folder, elsewhere = one_disk_each
    elsewhere = elsewhere / link
    if there:
        elsewhere.mkdir(parents=True)
    (data_folder / link).parent.mkdir(parents=True, exist_ok=True)
    (data_folder / link).symlink_to(elsewhere)
    datasets.ensure("mnist", data_folder)
    assert datasets.is_present("mnist", data_folder) and (data_folder / link).is_symlink()
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == sorted(NAMES)


def test_pixels_are_in_the_unit_interval():
    assert datasets.pixels(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])


@pytest.mark.parametrize("load", [datasets.load, datasets.load_held_out, datasets.load_split])
def test_an_unknown_split_is_refused_and_not_taken_for_the_test_split(load):
    with pytest.raises(DataError, match=r"split 'validatoin' is unknown; choose one of (test|train), "):
        load("digits", "validatoin")
