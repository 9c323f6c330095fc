import numpy as np
import pytest
import torch

from inference.media.color import to_rgb
from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Picture
from inference.model.mask import draw_mask
from inference.picture.align import Aligner
from inference.picture.blend import Blender

R = 128
POINTS = np.array([[120, 90], [200, 95], [158, 140]], float)


@pytest.fixture
def picture():
    """A smooth picture: what is laid over it unchanged must not be seen."""
    y, x = np.mgrid[:240, :320]
    luma = (90 + 40 * np.sin(x / 50) + 30 * np.cos(y / 40)).astype(np.uint8)
    chroma = np.full((120, 160), 120, np.uint8)
    return Picture([luma, chroma, chroma + 20], LAYOUTS["yuv420p"], ColorTags(1, 1))


@pytest.fixture
def aligned(picture):
    aligner = Aligner(R)
    matrix = aligner.matrix(POINTS)
    return aligner.warp(to_rgb(picture), matrix), matrix


def as_decoded(face):
    return torch.from_numpy(face.astype(np.float32)).permute(2, 0, 1) / 127.5 - 1


def lay(picture, face, reference, matrix):
    before = [plane.copy() for plane in picture.planes]
    blender = Blender(draw_mask(R))
    blender.lay(picture, blender.patch(as_decoded(face), reference, matrix))
    return before


def test_the_same_face_laid_back_is_not_seen(picture, aligned):
    reference, matrix = aligned
    before = lay(picture, reference, reference, matrix)
    assert np.abs(picture.planes[0].astype(int) - before[0]).max() <= 3


def test_an_even_shift_of_colors_is_taken_out(picture, aligned):
    reference, matrix = aligned
    shifted = np.clip(reference.astype(float) + np.array([6, -4, 3]), 0, 255)
    before = lay(picture, shifted, reference, matrix)
    for plane, old in zip(picture.planes, before, strict=True):
        assert abs((plane.astype(float) - old).mean()) < 0.1
        assert np.abs(plane.astype(int) - old).max() <= 3


def test_another_mouth_fades_in_without_an_outline(picture, aligned):
    reference, matrix = aligned
    other = reference.copy()
    rows, columns = slice(R * 95 // 256 + 2, R * 240 // 256), slice(R // 4, 3 * R // 4)
    other[rows, columns] = 200
    before = lay(picture, other, reference, matrix)
    change = np.abs(picture.planes[0].astype(int) - before[0])
    assert change.max() > 40
    blender = Blender(draw_mask(R))
    # From nothing to everything over several pixels, never in one step.
    assert np.abs(np.diff(blender.opacity, axis=0)).max() < 0.35
    assert np.abs(np.diff(blender.opacity, axis=1)).max() < 0.35


def test_what_the_mask_keeps_stays_to_the_last_sample(picture, aligned):
    reference, matrix = aligned
    before = lay(picture, np.full_like(reference, 255), reference, matrix)
    changed = np.argwhere(picture.planes[0] != before[0])
    assert len(changed)
    # Above the brows' line and left and right of the face nothing may differ.
    assert changed[:, 0].min() > POINTS[:2, 1].max()
    assert changed[:, 1].min() > 60
    assert changed[:, 1].max() < 270


def test_the_opacity_lies_inside_what_may_be_repainted():
    for resolution in (64, 128, 256, 512):
        mask = draw_mask(resolution)
        assert not Blender(mask).opacity[mask.numpy() > 0.5].any()


@pytest.mark.parametrize("shift", [(-150, 0), (170, 0), (0, 150), (0, -160), (900, 900)])
def test_a_face_at_the_edge_or_beyond_is_laid_as_far_as_it_is_seen(picture, shift):
    aligner = Aligner(R)
    matrix = aligner.matrix(POINTS + shift)
    reference = aligner.warp(to_rgb(picture), matrix)
    lay(picture, np.full_like(reference, 255), reference, matrix)


@pytest.mark.parametrize("size", [0.3, 2.0])
def test_small_and_large_faces_come_back_in_place(size):
    y, x = np.mgrid[:480, :640]
    luma = (120 + 40 * np.sin(x / 60) + 30 * np.cos(y / 70)).astype(np.uint8)
    chroma = np.full((240, 320), 128, np.uint8)
    picture = Picture([luma, chroma, chroma.copy()], LAYOUTS["yuv420p"], ColorTags(1, 1))
    aligner = Aligner(R)
    matrix = aligner.matrix((POINTS - POINTS.mean(0)) * size + [320, 200])
    reference = aligner.warp(to_rgb(picture), matrix)
    before = lay(picture, reference, reference, matrix)
    assert np.abs(picture.planes[0].astype(int) - before[0]).max() <= 5
