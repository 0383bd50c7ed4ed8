"""What a photograph or a screenshot holds besides the ink is seen through."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from vae.data import datasets
from vae.data.ink import find_ink
from vae.data.picture_files import PictureError
from vae.data.preprocessing import PREPROCESSING, find_image, thickness, to_convention
from vae.data.sheet import find_sheet

pytestmark = pytest.mark.slow

UPPER = ((0.35, 0.24), (0.5, 0.16), (0.68, 0.28), (0.6, 0.45), (0.47, 0.5))
THREE = (*UPPER, (0.66, 0.57), (0.7, 0.72), (0.52, 0.85), (0.34, 0.76))


def three(side: int = 300, paper: object = 190, ink: object = 70, pen: float = 0.07, mode: str = "RGB") -> Image.Image:
    """A 3 in the middle of a square of paper; `pen` is a share of the square."""
    big = 4 * side
    places = [(x * big, y * big) for x, y in THREE]
    picture = Image.new("L", (big, big))
    ImageDraw.Draw(picture).line(places, 255, width=max(4, round(pen * big)), joint="curve")
    cover = picture.resize((side, side), Image.Resampling.BOX)
    sheet = Image.new(mode, (side, side), paper if isinstance(paper, tuple) or mode == "L" else (paper,) * 3)
    sheet.paste(ink if isinstance(ink, tuple) or mode == "L" else (ink,) * 3, mask=cover)
    return sheet


def on(ground: object, sheet: Image.Image, size: tuple[int, int], at: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, ground)
    picture.paste(sheet, at)
    return picture


def lit(picture: Image.Image, light: np.ndarray) -> Image.Image:
    """The picture under a light (H, W) of at most 1, with the grain of a camera."""
    grain = np.random.default_rng(0).normal(0, 2, (*light.shape, 1))
    return Image.fromarray((np.asarray(picture) * light[..., None] + grain).clip(0, 255).astype(np.uint8))


def across(side: int) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))


def fallen_off() -> Image.Image:
    x, y = across(300)
    return lit(three(), 1 - 0.33 * (x**2 + y**2))


def shadowed() -> Image.Image:
    x, y = across(300)
    return lit(three(), 1 - 0.35 / (1 + np.exp(-12 * (0.7 * x + 0.7 * y - 0.9))))


def squared() -> Image.Image:
    sheet = Image.new("RGB", (300, 300), (190, 190, 190))
    pen = ImageDraw.Draw(sheet)
    for place in range(5, 300, 22):
        pen.line([(place, 0), (place, 300)], (150, 150, 150), 2)
        pen.line([(0, place), (300, place)], (150, 150, 150), 2)
    strokes = np.asarray(three(paper=255, ink=0)).astype(float) / 255
    return lit(Image.fromarray((np.asarray(sheet) * strokes + 70 * (1 - strokes)).astype(np.uint8)), np.ones((300, 300)))


def with_(draw: str, box: tuple[float, ...], colour: tuple[int, int, int], **options: object) -> Image.Image:
    """The 3 with something else drawn on the picture."""
    sheet = three()
    getattr(ImageDraw.Draw(sheet), draw)(box, colour, **options)
    return sheet


def askew() -> Image.Image:
    """A sheet that lies turned on a table."""
    table = Image.new("RGBA", (400, 400), (60, 50, 45, 255))
    turned = three().convert("RGBA").rotate(8, Image.Resampling.BICUBIC, expand=True)
    table.alpha_composite(turned, (30, 30))
    upright = table.convert("RGB").rotate(-8, Image.Resampling.BICUBIC, fillcolor=(60, 50, 45))
    return upright.filter(ImageFilter.GaussianBlur(0.7))


SEEN_THROUGH = {
    "a frame of one pixel": lambda: with_("rectangle", (0, 0, 299, 299), None, outline=(0, 0, 0)),
    "a dark canvas in a light page": lambda: on((255, 255, 255), three(paper=0, ink=255), (420, 450), (60, 90)),
    "a light canvas in a dark page": lambda: on((20, 20, 24), three(paper=255, ink=0), (420, 450), (60, 90)),
    "a sheet on a dark table": lambda: lit(on((70, 70, 70), three(), (420, 420), (50, 70)), np.ones((420, 420))),
    "a sheet askew on a table": askew,
    "light that falls off to the corners": fallen_off,
    "the edge of a shadow": shadowed,
    "squared paper": squared,
    "red on green": lambda: three(paper=(0, 120, 0), ink=(230, 0, 0)),
    "blue on orange": lambda: three(paper=(205, 80, 30), ink=(20, 110, 215)),
    "the end of a neighbour": lambda: with_("rectangle", (190, 0, 280, 15), (70, 70, 70)),
    "a thumb": lambda: with_("ellipse", (-60, 180, 50, 290), (140, 100, 80)),
    "a form's box": lambda: with_("rectangle", (50, 20, 250, 280), None, outline=(60, 60, 60), width=3),
    "a round frame": lambda: with_("ellipse", (8, 8, 292, 292), None, outline=(60, 60, 60), width=3),
}


def colours(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))


def as_mnist(picture: Image.Image) -> torch.Tensor:
    return find_image(colours(picture), "mnist").image


def difference(image: torch.Tensor, other: torch.Tensor) -> float:
    """Mean absolute difference in grey levels of 255."""
    return (image.int() - other.int()).abs().float().mean().item()


@pytest.mark.parametrize("case", SEEN_THROUGH)
def test_what_is_no_ink_is_seen_through(case):
    assert difference(as_mnist(SEEN_THROUGH[case]()), as_mnist(three())) < 8


@pytest.mark.parametrize("case", SEEN_THROUGH)
def test_a_small_or_large_picture_is_no_other_one(case):
    picture = SEEN_THROUGH[case]()
    twice = picture.resize([2 * side for side in picture.size], Image.Resampling.BICUBIC)
    half = picture.resize([side // 2 for side in picture.size], Image.Resampling.BOX)
    assert difference(as_mnist(twice), as_mnist(three())) < 8
    if case != "squared paper":  # whose lines would be one pixel
        assert difference(as_mnist(half), as_mnist(three())) < 12


def thickness_of(image: torch.Tensor) -> float:
    levels = ndimage.zoom(image[0, 0].numpy().astype(float), 4, order=1)
    return thickness(levels > levels.max() / 2) / 4


def usual_thickness() -> np.ndarray:
    """The least and the greatest of nearly all of MNIST's."""
    images = datasets.load_held_out("mnist").images[:300]
    return np.percentile([thickness_of(image[None]) for image in images], [2, 98])


