import cv2
import numpy as np
import pytest
import torch

from inference.media.color import to_rgb
from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Picture
from inference.picture.align import Aligner, canvas_size, invert, sample
from inference.picture.paste import keep_surround, restore

POINTS = [[272, 133], [353, 144], [313, 199]]


def frame(height=360, width=640, seed=0):
    """Smooth and colorful, like a picture and unlike noise."""
    small = np.random.default_rng(seed).integers(0, 255, (12, 20, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def test_the_canvas_has_the_official_sizes():
    assert canvas_size(256) == (210, 280)
    assert canvas_size(512) == (420, 560)


def test_the_template_s_own_points_need_no_change():
    aligner = Aligner(256)
    assert np.allclose(aligner.matrix(aligner.template), [[1, 0, 0], [0, 1, 0]], atol=1e-5)


def test_turned_moved_and_grown_points_are_brought_back():
    aligner = Aligner(256, smooth=False)
    turn = 2.5 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    matrix = aligner.matrix(aligner.template @ turn.T + [300, 100])
    assert np.allclose(matrix[:, :2] @ turn, np.eye(2), atol=1e-5)
    assert np.allclose(matrix @ [300, 100, 1], [0, 0], atol=1e-3)


def test_the_smoothing_begins_afresh_with_each_video():
    moved = np.asarray(POINTS) * [1.0, 1.1]
    first = Aligner(256)
    once, then = first.matrix(POINTS), first.matrix(moved)
    assert np.array_equal(once, Aligner(256).matrix(POINTS))
    assert not np.array_equal(then, Aligner(256).matrix(moved))
    assert np.abs(then - Aligner(256).matrix(moved)).max() < 0.5


def test_three_points_in_one_place_are_refused():
    with pytest.raises(ValueError, match="coincide"):
        Aligner(256).matrix([[5, 5]] * 3)


def test_a_face_that_reaches_out_of_the_frame_is_gray_there():
    aligner = Aligner(64)
    face = aligner.warp(frame(), aligner.matrix(np.asarray(POINTS) - [300, 130]))
    assert face.shape == (64, 64, 3)
    assert (face[:10, :10] == 127).all()


def test_sampling_between_pixels_is_exact():
    ramp = torch.arange(8.0).expand(1, 4, 8)
    found = sample(ramp, np.array([[1, 0, 0.27], [0, 1, 0]]), (0, 0, 6, 4))
    assert torch.allclose(found[0, 1], torch.arange(6.0) + 0.27, atol=1e-5)


def test_pasting_leaves_everything_outside_the_face_s_box_untouched():
    picture, aligner = frame(), Aligner(256)
    matrix = aligner.matrix(POINTS)
    result = restore(picture, torch.zeros(3, 256, 256), matrix)
    width, height = aligner.canvas
    corner = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    places = corner @ invert(matrix).T
    changed = (result != picture).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 1000
    assert rows.min() >= places[:, 1].min() - 1
    assert rows.max() <= places[:, 1].max() + 1
    assert columns.min() >= places[:, 0].min() - 1
    assert columns.max() <= places[:, 0].max() + 1


def test_the_input_frame_is_left_as_it_was():
    picture = frame()
    before = picture.copy()
    restore(picture, torch.ones(3, 64, 64), Aligner(64).matrix(POINTS))
    assert np.array_equal(picture, before)


def test_a_face_put_back_as_it_was_looks_the_same():
    picture, aligner = frame(), Aligner(256)
    matrix = aligner.matrix(POINTS)
    face = torch.from_numpy(aligner.warp(picture, matrix)).permute(2, 0, 1) / 127.5 - 1
    result = restore(picture, face, matrix)
    assert np.abs(result.astype(int) - picture.astype(int)).mean() < 0.5


@pytest.mark.parametrize("shift", [[0, 0], [-260, -120], [330, 160], [5000, 0]])
def test_a_face_half_or_wholly_outside_the_frame_can_be_put_back(shift):
    picture, matrix = frame(), Aligner(64).matrix(np.asarray(POINTS) + shift)
    result = restore(picture, torch.zeros(3, 64, 64), matrix)
    assert result.shape == picture.shape
    assert result.dtype == np.uint8


def test_only_the_repainted_part_is_new():
    mask = torch.tensor([[1.0, 0.0]])
    kept = keep_surround(torch.full((3, 1, 2), 5.0), torch.full((3, 1, 2), 2.0), mask)
    assert kept[0].tolist() == [[2.0, 5.0]]


@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p10le", "yuv444p"])
@pytest.mark.parametrize("shift", [[0, 0], [-260, -120], [330, 160], [5000, 0]])
def test_aligning_from_the_planes_is_bit_equal_to_aligning_the_whole_frame_s_rgb(layout, shift):
    random, kind = np.random.default_rng(1), LAYOUTS[layout]
    top = 1 << kind.bits
    shapes = kind.shapes(640, 360)
    planes = [random.integers(0, top, shape).astype(kind.dtype) for shape in shapes]
    picture = Picture(planes, kind, ColorTags(matrix=1, range=1, transfer=1, primaries=1))
    aligner = Aligner(64)
    matrix = aligner.matrix(np.asarray(POINTS) + shift)
    whole = aligner.warp(to_rgb(picture), matrix)
    assert np.array_equal(aligner.warp_picture(picture, matrix), whole)
