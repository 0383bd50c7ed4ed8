"""Grids of places on the plane, and pictures laid out as one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LAYOUTS = ("linear", "quantile")


@dataclass(frozen=True)
class Grid:
    """A square of decoded cells: cell (row, column) is decoded at z = (z1[column], z2[row]), rows bottom to top."""

    z1: Tensor
    z2: Tensor

    def points(self) -> Tensor:
        """z of all cells, (rows * columns, 2), the bottom row first, each row left to right."""
        z2, z1 = torch.meshgrid(self.z2, self.z1, indexing="ij")
        return torch.stack([z1.flatten(), z2.flatten()], 1)


def make_grid(size: int, extent: float = 3.0, layout: str = "linear") -> Grid:
    """A grid of `size` x `size` cells.

    `linear`: the cells tile the square from -extent to extent, each decoded at its centre. `quantile`: cell i lies at
    the prior's quantile (i + 1/2) / size, so that every cell stands for the same share of N(0, I); extent plays no part.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; choose one of {LAYOUTS}")
    shares = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    values = torch.special.ndtri(shares) if layout == "quantile" else (2 * shares - 1) * extent
    return Grid(values.float(), values.float())


def tile(images: Tensor, columns: int) -> Tensor:
    """One picture (rows * H, columns * W) of images (rows * columns, 1, H, W), whose first row comes out at the bottom."""
    count, _, height, width = images.shape
    rows = count // columns
    cells = images.view(rows, columns, height, width).flip(0)
    return cells.permute(0, 2, 1, 3).reshape(rows * height, columns * width)
