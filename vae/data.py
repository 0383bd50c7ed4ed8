"""Data sets by name, as one uint8 tensor of images per split with its labels.

`mnist`, `fashion-mnist` and `kmnist` come through torchvision and are downloaded once; `digits` comes with
scikit-learn. All are 28 x 28 pixels, white on black, in ten classes.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vae.config import DATASETS, HELD_OUT
from vae.errors import DataError
from vae.inputs import as_bytes, as_labels, as_stored

SPLITS = ("train", "held_out")
FOLDER_VARIABLE = "VAE_DATA"
SECONDS_TO_REACH_A_MIRROR = 8.0
SECONDS_WITHOUT_A_BYTE = 20.0

DIGITS = tuple(str(digit) for digit in range(10))
CLASS_NAMES = {
    "mnist": DIGITS,
    "digits": DIGITS,
    "fashion-mnist": (
        "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}  # fmt: skip

SIZES = {"mnist": (60_000, 10_000), "digits": (1_433, 364), "fashion-mnist": (60_000, 10_000), "kmnist": (60_000, 10_000)}
"""How many images each data set has to train on and held out."""

ONE_IN_VALIDATION = 6
"""Every so many-th training image of a class is held out for validation, where that is asked for."""


@dataclass(frozen=True)
class Split:
    """Images (N, 1, 28, 28) as uint8 and their class indices (N,) as int64, on one device. Raises `InputError` on others."""

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", as_stored(self.images))
        object.__setattr__(self, "labels", as_labels(self.labels, self.images))

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> Split:
        """The same split on another device."""
        return Split(self.images.to(device), self.labels.to(device))

    def select(self, index: Tensor) -> Split:
        """The images and labels at `index`, a mask or integers."""
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """A training split and a held-out split that is never trained on."""

    name: str
    train: Split
    held_out: Split
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.train) or not len(self.held_out):
            raise DataError(
                f"The data set {self.name} has {len(self.train)} training images and {len(self.held_out)} held-out ones; both "
                "are needed."
            )

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set on another device."""
        return replace(self, train=self.train.to(device), held_out=self.held_out.to(device))


def pixels(images: Tensor) -> Tensor:
    """uint8 images as float32 pixel values in [0, 1], of the same shape. Raises `InputError` on other types."""
    return as_bytes(images).to(torch.float32) / 255


