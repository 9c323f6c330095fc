import numpy as np
import pytest

from inference.media.color import add_rgb, to_rgb
from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Box, Picture

BARS = np.array([[235, 20, 20], [20, 235, 20], [20, 20, 235], [128, 128, 128], [250, 250, 250]])


def y_cb_cr(rgb, red, blue, full, bits):
    """The standards' own formula, in floats."""
    r, g, b = (rgb[..., i] / 255 for i in range(3))
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)
    unit = 1 << (bits - 8)
    if full:
        top = (1 << bits) - 1
        return y * top, cb * top + 128 * unit, cr * top + 128 * unit
    return (219 * y + 16) * unit, (224 * cb + 128) * unit, (224 * cr + 128) * unit


def bars(layout_name, tags, red, blue):
    layout = LAYOUTS[layout_name]
    rgb = np.repeat(np.repeat(BARS[None], 16, 0), 16, 1).astype(float)
    rows = y_cb_cr(rgb, red, blue, tags.range == 2, layout.bits)
    planes = [
        np.rint(row[:: 1 << layout.shift_y, :: 1 << layout.shift_x] if i else row)
        for i, row in enumerate(rows)
    ]
    return Picture([p.astype(layout.dtype) for p in planes], layout, tags), rgb


CASES = [
    (ColorTags(matrix=1, range=1), 0.2126, 0.0722),
    (ColorTags(matrix=1, range=2), 0.2126, 0.0722),
    (ColorTags(matrix=6, range=1), 0.299, 0.114),
    (ColorTags(matrix=9, range=1), 0.2627, 0.0593),
    (ColorTags(), 0.299, 0.114),  # untagged and small: BT.601
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("tags", "red", "blue"), CASES)
def test_colors_are_read_by_their_tags(layout, tags, red, blue):
    picture, rgb = bars(layout, tags, red, blue)
    seen = to_rgb(picture)[:, 4::16]
    assert np.abs(seen - rgb[:, 4::16]).max() <= 2


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("tags", "red", "blue"), CASES)
def test_a_change_of_colors_arrives_as_that_change(layout, tags, red, blue):
    picture, rgb = bars(layout, tags, red, blue)
    box = Box(16, 4, 32, 12)
    wanted = np.broadcast_to(np.float32([8, -6, 4]), (8, 16, 3))
    add_rgb(picture, box, wanted)
    seen = to_rgb(picture)[5:11, 18:30].astype(float)
    assert np.abs(seen - (rgb[5:11, 18:30] + wanted[:6, :12])).max() <= 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_nothing_changes_not_a_sample_moves(layout):
    picture, _ = bars(layout, ColorTags(matrix=1, range=1), 0.2126, 0.0722)
    rng = np.random.default_rng(1)
    for plane in picture.planes:
        plane += rng.integers(0, 9, plane.shape, dtype=plane.dtype)
    before = [plane.copy() for plane in picture.planes]
    change = np.zeros((16, 80, 3), np.float32)
    change[4:8, 20:40] = 9
    add_rgb(picture, picture.whole, change)
    for index, (plane, old) in enumerate(zip(picture.planes, before, strict=True)):
        moved = np.argwhere(plane != old)
        shifts = (picture.layout.shift_y, picture.layout.shift_x) if index else (0, 0)
        assert (moved >= [4 >> shifts[0], 20 >> shifts[1]]).all()
        assert (moved < [8 >> shifts[0], 40 >> shifts[1]]).all()
