"""What is laid changes the mouth's samples and no other, in the source's own depth and layout."""

import math

import cv2
import numpy as np
import pytest
import torch

from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Picture
from inference.model.mask import draw_mask
from inference.picture.align import Aligner, canvas_size
from inference.picture.blend import Blender

R = 64
MASK = draw_mask(R)
POINTS = np.array([[60, 45], [100, 47.5], [79, 70]])
SIZES = [(160, 120), (161, 121)]


BT709 = ColorTags(1, 1)


def picture(layout, size=(160, 120), tags=BT709):
    """Noise: a sample that is changed and changed back by rounding would show."""
    layout, rng = LAYOUTS[layout], np.random.default_rng(3)
    finer = 1 << (layout.bits - 8)
    planes = [
        rng.integers(60 * finer, 160 * finer, shape).astype(layout.dtype)
        for shape in layout.shapes(*size)
    ]
    return Picture(planes, layout, tags)


def aligned(source, points=POINTS):
    aligner = Aligner(R, smooth=False)
    matrix = aligner.matrix(points)
    return aligner.warp_picture(source, matrix), matrix


def lay(source, face, *, opacity=1.0, color_match=True, points=POINTS):
    """The planes before; face: levels for the network to paint, or a picture of them."""
    reference, matrix = aligned(source, points)
    before = [plane.copy() for plane in source.planes]
    painted = np.broadcast_to(np.asarray(face, np.float32), (R, R, 3))
    decoded = torch.from_numpy(painted.copy()).permute(2, 0, 1) / 127.5 - 1
    blender = Blender(MASK, color_match=color_match)
    blender.lay(source, blender.patch(decoded, reference, matrix), opacity)
    return before, blender.covers(source, matrix)


def may_change(source, index):
    """By the definition: samples whose place in the square the mask repaints, with one sample of
    the frame and one of the square for interpolation."""
    _, matrix = aligned(source)
    layout = source.layout
    step = np.array([1 << layout.shift_x, 1 << layout.shift_y]) if index else np.ones(2)
    rows, columns = source.planes[index].shape
    y, x = np.mgrid[:rows, :columns]
    frame = np.stack([x, y], axis=-1) * step + (step - 1) / 2
    canvas = frame @ matrix[:, :2].T + matrix[:, 2]
    square = (canvas + 0.5) * R / np.array(canvas_size(R)) - 0.5
    sample = R / np.array(canvas_size(R)) * np.abs(matrix[:, :2]).sum(axis=1) * step.max()
    side = 2 * math.ceil(1.5 + sample.max()) + 1
    repaint = np.pad((MASK.numpy() < 0.5).astype(np.uint8), side)
    near = cv2.dilate(repaint, np.ones((side, side), np.uint8))
    column, row = np.moveaxis(np.clip(np.rint(square) + side, 0, len(near) - 1).astype(int), 2, 0)
    return near[row, column] > 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_outside_the_mouth_every_sample_is_the_source_s(layout, size):
    source = picture(layout, size)
    before, covers = lay(source, (250, 20, 60))
    for index, (plane, old) in enumerate(zip(source.planes, before, strict=True)):
        changed = plane != old
        assert changed.sum() > 0.5 * covers[index].sum()
        assert not (changed & ~covers[index]).any()
        assert not (covers[index] & ~may_change(source, index)).any()


@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le"])
def test_without_color_match_the_canvas_is_the_region(layout):
    source = picture(layout, (161, 121))
    before, covers = lay(source, (250, 20, 60), color_match=False)
    _, mouth = lay(picture(layout, (161, 121)), (250, 20, 60))
    for index, (plane, old) in enumerate(zip(source.planes, before, strict=True)):
        assert not ((plane != old) & ~covers[index]).any()
        assert covers[index].sum() > 1.3 * mouth[index].sum()
        assert not covers[index].all()


def test_ten_bits_are_laid_as_ten_bits():
    source = picture("yuv420p10le")
    for plane in source.planes:
        plane[...] = plane // 4 * 4  # as a detour over eight bits would leave them
    y, x = np.mgrid[:R, :R]
    _, covers = lay(source, (100 + x / 7 + y / 9)[..., None])
    laid = source.planes[0][covers[0]]
    assert np.isin([1, 2, 3], laid % 4).all()
    assert laid.max() < 1024


@pytest.mark.parametrize("tags", [BT709, ColorTags(6, 2), ColorTags(9, 1, 18, 9)])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv444p10le"])
def test_the_color_that_was_painted_is_the_color_in_the_planes(layout, tags):
    """Gray 150 under a gray surround of 150: nothing to match, nothing to see."""
    source = picture(layout, tags=tags)
    full, depth = tags.range == 2, source.layout.bits - 8
    luma = 150 if full else 16 + 150 * 219 / 255
    for plane, level in zip(source.planes, (luma, 128, 128), strict=True):
        plane[...] = round(level * (1 << depth))
    before, covers = lay(source, 150)
    for plane, old in zip(source.planes, before, strict=True):
        assert np.abs(plane.astype(int) - old).max() <= 1 << depth
    assert covers[0].any()


def test_a_patch_that_fades_is_laid_in_part():
    changes = []
    for opacity in (0.0, 0.25, 0.5, 1.0):
        source = picture("yuv420p")
        before, _ = lay(source, 250, opacity=opacity)
        changes.append(np.abs(source.planes[0].astype(float) - before[0]).sum())
    assert changes[0] == 0
    shares = np.array(changes[1:]) / changes[3]
    assert shares == pytest.approx([0.25, 0.5, 1.0], abs=0.02)


def test_the_report_sees_a_fading_patch_as_the_viewer_does():
    source = picture("yuv420p")
    reference, matrix = aligned(source)
    blender = Blender(MASK)
    patch = blender.patch(torch.full((3, R, R), 0.9), reference, matrix)
    shown = [blender.composed(patch, reference, opacity).astype(int) for opacity in (0, 0.5, 1)]
    assert (shown[0] == reference).all()
    assert np.abs(2 * shown[1] - shown[0] - shown[2]).max() <= 2
    kept = MASK.numpy() > 0.5
    assert (shown[2][kept] == reference[kept]).all()


def test_a_close_up_keeps_every_hair_outside_the_mouth():
    source = picture("yuv420p", (640, 480))
    before, covers = lay(source, (200, 150, 130), points=POINTS * 4)
    change = source.planes[0] != before[0]
    assert change.sum() > 20_000
    assert not (change & ~covers[0]).any()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_face_of_a_few_pixels_breaks_nothing(size):
    source = picture("yuv420p")
    tiny = (POINTS - POINTS.mean(axis=0)) * size / 40 + (80, 60)
    before, covers = lay(source, 255, points=tiny)
    assert not ((source.planes[0] != before[0]) & ~covers[0]).any()
