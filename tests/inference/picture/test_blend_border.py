"""Nobody should see where the patch ends: brightness, color, chin, beard and moustache."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from inference.errors import BadCheckpoint
from inference.media.color import from_rgb, to_rgb
from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Picture
from inference.model.mask import draw_mask, enlarge
from inference.picture.align import TEMPLATE, Aligner, scale
from inference.picture.blend import Blender, Feather
from inference.picture.place import to_frame

R = 128
MASK = draw_mask(R)
REPAINT = MASK.numpy() < 0.5
# Upright and as large as the square: a row of the square is a row of the frame.
POINTS = TEMPLATE * scale(R) + (60.3, 30.6)
SKIN = np.array([190, 150, 130])


def film(skin, layout="yuv444p", tags=(1, 1)):
    """A frame of 240 x 200 in this color, or with this picture of it."""
    rgb = np.broadcast_to(np.asarray(skin, np.float32), (200, 240, 3))
    layout = LAYOUTS[layout]
    y, x = layout.shapes(240, 200)[0]
    empty = [np.zeros(shape, layout.dtype) for shape in layout.shapes(x, y)]
    blank = Picture(empty, layout, ColorTags(*tags))
    colors = from_rgb(np.ascontiguousarray(rgb), blank)
    for index, plane in enumerate(blank.planes):
        step = (1 << layout.shift_y, 1 << layout.shift_x) if index else (1, 1)
        plane[...] = np.rint(colors[:: step[0], :: step[1], index])
    return blank


class Face:
    """A film's only frame, its face, and what a network would make of it."""

    def __init__(self, picture):
        self.picture, self.aligner = picture, Aligner(R, smooth=False)
        self.matrix = self.aligner.matrix(POINTS)
        self.reference = self.aligner.warp_picture(picture, self.matrix)
        self.rgb = to_rgb(picture).astype(int)

    def painted(self, face):
        """Lay this (R, R, 3) and give the change of every pixel, (h, w, 3) levels of RGB."""
        decoded = torch.from_numpy(np.asarray(face, np.float32)).permute(2, 0, 1) / 127.5 - 1
        blender = Blender(MASK)
        blender.lay(self.picture, blender.patch(decoded, self.reference, self.matrix))
        return to_rgb(self.picture).astype(int) - self.rgb

    def seen(self):
        """The square again, as it looks now."""
        return self.aligner.warp_picture(self.picture, self.matrix).astype(int)

    def row(self, square_row):
        turn = to_frame(self.matrix, R)
        return turn[1, 1] * square_row + turn[1, 2]


def steps(change):
    """The largest change from a pixel to its neighbor."""
    return max(np.abs(np.diff(change, axis=axis)).max() for axis in (0, 1))


def test_a_mouth_eight_levels_too_bright_ends_in_no_visible_step():
    face = Face(film(SKIN))
    mouth_only = face.reference + 8 * REPAINT[..., None]
    before = face.picture.planes[0].astype(int)
    face.painted(mouth_only)
    change = face.picture.planes[0] - before
    assert change.max() >= 6
    assert steps(change) <= 2


def test_a_face_eight_levels_too_bright_is_matched():
    face = Face(film(SKIN))
    assert np.abs(face.painted(face.reference + 8.0)).max() <= 1


@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("tags", [(1, 1), (6, 2), (9, 1)])
def test_a_shift_of_each_channel_is_matched_to_a_level(layout, tags):
    face = Face(film(SKIN, layout, tags))
    change = face.painted(face.reference + np.array([6.0, -4.0, 3.0]))
    assert np.abs(change).max() <= 1


