"""The four files in which MNIST and the data sets of its kind are published, in the folder where torchvision has them too."""

from __future__ import annotations

import stat
from pathlib import Path

from torch import Tensor

from vae.data.idx import IdxError, MisnamedError, read_idx
from vae.data.inputs import IMAGE_SHAPE
from vae.errors import DataError

FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("held_out", "images"): "t10k-images-idx3-ubyte",
    ("held_out", "labels"): "t10k-labels-idx1-ubyte",
}
"""By split and by what is in them; as they are downloaded, packed by gzip, .gz is added to the name."""

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}


def raw_folder(name: str, folder: Path) -> Path:
    """Where the files of a data set belong within the folder of all data sets."""
    return folder / FOLDERS[name] / "raw"


def missing_files(name: str, folder: Path) -> list[str]:
    """Which of a data set's four files are not there, neither as they are nor packed."""
    return [file for file in FILES.values() if _found(raw_folder(name, folder) / file) is None]


def how_to_put(name: str, folder: Path) -> str:
    """What to do by hand where files are missing, as half a sentence."""
    missing = ", ".join(missing_files(name, folder))
    return f"put {missing}, each as it is or packed (.gz), into {raw_folder(name, folder.resolve())}"


def read_published(name: str, split: str, folder: Path, count: int, classes: int) -> tuple[Tensor, Tensor]:
    """The images (N, 28, 28) and labels (N,) of a split of `count`, uint8 both.

    Raises `DataError` where a file is missing, cannot be read, or holds anything else.
    """
    images, labels = (_found(raw_folder(name, folder.resolve()) / FILES[split, kind]) for kind in ("images", "labels"))
    if images is None or labels is None or missing_files(name, folder):
        fetch = f"fetch it once, with a network, by python -m vae download {name}"
        raise DataError(f"{name} is not on this machine; {fetch}, or {how_to_put(name, folder)}.")
    return _read(name, images, "images", (count, *IMAGE_SHAPE[1:])), _read(name, labels, "labels", (count,), classes - 1)


def _found(path: Path) -> Path | None:
    """The file as it is, or else packed; None where neither is there."""
    return next((file for file in (path, path.with_name(f"{path.name}.gz")) if _is_file(file)), None)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True  # reading it tells why it cannot be read
    except OSError:
        return False


def _read(name: str, path: Path, kind: str, shape: tuple[int, ...], largest: int = 255) -> Tensor:
    again = f"fetch it again by python -m vae download {name}"
    try:
        values = read_idx(path, kind, shape)
        if values.max() > largest:
            raise IdxError(f"holds the label {values.max()}, and labels go from 0 to {largest}")
    except MisnamedError as error:
        raise DataError(f"{path} {error}; give each file of {name} its own name, or delete this one and {again}.") from error
    except IdxError as error:
        raise DataError(f"{path} {error}; delete it and {again}.") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path} cannot be read ({reason}); let this program read it, or delete it and {again}.") from error
    return values