@pytest.mark.parametrize("pen", [0.002, 0.006, 0.02, 0.1, 0.16])
def test_strokes_are_as_thick_and_as_bright_as_the_data_sets(pen, mnist_present):
    image = as_mnist(three(600, pen=pen, paper=255, ink=90))
    least, most = usual_thickness()
    assert least <= thickness_of(image) <= most
    assert image.max() > 240 and 60 < image[image > 0].double().mean() < 220


def test_a_usual_pen_keeps_its_thickness():
    images = [as_mnist(three(pen=pen)) for pen in (0.07, 0.09, 0.11)]
    thin, medium, thick = map(thickness_of, images)
    assert thin < medium < thick


@pytest.mark.parametrize("ink, paper", [(0, 255), (255, 0)])
def test_the_hole_of_a_nought_is_no_ink(ink, paper):
    sheet = Image.new("RGB", (300, 300), (paper,) * 3)
    ImageDraw.Draw(sheet).ellipse((90, 60, 210, 240), outline=(ink,) * 3, width=28)
    image = as_mnist(sheet)[0, 0]
    assert image[14, 14] == 0 and image[:, 14].max() > 200
    with pytest.raises(PictureError, match="Nothing stands out"):
        find_image(colours(sheet), "mnist", opposite=True)


def test_the_opposite_is_what_is_lighter_where_darker_was_taken():
    sheet = Image.new("RGB", (300, 300), (128, 128, 128))
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((135, 60, 165, 240), (0, 0, 0))
    pen.rectangle((60, 270, 240, 290), (220, 220, 220))
    dark, light = find_ink(colours(sheet)), find_ink(colours(sheet), opposite=True)
    assert dark[150, 150] == 255 and dark[280].max() == 0
    assert light[280, 150] == 255 and light[150].max() == 0


