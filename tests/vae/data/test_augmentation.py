import pytest
import torch

from vae.data.augmentation import NUMBERS, warp
from vae.data.datasets import Dataset, pixels


def numbers(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, NUMBERS, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def images(digits: Dataset) -> torch.Tensor:
    return pixels(digits.train.images[:64])


@pytest.mark.parametrize("draws", [torch.zeros(64, NUMBERS), numbers(64)])
def test_without_strength_nothing_is_warped(images, draws):
    torch.testing.assert_close(warp(images, draws, strength=0.0), images, rtol=0, atol=1e-5)


def test_warped_images_are_images_bent_a_little(images):
    warped = warp(images, numbers(64))
    assert warped.shape == images.shape
    assert warped.min() >= 0 and warped.max() <= 1 + 1e-6
    to_itself = (warped - images).flatten(1).norm(dim=1)
    to_another = (images.roll(1, 0) - images).flatten(1).norm(dim=1)
    assert to_itself.min() > 0 and to_itself.mean() < 0.8 * to_another.mean()


def test_the_first_number_says_how_much(images):
    little, much = numbers(64), numbers(64)
    little[:, 0], much[:, 0] = -2.0, 2.0
    distances = [(warp(images, draws) - images).flatten(1).norm(dim=1) for draws in (little, much)]
    assert (distances[0] < distances[1]).float().mean() > 0.9


def test_an_image_is_moved_by_the_shift_alone(images):
    """A whole pixel to the left, where all else stands still."""
    draws = torch.zeros(64, NUMBERS)
    draws[:, 3] = 4.0  # half of the greatest strength, times half a pixel
    warped = warp(images, draws)
    torch.testing.assert_close(warped[..., :-1], images[..., 1:], rtol=0, atol=1e-4)


def test_every_image_is_warped_in_its_own_way_whatever_it_is_beside(images):
    draws = numbers(8)
    warped = warp(images[:1].repeat(8, 1, 1, 1), draws)
    assert len(warped.flatten(1).unique(dim=0)) == 8
    torch.testing.assert_close(warp(images[:1], draws[3:4]), warped[3:4])
