"""What a decoded lattice says of the places between its points."""

import torch

from tests.conftest import small_config
from tests.vae.evidence.conftest import narrow
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.model.autoencoder import build_model
from vae.runs.folder import load_run


def test_at_the_lattices_points_a_guess_is_what_was_decoded_and_outside_it_says_so():
    for likelihood in ("bernoulli", "gaussian"):
        quadrature = PlaneQuadrature(build_model(small_config(likelihood=likelihood).model, seed=0), spacing=0.25)
        points = quadrature.lattice.points(quadrature.blocks, 0)
        inside = points.norm(dim=1) < 5
        found = quadrature.interpolant.decode(points[inside])
        assert torch.allclose(found.natural, quadrature.decoded.natural[inside], atol=1e-4)
        assert torch.allclose(found.offset, quadrature.decoded.offset[inside], atol=1e-2)
        outside = torch.tensor([[0.0, 7.0], [-9.0, 0.0], [100.0, 100.0], [0.1, 0.2]], dtype=torch.double)
        assert quadrature.interpolant.decode(outside).offset.isnan().tolist() == [True, True, True, False]


def test_between_them_it_is_close_to_the_decoder(small_run):
    quadrature = PlaneQuadrature(load_run(small_run.path).model, spacing=0.1)
    z = torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    exact, interpolant = quadrature.log_joint.decode(z, exactly=True), quadrature.interpolant.decode(z)
    assert (interpolant.natural - exact.natural).abs().max() < 0.1 and (interpolant.offset - exact.offset).abs().max() < 1


def test_the_evidence_is_the_same_with_a_guess_from_fewer_places(small_run, digits, monkeypatch):
    quadrature, images = PlaneQuadrature(narrow(small_run), tiles=False).prepare(), digits.held_out.images[:30] / 255
    counts, found, decode = [], [], quadrature.log_joint.decode
    for interpolant in (quadrature.interpolant, None):
        counts.append(0)
        monkeypatch.setattr(PlaneQuadrature, "interpolant", interpolant)

        def counted(z: torch.Tensor, exactly: bool = False):
            counts[-1] += 0 if exactly else len(z)  # the coarse lattices are decoded once, for both
            return decode(z, exactly)

        quadrature.log_joint.decode = counted
        found.append(quadrature.log_evidence(images).log_evidence)
    assert torch.allclose(*found, atol=2e-4, rtol=0) and counts[0] < counts[1]
