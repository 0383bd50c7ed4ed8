"""Image files as pictures: upright, opaque, in colour, and no larger than is useful."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vae.errors import ExplorerError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
HEIC = "HEIF"
"""What telephones save; its decoder is loaded for such a file alone."""

MOST_MEGABYTES = 40
MOST_MEGAPIXELS = 50
FEWEST_PIXELS = 4
LONGEST_SIDE = 560
"""20 x 28: larger pictures are shrunk to this, and the grain of paper and camera averages out."""


class PictureError(ExplorerError):
    """A picture cannot be used."""


def read_picture(content: bytes) -> np.ndarray:
    """The bytes of an image file as colours (H, W, 3), uint8, upright, at most 560 pixels a side.

    Raises `PictureError`, before any pixel is decoded where the header tells, when the picture cannot be used.
    """
    if not content:
        raise PictureError("The picture is empty (0 bytes); choose another file or draw one.")
    if len(content) > MOST_MEGABYTES * 1_000_000:
        raise PictureError(
            f"The picture has {len(content) / 1e6:.0f} MB and at most {MOST_MEGABYTES} MB are read; save it smaller and "
            f"try again."
        )
    try:
        picture = Image.open(BytesIO(content), formats=_formats(content))
        _check_header(picture)
        return _colours(picture)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"The picture has far more than the {MOST_MEGAPIXELS} million pixels that are read; save it smaller and try again."
        ) from error
    except UnidentifiedImageError as error:
        kinds = ", ".join((*FORMATS, "HEIC"))
        raise PictureError(f"The file is no picture that can be read; choose one of the kinds {kinds}.") from error
    except Exception as error:  # damaged files make decoders raise nearly anything
        raise PictureError(
            "The picture is damaged or incomplete; save it again, for instance as PNG, and try again."
        ) from error


def _formats(content: bytes) -> tuple[str, ...]:
    """The formats that Pillow is to try, with HEIC's decoder made known to it where the file may need it."""
    if content[4:8] != b"ftyp":
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise PictureError(
            "HEIC pictures need the package pillow-heif, which is not installed; save the picture as JPEG and try again."
        ) from error
    register_heif_opener(thumbnails=False)
    return (HEIC,)


def _check_header(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MOST_MEGAPIXELS * 1_000_000:
        raise PictureError(
            f"The picture has {width} x {height} pixels and at most {MOST_MEGAPIXELS} million are read; save it smaller and "
            f"try again."
        )
    if min(width, height) < FEWEST_PIXELS:
        raise PictureError(
            f"The picture has {width} x {height} pixels and at least {FEWEST_PIXELS} x {FEWEST_PIXELS} are needed; choose a "
            f"larger one."
        )
    # Phones save photographs with a preview (MPO) or in series (HEIC); the first is the picture.
    if picture.format not in ("MPO", HEIC) and getattr(picture, "is_animated", False):
        raise PictureError("The picture is animated or has several pages; choose one with a single image.")


def _colours(picture: Image.Image) -> np.ndarray:
    """Colours (H, W, 3), uint8. A large picture is made small as soon as its mode allows: it may have 50 million pixels."""
    picture = _averageable(picture)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)  # which decodes a JPEG at a fraction of its size
    picture = ImageOps.exif_transpose(picture)
    if "A" in picture.mode:
        return _on_paper(np.asarray(picture.convert("RGBA"), np.float32))
    return np.array(picture.convert("RGB"))


def _averageable(picture: Image.Image) -> Image.Image:
    """The picture in a mode whose neighbouring values may be averaged."""
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel, of whatever range
        every = -(-max(picture.size) // (4 * LONGEST_SIDE))
        levels = np.nan_to_num(np.asarray(picture)[::every, ::every].astype(np.float32), posinf=0, neginf=0)
        levels -= levels.min()
        grey = Image.fromarray((levels * (255 / max(float(levels.max()), 1e-30))).round().astype(np.uint8))
        grey.info["exif"] = picture.getexif().tobytes()
        return grey
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        return picture.convert("RGBA")
    return picture.convert({"1": "L", "P": "RGB"}[picture.mode]) if picture.mode in ("1", "P") else picture


def _on_paper(colours: np.ndarray) -> np.ndarray:
    """Colours with opacity (H, W, 4), in [0, 255], on the paper that they were made for: (H, W, 3), uint8.

    A border that can be seen is the paper. Else all that can be seen is ink: dark ink is for white paper, light for black.
    """
    colours, opacity = colours[..., :3], colours[..., 3:] / 255
    border = _border(opacity)[:, 0] > 0.5
    if border.mean() > 0.5:
        paper = np.median(_border(colours)[border], 0)
    else:
        paper = 255 if (colours * opacity).sum() < 3 * 127.5 * opacity.sum() else 0
    return (paper + opacity * (colours - paper)).round().astype(np.uint8)


def _border(values: np.ndarray) -> np.ndarray:
    """The outermost pixels of (H, W, C), in one row."""
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
