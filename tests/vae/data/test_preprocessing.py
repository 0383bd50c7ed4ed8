import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from vae.config import DATASETS
from vae.data import datasets
from vae.data.ink import find_ink
from vae.data.picture_files import PictureError, read_picture
from vae.data.preprocessing import PREPROCESSING, find_image, to_convention


def file_of(picture: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def seven(size: int = 200, ink: object = 255, paper: object = 0, mode: str = "L", at: int = 0) -> Image.Image:
    """A 7 about half as large as the picture, `at` pixels off its place."""
    picture = Image.new(mode, (size, size), paper)
    places = [(x * size / 8 + at, y * size / 8 + at) for x, y in ((2, 2), (5, 2), (3, 6))]
    ImageDraw.Draw(picture).line(places, ink, width=size // 16, joint="curve")
    return picture


def as_mnist(picture: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> torch.Tensor:
    return find_image(read_picture(file_of(picture, kind, **options)), "mnist").image


def difference(image: torch.Tensor, other: torch.Tensor) -> float:
    """Mean absolute difference in grey levels of 255."""
    return (image.int() - other.int()).abs().float().mean().item()


def header_of_a_png(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_mnist_is_where_its_convention_puts_it(mnist_present):
    for image in datasets.load_held_out("mnist").images[:500]:
        assert torch.equal(to_convention(image[0].numpy(), "mnist")[0], image)


def test_mnist_survives_being_a_file_whichever_way_its_ink_is(mnist_present):
    for image in datasets.load_held_out("mnist").images[:50]:
        levels = image[0].numpy()
        assert difference(as_mnist(levels), image) < 1
        assert difference(as_mnist(255 - levels), image) < 1


def test_every_data_set_has_a_convention():
    assert set(PREPROCESSING) == set(DATASETS)


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_image_has_the_shape_and_the_extent_of_its_data_set(dataset):
    image = find_image(read_picture(file_of(seven())), dataset).image
    assert image.shape == (1, 1, 28, 28) and image.dtype == torch.uint8
    rows, columns = image[0, 0].any(1).nonzero(), image[0, 0].any(0).nonzero()
    box = PREPROCESSING[dataset].box
    assert max(rows.max() - rows.min(), columns.max() - columns.min()) + 1 == box
    assert image.max() > 200


@pytest.mark.parametrize("corner", ["left", "right"])
def test_the_centre_of_mass_is_in_the_pixel_with_index_14(corner):
    picture = np.zeros((60, 60), np.uint8)
    picture[10:50, slice(10, 16) if corner == "left" else slice(44, 50)] = 255
    picture[25:35, 10:50] = 255
    image = to_convention(picture, "mnist")[0, 0].double()
    for axis in (0, 1):
        centre = (image.sum(1 - axis) * torch.arange(28)).sum() / image.sum()
        assert abs(centre - 14) <= 0.5


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("shape", [(1, 90), (90, 1), (1, 1), (28, 28), (3, 200)])
def test_content_of_any_shape_finds_its_place(dataset, shape):
    assert to_convention(np.full(shape, 255, np.uint8), dataset).any()


def test_digits_are_known_by_8_by_8_averages(digits):
    image = find_image(read_picture(file_of(seven())), "digits").image
    assert image[..., :4, :].max() == image[..., -4:].max() == 0
    cells = torch.nn.functional.interpolate(image[..., 4:24, 4:24].float(), size=(8, 8), mode="bilinear")
    again = torch.nn.functional.interpolate(cells, size=(20, 20), mode="bilinear")
    real = digits.held_out.images[:100, :, 4:24, 4:24].float()
    enlarged = torch.nn.functional.interpolate(
        torch.nn.functional.interpolate(real, size=(8, 8), mode="bilinear"), size=(20, 20), mode="bilinear"
    )
    assert difference(again, image[..., 4:24, 4:24]) < 2 * difference(enlarged, real) + 1


def test_place_size_and_colour_of_the_ink_do_not_matter():
    reference = as_mnist(seven())
    assert torch.equal(as_mnist(seven(at=17)), reference)
    assert torch.equal(as_mnist(seven(ink=0, paper=255)), reference)
    assert torch.equal(as_mnist(seven(ink=60, paper=190)), reference)
    assert difference(as_mnist(seven(ink=(180, 30, 20), paper=(255, 250, 220), mode="RGB")), reference) < 1
    for size in (100, 400, 1600):
        assert difference(as_mnist(seven(size)), reference) < 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_every_kind_of_file_is_read(kind):
    assert difference(as_mnist(seven(), kind), as_mnist(seven())) < 3


@pytest.mark.parametrize("mode, kind", [("1", "PNG"), ("P", "PNG"), ("RGB", "PNG"), ("CMYK", "JPEG"), ("CMYK", "TIFF")])
def test_every_kind_of_colour_is_read(mode, kind):
    assert difference(as_mnist(seven().convert(mode), kind), as_mnist(seven())) < 3


@pytest.mark.parametrize("dtype, most", [(np.uint16, 65535), (np.uint16, 1023), (np.float32, 1.0), (np.int32, 2**20)])
def test_more_than_8_bits_a_pixel_are_read(dtype, most):
    levels = (np.asarray(seven()) / 255 * most).astype(dtype)
    assert difference(as_mnist(levels, "TIFF"), as_mnist(seven())) < 1
    assert difference(as_mnist((most - levels).astype(dtype), "TIFF"), as_mnist(seven())) < 1


@pytest.mark.parametrize("ink", [(0, 0, 0, 255), (255, 255, 255, 255), (20, 40, 160, 255)])
@pytest.mark.parametrize("paper", [(0, 0, 0, 0), (255, 255, 255, 0)])
def test_ink_on_a_transparent_ground_is_ink(ink, paper):
    assert difference(as_mnist(seven(ink=ink, paper=paper, mode="RGBA")), as_mnist(seven())) < 1


def test_transparent_corners_of_white_paper_are_paper():
    picture = seven(ink=(0, 0, 0, 255), paper=(255, 255, 255, 255), mode="RGBA")
    ImageDraw.Draw(picture).polygon([(0, 0), (30, 0), (0, 30)], (0, 0, 0, 0))
    assert difference(as_mnist(picture), as_mnist(seven())) < 1


def test_a_transparent_colour_of_a_palette_is_no_ink():
    assert difference(as_mnist(seven(ink=0, paper=255).convert("P"), "PNG", transparency=255), as_mnist(seven())) < 1


def test_a_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    lying = seven().transpose(Image.Transpose.ROTATE_90)
    assert difference(as_mnist(lying, "JPEG", exif=exif), as_mnist(seven())) < 3
    assert difference(as_mnist(lying, "JPEG"), as_mnist(seven())) > 20


def photograph(ink: np.ndarray) -> np.ndarray:
    """Pencil on paper that one lamp lights from the left, with grain and a speck of dust."""
    down, across = np.linspace(0, 1, ink.shape[0])[:, None], np.linspace(0, 1, ink.shape[1])
    paper = 210 - 50 * across - 20 * down + np.random.default_rng(0).normal(0, 5, ink.shape)
    paper[20:24, 30:34] = 30
    return (paper - ink / 255 * 80).clip(0, 255).astype(np.uint8)


def test_pencil_on_unevenly_lit_paper_is_read():
    assert difference(as_mnist(photograph(np.asarray(seven(800))), "JPEG"), as_mnist(seven(800))) < 8


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_blank_picture_is_told(level):
    with pytest.raises(PictureError, match="Nothing stands out"):
        as_mnist(np.full((50, 50), level, np.uint8))


def test_blank_paper_is_blank_though_it_has_grain_and_shade():
    paper = photograph(np.zeros((700, 900)))
    paper[20:24, 30:34] = 200
    assert not find_ink(read_picture(file_of(paper, "JPEG"))).any()


def animation(kind: str) -> bytes:
    return file_of(seven(), kind, save_all=True, append_images=[seven(at=9), seven(at=20)])


BAD = {
    "is empty": b"",
    "41 MB": b"\0" * 41_000_000,
    "no picture that can be read": b"a letter",
    "10001 x 5000 pixels": header_of_a_png(10_001, 5000),
    "far more than the 50 million": header_of_a_png(60_000, 60_000),
    "3 x 200 pixels": file_of(np.zeros((200, 3), np.uint8)),
    "damaged": file_of(np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8))[:9_000],
}


@pytest.mark.parametrize("sentence", BAD)
def test_what_is_no_picture_is_told_in_a_sentence_of_its_own(sentence):
    with pytest.raises(PictureError, match=sentence) as told:
        read_picture(BAD[sentence])
    assert len(str(told.value).splitlines()) == 1 and str(told.value).endswith(".")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_is_told(kind):
    with pytest.raises(PictureError, match="animated or has several pages"):
        read_picture(animation(kind))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_file_cut_off_anywhere_in_its_first_half_is_told(kind):
    content = file_of(photograph(np.asarray(seven(64))), kind)
    for length in range(1, len(content) // 2, max(1, len(content) // 40)):
        with pytest.raises(PictureError):
            read_picture(content[:length])


@pytest.mark.parametrize("size", [(10_001, 5000), (10_000, 10_000), (60_000, 60_000)])
def test_a_size_beyond_reason_is_refused_by_the_header(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    with pytest.raises(PictureError, match="save it smaller"):
        read_picture(header_of_a_png(*size))


def test_other_kinds_of_file_are_not_opened():
    with pytest.raises(PictureError, match="no picture that can be read"):
        read_picture(file_of(seven(), "PPM"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_few_specks_far_apart_are_no_picture(dataset):
    paper = np.full((512, 512), 255, np.uint8)
    paper[[40, 60, 450, 470], [30, 480, 20, 500]] = 0
    with pytest.raises(PictureError, match="Nothing stands out"):
        find_image(read_picture(file_of(paper)), dataset)


def test_a_line_too_thin_for_8_by_8_averages_is_no_picture():
    with pytest.raises(PictureError, match="Nothing stands out"):
        to_convention(np.full((3, 700), 255, np.uint8), "digits")
    assert to_convention(np.full((3, 700), 255, np.uint8), "mnist").any()
