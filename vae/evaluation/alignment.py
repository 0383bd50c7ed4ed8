"""Planes of two runs laid onto each other: what rotation and reflection brings the same images' codes together."""

from __future__ import annotations

import torch
from torch import Tensor


def orthogonal_alignment(codes: Tensor, target: Tensor) -> Tensor:
    """The orthogonal matrix R (2, 2) for which `codes` @ R lies nearest to `target`, (N, 2) each, both about their means.

    The orthogonal Procrustes problem (Schoenemann 1966): with the singular value decomposition U S V^T of codes^T target,
    R = U V^T. Neither N(0, I) nor any distance changes by it, and there is no scaling.
    """
    first, second = (places.double() - places.double().mean(0) for places in (codes, target))
    u, _, vh = torch.linalg.svd(first.T @ second)
    return (u @ vh).to(codes.dtype)
