"""A small classifier of images, trained on a run's data in seconds: what is a decoded image taken for, and how surely?"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vae.data.datasets import Dataset, pixels
from vae.data.inputs import IMAGE_SHAPE
from vae.errors import RunError
from vae.latent.grid import make_grid
from vae.latent.plane import Plane
from vae.model.autoencoder import VAE
from vae.model.inference import decode_points
from vae.runs.atomic_files import all_finite, read_tensors, write_tensors
from vae.runs.folder import RunFolder

FILE = "classifier.safetensors"
HIDDEN, STEPS, BATCH, RATE = 128, 2_000, 128, 3e-3
"""Of MNIST's held-out images 97 in 100 are classified right after these steps, which take seconds."""


class Classifier(nn.Module):
    """Two dense layers; `accuracy` is the share of held-out images that it classifies right."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(math.prod(IMAGE_SHAPE), HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
        )
        self.accuracy = math.nan

    def probabilities(self, images: Tensor) -> Tensor:
        """The probability of each class, (N, classes), of uint8 images (N, C, H, W)."""
        return self.layers(pixels(images)).softmax(1)


def train_classifier(dataset: Dataset, seed: int = 0) -> Classifier:
    """A new classifier; global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(len(dataset.class_names))
        optimiser = torch.optim.AdamW(classifier.parameters(), RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        for _ in range(STEPS):
            batch = dataset.train.select(torch.randint(len(dataset.train), (BATCH,)))
            optimiser.zero_grad()
            functional.cross_entropy(classifier.layers(pixels(batch.images)), batch.labels).backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        found = classifier.probabilities(dataset.held_out.images).argmax(1)
    classifier.accuracy = (found == dataset.held_out.labels).double().mean().item()
    return classifier.eval().requires_grad_(False)


def save_classifier(folder: RunFolder, classifier: Classifier) -> None:
    """Keep it with the run. Raises `RunError` where the folder takes no files."""
    write_tensors(folder.path / FILE, classifier.state_dict(), {"accuracy": classifier.accuracy})


def load_classifier(folder: RunFolder, classes: int) -> Classifier | None:
    """The one that was kept with a run; None where there is none, or none that can be used."""
    classifier = Classifier(classes)
    shapes = {name: tuple(value.shape) for name, value in classifier.state_dict().items()}
    try:
        tensors, numbers = read_tensors(folder.path / FILE, shapes)
    except RunError:
        return None
    if not all_finite(tensors):
        return None
    classifier.load_state_dict(tensors)
    classifier.accuracy = numbers.get("accuracy", math.nan)
    return classifier.eval().requires_grad_(False)


@torch.no_grad()
def class_field(model: VAE, classifier: Classifier, plane: Plane, through: Tensor, extent: float, size: int) -> Tensor:
    """What decoded images of the slice through the point `through` (D,) are taken for: probabilities (size, size, classes)."""
    coordinates = make_grid(size, extent).points()
    if plane.is_strip:
        coordinates = coordinates[:size]
    found = classifier.probabilities(decode_points(model, plane.points(coordinates, through)))
    return found.view(-1, size, found.shape[1]).expand(size, -1, -1)