def data_folder() -> Path:
    """Where downloaded data sets are: the folder that VAE_DATA names, or `data` beside the package."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).resolve().parents[1] / "data")


def load(name: str, held_out: str = "test", *, download: bool = False, folder: Path | None = None) -> Dataset:
    """The data set `name` with both its splits.

    With `held_out="validation"`, a stratified sixth of the training split is held out instead of the test split.
    With `download=True` a missing data set is fetched, with a progress bar on stderr. Raises `DataError` when the name
    or `held_out` is unknown, the files are missing or damaged, or no mirror answers within a few seconds.
    """
    _check_choice("held-out split", held_out, HELD_OUT)
    if download:
        ensure(name, folder)
    if held_out == "validation":
        everything = load_split(name, "train", folder)
        mask = every_nth_of_each_class(everything.labels, ONE_IN_VALIDATION)
        train, held = everything.select(~mask), everything.select(mask)
    else:
        train, held = load_split(name, "train", folder), load_split(name, "held_out", folder)
    return Dataset(name, train, held, CLASS_NAMES[name])


def load_held_out(name: str, held_out: str = "test", folder: Path | None = None) -> Split:
    """Only the held-out split of `load`, for those who do not train. Raises `DataError` likewise."""
    _check_choice("held-out split", held_out, HELD_OUT)
    if held_out == "validation":
        return load(name, held_out, folder=folder).held_out
    return load_split(name, "held_out", folder)


def load_split(name: str, split: str, folder: Path | None = None) -> Split:
    """The published `train` or `held_out` split of a data set, from disk. Raises `DataError`."""
    _check_name(name)
    _check_choice("split", split, SPLITS)
    if name == "digits":
        everything = _scikit_learn_digits()
        mask = every_nth_of_each_class(everything.labels, 5)
        return everything.select(mask if split == "held_out" else ~mask)
    return _torchvision_split(name, split, folder or data_folder())


def every_nth_of_each_class(labels: Tensor, n: int) -> Tensor:
    """A mask (N,) of the first, (n+1)-th, (2n+1)-th, ... image of every class: a fixed, stratified share of 1 / n."""
    mask = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        mask[(labels == label).nonzero().flatten()[::n]] = True
    return mask


def is_present(name: str, folder: Path | None = None) -> bool:
    """Whether the files of a data set are on this machine (a matter of milliseconds; nothing is read)."""
    _check_name(name)
    if name == "digits":
        return True
    raw = _raw_folder(name, folder or data_folder())
    return all((raw / file).is_file() for file in _FILES.values())


def ensure(name: str, folder: Path | None = None) -> None:
    """Download a data set unless it is there, with a progress bar on stderr. Raises `DataError` with no network.

    The files arrive in a folder beside their place and are moved into it when they are whole.
    """
    if is_present(name, folder):
        return
    folder = folder or data_folder()
    dataset = _torchvision_class(name)
    if not any(_answers(mirror) for mirror in dataset.mirrors):
        raise DataError(
            f"The data set {name} is not in {folder.resolve()} and no server that has it can be reached; connect to the "
            f"internet and try again, copy the data set there, or choose digits, which needs no download."
        )
    target = _raw_folder(name, folder)
    waits_forever = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_WITHOUT_A_BYTE)  # torchvision gives none
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            dataset(temporary, download=True)
            if not is_present(name, folder):  # else another has fetched it meanwhile, and may be reading it
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(exist_ok=True)
                os.replace(_raw_folder(name, Path(temporary)), target)
    except (OSError, RuntimeError) as error:
        raise DataError(f"The download of {name} into {folder.resolve()} failed ({error}); try again.") from error
    finally:
        socket.setdefaulttimeout(waits_forever)


_FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("held_out", "images"): "t10k-images-idx3-ubyte",
    ("held_out", "labels"): "t10k-labels-idx1-ubyte",
}


def _check_name(name: str) -> None:
    _check_choice("data set", name, DATASETS)


def _check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise DataError(f"The {what} {value!r} is unknown; choose one of {', '.join(choices)}.")


def _torchvision_class(name: str) -> type:
    try:
        from torchvision import datasets  # takes a second to import, and the explorer works without it
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"torchvision, which reads {name}, cannot be imported beside this torch ({reason}); install torch and torchvision "
            "anew as a pair, from the same index."
        ) from error
    return {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}[name]


def _raw_folder(name: str, folder: Path) -> Path:
    return folder / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}[name] / "raw"


def _torchvision_split(name: str, split: str, folder: Path) -> Split:
    raw = _raw_folder(name, folder)
    if not is_present(name, folder):
        raise DataError(f"The data set {name} is not in {folder.resolve()}; fetch it once with: python -m vae download {name}")
    try:
        dataset = _torchvision_class(name)(folder, train=split == "train")
        images, labels = dataset.data, dataset.targets
    except (OSError, ValueError, RuntimeError, AssertionError, IndexError, KeyError, TypeError) as error:
        raise DataError(f"The files in {raw.resolve()} are damaged; delete that folder and fetch {name} again.") from error
    fits = images.dtype == torch.uint8 and images.shape[1:] == (28, 28) and labels.shape == images.shape[:1]
    if not fits or not len(labels) or not 0 <= int(labels.min()) <= int(labels.max()) <= 9:
        raise DataError(f"The files in {raw.resolve()} do not hold {name}; delete that folder and fetch it again.")
    return Split(images.unsqueeze(1), labels.long())


def _scikit_learn_digits() -> Split:
    """1,797 digits of 8 x 8 pixels, enlarged to 20 x 20 in the middle of 28 x 28, where MNIST has its digits too."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images).float().unsqueeze(1) / 16
    images = torch.nn.functional.interpolate(images, size=(20, 20), mode="bilinear", align_corners=False)
    images = torch.nn.functional.pad(images, (4, 4, 4, 4))
    return Split((images * 255).round().to(torch.uint8), torch.from_numpy(digits.target).long())


def _answers(url: str) -> bool:
    """Whether a server answers at all; a thread of its own bounds what name look-up and proxies may take."""
    answered, seconds = threading.Event(), SECONDS_TO_REACH_A_MIRROR

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
        except urllib.error.HTTPError:
            pass  # a refusal is an answer too
        except (OSError, ValueError):
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()
