"""All held-out pictures as one, which the lens cuts originals and thumbnails from."""

from __future__ import annotations

import io
from pathlib import Path

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

import vae
from ui.cache import runs
from vae.data import datasets
from vae.latent.grid import tile

COLUMNS = 52
"""Pictures side by side: with more, Streamlit would make the whole smaller before it sends it."""


def show(run: vae.Run) -> None:
    """Hand the pictures to the browser, as one that nobody sees; the lens finds it by its place."""
    images = runs.held_out(run.config)
    if images is None:
        return
    config = run.config
    sheet = _sheet(config.dataset, config.held_out, config.training.binarise, datasets.data_folder(), images.images)
    with st.container(key="originals"):
        st.image(sheet, alt=f"{len(images)} {COLUMNS}", output_format="PNG")  # else Streamlit makes a JPEG of it


@st.cache_resource(max_entries=4, show_spinner=False)
def _sheet(dataset: str, split: str, binarise: str | None, folder: Path, _images: Tensor) -> bytes:
    return sheet_of(_images)


def sheet_of(images: Tensor) -> bytes:
    """A PNG of pictures (N, 1, H, W), the first row on top, left to right."""
    rows = -(-len(images) // COLUMNS)
    full = torch.zeros(rows * COLUMNS, *images.shape[1:], dtype=torch.uint8)
    full[: len(images)] = images
    upside_down = full.view(rows, COLUMNS, *images.shape[1:]).flip(0).flatten(0, 1)  # `tile` puts the first row at the bottom
    content = io.BytesIO()
    Image.fromarray(tile(upside_down, COLUMNS).numpy()).save(content, "PNG", compress_level=1)
    return content.getvalue()
