import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest
import torch

from vae import data
from vae.errors import DataError


def as_set(split: data.Split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.images}


@pytest.fixture
def written_mnist(tmp_path: Path) -> Path:
    """A small data set in MNIST's own file format, twenty images a split."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    for part in ("train", "t10k"):
        images = torch.randint(0, 256, (20, 28, 28), generator=generator, dtype=torch.uint8)
        header = b"".join(number.to_bytes(4, "big") for number in (0x803, 20, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
        labels = bytes(range(10)) * 2
        (raw / f"{part}-labels-idx1-ubyte").write_bytes((0x801).to_bytes(4, "big") + (20).to_bytes(4, "big") + labels)
    return tmp_path


def test_digits_are_all_there_and_split_by_class(digits):
    assert len(digits.train) + len(digits.held_out) == 1797 == sum(data.SIZES["digits"])
    assert (len(digits.train), len(digits.held_out)) == data.SIZES["digits"]
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
    again = data.load("digits")
    assert torch.equal(again.train.images, digits.train.images) and torch.equal(again.held_out.labels, digits.held_out.labels)


def test_validation_comes_out_of_the_training_split_alone(digits):
    validation = data.load("digits", "validation")
    assert len(validation.train) + len(validation.held_out) == len(digits.train)
    assert as_set(validation.train) | as_set(validation.held_out) == as_set(digits.train)
    assert not as_set(validation.held_out) & as_set(digits.held_out)
    assert torch.equal(data.load_held_out("digits", "validation").images, validation.held_out.images)


def test_mnist_is_read_with_its_own_test_set_held_out(mnist_present):
    mnist = data.load("mnist")
    assert (len(mnist.train), len(mnist.held_out)) == data.SIZES["mnist"]
    assert mnist.train.images.shape == (60_000, 1, 28, 28)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]  # as everybody's MNIST begins
    assert mnist.held_out.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.held_out.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_files_format_is_read_from_the_folder_that_the_variable_names(written_mnist, monkeypatch):
    monkeypatch.setenv("VAE_DATA", str(written_mnist))
    loaded = data.load("mnist")
    assert len(loaded.train) == len(loaded.held_out) == 20
    assert loaded.held_out.labels.tolist() == list(range(10)) * 2
    assert not torch.equal(loaded.train.images, loaded.held_out.images)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03\0\0\0\x14", b"not a data set at all", b"\0\0\x08\x01\0\0\0\x02\1\2"])
def test_a_damaged_file_is_told_in_one_sentence(written_mnist, name, content):
    (written_mnist / "MNIST" / "raw" / name).write_bytes(content)
    with pytest.raises(DataError, match="delete that folder and fetch"):
        data.load("mnist", folder=written_mnist)


def test_a_missing_data_set_says_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match="python -m vae download fashion-mnist"):
        data.load("fashion-mnist", folder=tmp_path)
    assert not data.is_present("kmnist", tmp_path)
    assert data.is_present("digits", tmp_path)


@pytest.mark.parametrize("ask", [data.load, data.ensure])
@pytest.mark.parametrize("error", [ImportError("no such file"), RuntimeError("operator torchvision::nms does not exist\n...")])
def test_a_torchvision_that_is_not_of_this_torch_is_not_taken_for_damaged_files(written_mnist, monkeypatch, ask, error):
    class Refuses:
        def find_spec(self, name, path=None, target=None):
            if name == "torchvision":
                raise error

    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refuses(), *sys.meta_path])
    folder = written_mnist if ask is data.load else written_mnist / "elsewhere"
    with pytest.raises(DataError, match="install torch and torchvision anew as a pair"):
        ask("mnist", folder=folder)


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(DataError, match="mnist, digits, fashion-mnist, kmnist"):
        data.load("cifar")


def test_with_no_network_one_sentence(tmp_path, monkeypatch):
    def refuse(*arguments, **more):
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(DataError, match="no server that has it can be reached"):
        data.load("kmnist", download=True, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_never_answers_is_given_up(tmp_path, monkeypatch):
    never = threading.Event()

    def hang(*arguments, **more):
        never.wait()
        raise OSError("gave up")

    monkeypatch.setattr(data.urllib.request, "urlopen", hang)
    monkeypatch.setattr(data, "SECONDS_TO_REACH_A_MIRROR", 0.05)
    with pytest.raises(DataError, match="no server that has it can be reached"):
        data.load("mnist", download=True, folder=tmp_path)
    never.set()


def test_a_download_that_breaks_leaves_nothing_half_done(tmp_path, monkeypatch):
    class Breaks:
        mirrors = ("http://somewhere/",)

        def __init__(self, folder, download):
            (Path(folder) / "MNIST" / "raw").mkdir(parents=True)
            raise RuntimeError("cut off")

    monkeypatch.setattr(data, "_torchvision_class", lambda name: Breaks)
    monkeypatch.setattr(data, "_answers", lambda mirror: True)
    with pytest.raises(DataError, match="cut off"):
        data.ensure("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_download_ends_in_its_place(tmp_path, written_mnist, monkeypatch):
    class Copies:
        mirrors = ("http://somewhere/",)

        def __init__(self, folder, download):
            (written_mnist / "MNIST").rename(Path(folder) / "MNIST")

    monkeypatch.setattr(data, "_torchvision_class", lambda name: Copies)
    monkeypatch.setattr(data, "_answers", lambda mirror: True)
    target = tmp_path / "elsewhere"
    data.ensure("mnist", target)
    assert data.is_present("mnist", target)
    assert [path.name for path in target.iterdir()] == ["MNIST"]


def test_of_two_downloads_at_once_the_second_leaves_what_the_first_has_put_there(tmp_path, written_mnist, monkeypatch):
    target, first = tmp_path / "elsewhere", []

    class IsOvertaken:
        mirrors = ("http://somewhere/",)

        def __init__(self, folder, download):
            shutil.copytree(written_mnist / "MNIST", Path(folder) / "MNIST")
            shutil.copytree(written_mnist / "MNIST", target / "MNIST")
            first.append((target / "MNIST" / "raw").stat())

    monkeypatch.setattr(data, "_torchvision_class", lambda name: IsOvertaken)
    monkeypatch.setattr(data, "_answers", lambda mirror: True)
    data.ensure("mnist", target)
    assert os.path.samestat((target / "MNIST" / "raw").stat(), first[0])
    assert [path.name for path in target.iterdir()] == ["MNIST"]


def test_pixels_are_in_the_unit_interval():
    assert data.pixels(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])


@pytest.mark.parametrize("load", [data.load, data.load_held_out, data.load_split])
def test_an_unknown_split_is_refused_and_not_taken_for_the_test_split(load):
    with pytest.raises(DataError, match="split 'validatoin' is unknown; choose one of (test|train), "):
        load("digits", "validatoin")