def test_a_hand_in_the_ring_does_not_tint_the_mouth():
    face = Face(film(SKIN))
    painted = face.reference.astype(float)
    ring = Feather.of(MASK).ring
    ring[:, R // 8 :] = False
    painted[ring] -= 60  # the network has seen a hand where there is none
    assert np.abs(face.painted(painted)).max() <= 1


def test_a_face_at_the_frame_s_edge_is_not_tinted_by_what_is_beyond():
    rgb = film(SKIN)
    left = Face(rgb)
    left.matrix = left.aligner.matrix(POINTS - (75, 0))
    left.reference = left.aligner.warp_picture(rgb, left.matrix)
    assert (left.reference[:, 0] == 127).all()
    painted = np.broadcast_to(SKIN, (R, R, 3))
    assert np.abs(left.painted(painted)).max() <= 1


@pytest.mark.parametrize(("closed", "opened"), [(180, 224), (205, 222), (224, 190)])
def test_a_jaw_that_moves_leaves_one_chin(closed, opened):
    """Rows of a square of 256: where the source's chin line is, and where the network puts it."""
    face = Face(film(SKIN))
    rows = np.arange(200)[:, None, None]
    with_chin = np.where(np.abs(rows - face.row(closed * R / 256)) <= 1, SKIN - 80, SKIN)
    face = Face(film(np.broadcast_to(with_chin, (200, 240, 3))))
    painted = np.broadcast_to(SKIN, (R, R, 3)).copy()
    moved = opened * R // 256
    painted[moved - 1 : moved + 2] = SKIN - 80
    face.painted(painted)
    middle = face.seen()[:, R // 2, 0]
    dark = np.flatnonzero(middle < SKIN[0] - 20)
    assert np.diff(dark).max() == 1  # one line, not two
    assert abs(dark.mean() - moved) <= 1.5


def test_a_moustache_under_the_nose_stays_though_the_network_shaved_it():
    face = Face(film(SKIN))
    rows, columns = np.mgrid[:200, :240]
    top, bottom = face.row(116 * R / 256), face.row(134 * R / 256)
    left, right = POINTS[2, 0] - 25, POINTS[2, 0] + 25
    hair = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
    face = Face(film(np.where(hair[..., None], SKIN - 110, SKIN)))
    painted = face.reference.copy()
    painted[REPAINT] = SKIN
    face.painted(painted)
    luma = to_rgb(face.picture)[hair].mean()
    assert luma < face.rgb[hair].mean() + 15


def test_a_beard_has_no_seam_and_keeps_its_hair_below_the_mask():
    rng = np.random.default_rng(4)
    hair = rng.normal(0, 25, (200, 240, 1))
    face = Face(film(np.clip(SKIN + hair, 0, 255)))
    change = face.painted(face.reference)
    below = int(np.ceil(face.row(244 * R / 256)))
    assert not change[below:].any()
    spread = [face.seen()[row, R // 3 : 2 * R // 3, 0].std() for row in range(100, 126)]
    # Softer inside by what a picture of the model's size can hold, and never from one row to the
    # next: a third of it would be seen as a line.
    assert np.convolve(spread, np.ones(3) / 3, "valid").min() > 0.4 * spread[-1]
    assert np.abs(np.diff(np.convolve(spread, np.ones(5) / 5, "valid"))).max() < 0.1 * spread[-1]


def test_a_still_face_under_trembling_landmarks_hardly_flickers():
    """A still face 100 times, its points off by a pixel each time, the network true to it."""
    y, x = np.mgrid[:200, :240]
    textured = SKIN + 20 * np.sin(x / 6)[..., None] + 15 * np.cos(y / 5)[..., None]
    rng, aligner, results = np.random.default_rng(5), Aligner(R), []
    for _ in range(100):
        face = Face(film(textured))
        face.matrix = aligner.matrix(POINTS + rng.uniform(-1, 1, POINTS.shape))
        face.reference = face.aligner.warp_picture(face.picture, face.matrix)
        face.painted(face.reference)
        results.append(face.picture.planes[0].astype(int))
    reached = Blender(MASK).covers(face.picture, face.matrix)[0]
    moves = np.array([np.abs(b - a)[reached].mean() for a, b in pairwise(results)])
    assert moves.mean() < 1
    # The start is no worse than the rest.
    assert moves[:25].mean() < 1.3 * moves[25:].mean()


@pytest.mark.parametrize("resolution", [64, 96, 128, 256, 512])
def test_the_border_is_as_soft_at_every_size_and_ends_within_the_mask(resolution):
    mask = draw_mask(resolution)
    feather = Feather.of(mask)
    assert not feather.opacity[mask.numpy() > 0.5].any()
    assert feather.opacity.max() == pytest.approx(1)
    slope = max(np.abs(np.diff(feather.opacity, axis=axis)).max() for axis in (0, 1))
    assert slope < 24 / resolution


def test_a_mask_of_256_serves_a_model_of_512_smoothly():
    small = (draw_mask(256) * 255).numpy().astype(np.uint8)
    grown, drawn = Feather.of(enlarge(small, 512)), Feather.of(draw_mask(512))
    assert np.abs(grown.opacity - drawn.opacity).max() < 0.1


def test_a_mask_for_another_size_than_the_network_s_is_refused():
    face = Face(film(SKIN))
    with pytest.raises(BadCheckpoint, match="made for 256 pixels; the network paints 128"):
        Blender(draw_mask(256)).patch(torch.zeros(3, R, R), face.reference, face.matrix)


@pytest.mark.parametrize("mask", [torch.ones(R, R), torch.zeros(R, R), torch.ones(R, R // 2)])
def test_a_mask_that_makes_no_border_is_refused(mask):
    with pytest.raises(BadCheckpoint, match="mask"):
        Blender(mask)