def test_a_sheet_is_found_where_there_is_one():
    assert find_sheet(colours(three())).mask.all()
    sheet = find_sheet(colours(on((60, 60, 60), three(), (420, 450), (60, 90))))
    assert abs(sheet.rows.start - 90) < 12 and abs(sheet.columns.stop - 360) < 12


@pytest.mark.parametrize("pixels", [28, 280, 560])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_saved_from_the_explorer_stays_what_it_is(pixels, inverted, mnist_present):
    for image in datasets.load_held_out("mnist").images[:20, 0].numpy():
        faint = (image * 0.6).astype(np.uint8)  # as a decoded one may be
        faint[3, 3] = 1
        shown = np.kron(255 - faint if inverted else faint, np.ones((pixels // 28, pixels // 28), np.uint8))
        found = find_image(np.repeat(shown[..., None], 3, 2), "mnist").image
        assert (found[0, 0].numpy() == faint).all()


def test_a_drawing_is_ink_as_it_is():
    """White on black from a canvas: nothing is looked for, nothing is made thicker."""
    drawing = np.asarray(three(280, paper=0, ink=255, pen=0.03, mode="L"))
    image = to_convention(drawing, "mnist")
    assert thickness_of(image) < PREPROCESSING["mnist"].strokes[0] + 0.3
    assert difference(image, to_convention(np.pad(drawing, 40), "mnist")) == 0


def test_a_piece_of_clothing_is_found_whole():
    sheet = Image.new("RGB", (300, 400), (235, 235, 230))
    pen = ImageDraw.Draw(sheet)
    pen.polygon([(60, 80), (240, 80), (290, 160), (240, 180), (240, 340), (60, 340), (60, 180), (10, 160)], (60, 70, 110))
    pen.rectangle((120, 160, 180, 220), (180, 190, 210))  # a print, and something in it
    pen.rectangle((140, 180, 160, 200), (60, 70, 110))
    image = find_image(colours(lit(sheet, np.ones((400, 300)))), "fashion-mnist").image[0, 0]
    assert image.any(0).sum() >= 26 and image[14:24, 8:20].float().mean() > 80
    assert image[10:13, 13:15].float().mean() < image[20:, 10:18].float().mean()


@pytest.mark.parametrize("dataset", PREPROCESSING)
def test_every_data_set_makes_something_of_a_photograph(dataset):
    for case in ("a sheet on a dark table", "light that falls off to the corners", "a thumb"):
        assert find_image(colours(SEEN_THROUGH[case]()), dataset).image.max() > 100


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_stripes_are_told_or_drawn_and_never_raise(seed):
    random = np.random.default_rng(seed)
    for shape in ((4, 4), (4, 500), (31, 29), (200, 300)):
        picture = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
        for content in (picture, picture // 64 * 64, np.where(np.arange(shape[1])[:, None] % 7 < 3, 255, 0) + 0 * picture):
            for dataset in PREPROCESSING:
                for opposite in (False, True):
                    try:
                        assert find_image(content.astype(np.uint8), dataset, opposite).image.any()
                    except PictureError as told:
                        assert str(told).endswith(".")


def test_a_photograph_as_a_file():
    content = io.BytesIO()
    fallen_off().save(content, "JPEG", quality=60)
    assert difference(as_mnist(Image.open(content)), as_mnist(three())) < 8


@pytest.mark.parametrize("ink", [70, 130])
def test_what_is_darker_than_the_ink_hides_none(ink):
    """A black thumb and a black frame beside a pencil."""
    sheet = three(paper=235, ink=ink)
    pen = ImageDraw.Draw(sheet)
    pen.ellipse((-70, 60, 40, 170), (5, 5, 5))
    pen.rectangle((0, 0, 299, 299), None, (0, 0, 0), 4)
    assert difference(as_mnist(lit(sheet, np.ones((300, 300)))), as_mnist(three())) < 8


def test_a_digit_cut_close_is_found():
    """Nothing of the paper is left around it."""
    sheet = three()
    ink = find_ink(colours(sheet)) > 127
    (top, bottom), (left, right) = (np.flatnonzero(ink.any(axis))[[0, -1]] for axis in (1, 0))
    assert difference(as_mnist(sheet.crop((left, top, right + 1, bottom + 1))), as_mnist(sheet)) < 8
