"""Images and numbers as HTML, crisp at any size."""

from __future__ import annotations

import base64
import io
import math

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


def estimated(number: float, error: float, digits: int = 2) -> str:
    """A number, and its error where that shows in so many decimals: two digits of it, and the number to as many places."""
    if not 0.5 * 10**-digits <= error < math.inf:
        return signed(number, digits)
    places = min(digits, max(0, 1 - math.floor(math.log10(error))))
    return f"{signed(number, places)} ± {error:.{places}f}"


def percent(share: float) -> str:
    """A share from 0 to 1 in whole per cent; "none" and "all" only where it is 0 and 1."""
    if share in (0, 1):
        return "all" if share else "none"
    if share < 0.01 or share > 0.99:
        return "less than 1 %" if share < 0.01 else "more than 99 %"
    return f"{100 * share:.0f} %"
