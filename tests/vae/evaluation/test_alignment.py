"""Planes laid onto each other."""

import math

import pytest
import torch

from vae.evaluation.alignment import orthogonal_alignment
from vae.latent.plane import plane_of_axes


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_a_plane_that_was_turned_and_moved_is_turned_back(mirror):
    codes = torch.randn(200, 2) * torch.tensor([2.0, 0.5])
    cosine, sine = math.cos(0.7), math.sin(0.7)
    turn = torch.tensor([[cosine, sine], [-sine, cosine]]) @ torch.diag(torch.tensor([1.0, mirror]))
    found = orthogonal_alignment(codes @ turn + 3, codes)
    assert torch.allclose(found, turn.T, atol=1e-5)


def test_no_other_angle_is_nearer():
    codes, target = torch.randn(100, 2), torch.randn(100, 2)
    codes, target = codes - codes.mean(0), target - target.mean(0)
    least = (codes @ orthogonal_alignment(codes, target) - target).square().sum()
    for angle in torch.linspace(0, 2 * math.pi, 50).tolist():
        cosine, sine = math.cos(angle), math.sin(angle)
        for mirror in (1.0, -1.0):
            other = torch.tensor([[cosine, sine], [-sine * mirror, cosine * mirror]])
            assert (codes @ other - target).square().sum() >= least - 1e-3


def test_a_turned_plane_decodes_what_its_turned_codes_stand_for():
    plane, z = plane_of_axes(5, 1, 3), torch.randn(7, 5)
    turn = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    turned = plane.turned(turn)
    assert torch.allclose(turned.project(z), plane.project(z) @ turn, atol=1e-6)
    assert torch.allclose(turned.points(turned.project(z[:1]), z[0]), z[:1], atol=1e-6)
