"""The held-out pictures as one."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ui.explore.originals import COLUMNS, sheet_of


@pytest.mark.parametrize("count", [1, COLUMNS, COLUMNS + 3])
def test_each_picture_is_where_its_number_says(count):
    images = torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with Image.open(io.BytesIO(sheet_of(images))) as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (28 * (-(-count // COLUMNS)), 28 * COLUMNS)
    for number in (0, count // 2, count - 1):
        row, column = divmod(number, COLUMNS)
        cut = sheet[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)]
        assert (cut == images[number, 0].numpy()).all()
