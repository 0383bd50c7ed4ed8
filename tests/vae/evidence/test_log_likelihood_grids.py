"""The values that the browser interpolates between are the model's own."""

from __future__ import annotations

import pytest
import torch

from vae.config import ModelConfig
from vae.evidence.log_likelihood_grids import FINE, Grid, log_likelihood_grids
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.model.autoencoder import VAE, build_model
from vae.model.reconstruction import log_likelihood


def points(grid: Grid) -> torch.Tensor:
    rows, columns = grid.values.shape
    z1, z2 = (grid.first[axis] + torch.arange(count) * grid.spacing for axis, count in ((0, columns), (1, rows)))
    return torch.cartesian_prod(z2, z1).flip(1)


def decoded(model: VAE, x: torch.Tensor, grid: Grid) -> torch.Tensor:
    with torch.no_grad():
        return log_likelihood(model, x, points(grid)).view(grid.values.shape)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_both_grids_hold_what_the_decoder_says_at_their_points(likelihood):
    model = build_model(ModelConfig("mlp", likelihood=likelihood)).eval()
    x = torch.rand(1, 1, 28, 28)
    plane = PlaneQuadrature(model, spacing=0.2, extent=3.0)
    grids = log_likelihood_grids(plane, x, (0.5, -1.0), 0.4)
    fine = points(grids.fine)
    assert grids.fine.values.shape == (FINE, FINE) and grids.extent >= 3.0
    assert fine.mean(0).tolist() == pytest.approx([0.5, -1.0], abs=1e-5)
    assert (fine.amax(0) - fine.amin(0)).tolist() == pytest.approx([0.8 * (1 - 1 / FINE)] * 2, abs=1e-5)
    assert grids.fine.values.numpy() == pytest.approx(decoded(model, x, grids.fine).numpy(), abs=5e-3)
    inside = points(grids.coarse).norm(dim=1).view(grids.coarse.values.shape) < grids.extent - 2 * grids.coarse.spacing
    exact = decoded(model, x, grids.coarse)
    assert inside.float().mean() > 0.5 and grids.coarse.values[inside].numpy() == pytest.approx(exact[inside].numpy(), abs=5e-3)


def test_beyond_what_was_decoded_stands_what_is_nearer_to_zero():
    model = build_model(ModelConfig("mlp")).eval()
    grids = log_likelihood_grids(PlaneQuadrature(model, spacing=0.2, extent=3.0), torch.rand(1, 1, 28, 28), (0.0, 0.0), 0.5)
    values = grids.coarse.values
    disc = values[points(grids.coarse).norm(dim=1).view(values.shape) < grids.extent]
    corners = values[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert values.isfinite().all() and all(corner in disc for corner in corners)
