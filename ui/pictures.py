"""Images and numbers as HTML, crisp at any size."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def png_url(pixels: np.ndarray) -> str:
    """uint8 pixels, grey (H, W) or in colour (H, W, 3 or 4), as a data URL of a PNG."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def figure(pixels: np.ndarray, caption: str, description: str) -> str:
    """One picture, (H, W) uint8, with a caption; all words have to be ours (they are not escaped)."""
    return (
        f'<figure class="picture"><img src="{png_url(pixels)}" alt="{description}"><figcaption>{caption}</figcaption></figure>'
    )


def row(name: str, pixels: np.ndarray) -> str:
    """A picture of images side by side, (H, W) uint8, with its name before it; the name has to be ours."""
    return f'<div class="row"><span>{name}</span><img src="{png_url(pixels)}" alt="{name}"></div>'


def placeholder(words: str, caption: str) -> str:
    """A frame of a picture's size with words in it; both have to be escaped."""
    return f'<figure class="picture"><div class="absent">{words}</div><figcaption>{caption}</figcaption></figure>'


def signed(number: float, digits: int = 2) -> str:
    """A number with a real minus sign, and none before a zero."""
    return f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−")
