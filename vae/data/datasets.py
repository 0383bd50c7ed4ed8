"""Data sets by name, as one uint8 tensor of images per split with its labels.

`mnist`, `fashion-mnist` and `kmnist` are four files each, as they are published: packed (.gz) or not, put there by hand
or downloaded once by torchvision. `digits` comes with scikit-learn. All are 28 x 28 pixels, white on black, in ten classes.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.config import DATASETS, HELD_OUT, RunConfig
from vae.data.binarisation import binarised_once
from vae.data.inputs import as_bytes, as_labels, as_stored
from vae.data.published_files import how_to_put, missing_files, raw_folder, read_published
from vae.errors import DataError
from vae.paths import folder_of

SPLITS = ("train", "held_out")
SECONDS_TO_REACH_A_MIRROR = 8.0
SECONDS_WITHOUT_A_BYTE = 20.0
UNDER_WAY = ".download-"
"""How the name of a folder begins into which files arrive."""

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

    def binarised_once(self, seed: int = 0) -> Split:
        """The same split with every pixel 0 or 255, at random by its grey value; the same seed gives the same pixels."""
        return replace(self, images=binarised_once(self.images, seed))


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
    """Where data sets are: the folder that VAE_DATA names (~ is one's home), or `data` beside the package."""
    return folder_of("VAE_DATA")


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


def held_out_of(config: RunConfig, folder: Path | None = None) -> Split:
    """The held-out images as a run sees them: grey, or black and white. Raises `DataError` likewise."""
    split = load_held_out(config.dataset, config.held_out, folder)
    return split.binarised_once() if config.training.binarise else split


def as_trained_on(dataset: Dataset, binarise: str | None) -> Dataset:
    """A data set as a training takes it; `dynamic` pixels of training images are left to each of its steps."""
    if binarise is None:
        return dataset
    train = dataset.train.binarised_once() if binarise == "static" else dataset.train
    return replace(dataset, train=train, held_out=dataset.held_out.binarised_once())


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
    count = SIZES[name][split == "held_out"]
    images, labels = read_published(name, split, folder or data_folder(), count, len(CLASS_NAMES[name]))
    return Split(images.unsqueeze(1), labels.long())


def every_nth_of_each_class(labels: Tensor, n: int) -> Tensor:
    """A mask (N,) of the first, (n+1)-th, (2n+1)-th, ... image of every class: a fixed, stratified share of 1 / n."""
    mask = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        mask[(labels == label).nonzero().flatten()[::n]] = True
    return mask


def is_present(name: str, folder: Path | None = None) -> bool:
    """Whether the files of a data set are on this machine (a matter of milliseconds; nothing is read)."""
    _check_name(name)
    return name == "digits" or not missing_files(name, folder or data_folder())


def ensure(name: str, folder: Path | None = None) -> None:
    """Download a data set unless it is there, with a progress bar on stderr. Raises `DataError` with no network.

    The files arrive in a folder of their own. When all are whole, those that are missing are moved to their place; files
    that are there already stay as they are.
    """
    if is_present(name, folder):
        return
    folder = folder or data_folder()
    dataset = _torchvision_class(name)
    if not any(_answers(mirror) for mirror in dataset.mirrors):
        raise DataError(
            f"{name} is not on this machine and no server that has it can be reached; connect to the internet and try again, "
            f"{how_to_put(name, folder)}, or choose digits, which needs no download."
        )
    waits_forever = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_WITHOUT_A_BYTE)  # torchvision gives none
    try:
        Path(os.path.realpath(folder)).mkdir(parents=True, exist_ok=True)
        place = Path(os.path.realpath(raw_folder(name, folder)))  # maybe on another disk, and not there yet
        with tempfile.TemporaryDirectory(prefix=UNDER_WAY, dir=_nearest_folder(place)) as temporary:
            dataset(temporary, download=True)
            place.mkdir(parents=True, exist_ok=True)
            for file in missing_files(name, folder):  # another may have fetched them meanwhile, and be reading them
                os.replace(raw_folder(name, Path(temporary)) / file, place / file)
    except (OSError, RuntimeError) as error:
        raise DataError(f"The download of {name} into {folder.resolve()} failed ({error}); try again.") from error
    finally:
        socket.setdefaulttimeout(waits_forever)


def bytes_arrived(name: str, folder: Path | None = None) -> int:
    """How many bytes, packed as they are published, the newest download of a data set has brought so far."""
    place = Path(os.path.realpath(raw_folder(name, folder or data_folder())))
    try:
        arriving = [raw_folder(name, path) for path in _nearest_folder(place).glob(f"{UNDER_WAY}*")]
        newest = max((path for path in arriving if path.is_dir()), key=lambda path: path.stat().st_mtime, default=None)
        return sum(path.stat().st_size for path in newest.glob("*.gz")) if newest else 0
    except OSError:  # it has ended meanwhile
        return 0


def _nearest_folder(place: Path) -> Path:
    """The folder on the way to a place that is there and nearest to it: what lies in it can be moved to the place."""
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def _check_name(name: str) -> None:
    _check_choice("data set", name, DATASETS)


def _check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise DataError(f"The {what} {value!r} is unknown; choose one of {', '.join(choices)}.")


def _torchvision_class(name: str) -> type[Any]:
    try:
        from torchvision import datasets  # takes a second to import, and the explorer works without it
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"torchvision, which reads {name}, cannot be imported beside this torch ({reason}); install torch and torchvision "
            "anew as a pair, from the same index."
        ) from error
    return {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}[name]


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


def to_uint8(images: Tensor) -> Tensor:
    """Pixel values in [0, 1] rounded to the nearest of 0 .. 255."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8)
