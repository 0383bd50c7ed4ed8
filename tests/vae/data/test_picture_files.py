"""What telephones save, and how large."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.conftest import ROOT, skip_or_fail
from vae.data.picture_files import PictureError, read_picture

pytestmark = pytest.mark.slow

PEAK = """
import resource, sys
from vae.data.picture_files import read_picture
content = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
shape = read_picture(content).shape
print(*shape, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""

LOADED = """
import sys
from vae.data.picture_files import read_picture
read_picture(open(sys.argv[1], "rb").read())
print("pillow_heif" in sys.modules)
"""


def stroke(width: int = 400, height: int = 300, mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (width, height), "white")
    ImageDraw.Draw(picture).line([(width // 4, height // 4), (width // 4, 3 * height // 4)], "black", width // 20)
    return picture


def heic(picture: Image.Image, **options: object) -> bytes:
    from pillow_heif import from_pillow

    content = io.BytesIO()
    try:
        from_pillow(picture).save(content, **options)
    except (RuntimeError, OSError) as error:
        skip_or_fail(f"This pillow-heif cannot write a HEIC file to test with ({error}); install its wheel")
    return content.getvalue()


def test_heic_is_read():
    read = read_picture(heic(stroke(), quality=90)).astype(int)
    assert read.shape == (300, 400, 3) and np.abs(read - np.asarray(stroke())).mean() < 3


def test_a_photograph_in_heic_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    assert read_picture(heic(stroke(), quality=90, exif=exif.tobytes())).shape == (400, 300, 3)


def test_damaged_heic_is_told():
    content = heic(stroke(), quality=90)
    for length in (12, 100, len(content) // 2):
        with pytest.raises(PictureError, match=r"no picture that can be read|damaged"):
            read_picture(content[:length])


def test_heic_without_its_decoder_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match="need the package pillow-heif"):
        read_picture(b"\0\0\0\x18ftypheic" + b"\0" * 100)
    assert read_picture(_file(stroke(), "PNG")).shape == (300, 400, 3)


def test_the_decoder_is_loaded_for_heic_alone(tmp_path):
    picture = tmp_path / "stroke.png"
    picture.write_bytes(_file(stroke(), "PNG"))
    printed = subprocess.run([sys.executable, "-c", LOADED, str(picture)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "False"


def _file(picture: Image.Image, kind: str) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("kind, mode, megabytes", [("JPEG", "RGB", 150), ("PNG", "L", 250), ("PNG", "RGB", 450)])
def test_fifty_megapixels_are_read_in_bounded_memory(kind, mode, megabytes, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(_file(stroke(8660, 5770, mode), kind))
    result = subprocess.run([sys.executable, "-c", PEAK, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    height, width, channels, peak = map(int, result.stdout.split())
    assert (width, channels) == (560, 3) and abs(height - 373) <= 1
    assert peak < megabytes
