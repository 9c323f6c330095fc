"""color_match off: the reference's formulas, in the frame's own planes."""

import numpy as np
import pytest
import torch

from inference.media.color import to_rgb
from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Picture
from inference.model.mask import draw_mask
from inference.picture.align import Aligner
from inference.picture.blend import Blender
from inference.picture.paste import keep_surround, restore

R = 64
MASK = draw_mask(R)
POINTS = np.array([[60, 45], [100, 47.5], [79, 70]])


def frame(layout):
    """Full range and smooth: RGB loses nothing that it could be blamed for."""
    layout = LAYOUTS[layout]
    y, x = np.mgrid[:120, :160]
    luma = (120 + 60 * np.sin(x / 20) + 40 * np.cos(y / 15)) * (1 << layout.bits - 8)
    middle = np.full(layout.shapes(160, 120)[1], 128 << layout.bits - 8)
    planes = [plane.astype(layout.dtype) for plane in (luma, middle, middle)]
    return Picture(planes, layout, ColorTags(1, 2))


def prepared(layout):
    picture, aligner = frame(layout), Aligner(R, smooth=False)
    matrix = aligner.matrix(POINTS)
    decoded = torch.rand(3, R, R, generator=torch.Generator().manual_seed(6)) * 2 - 1
    return picture, aligner.warp_picture(picture, matrix), matrix, decoded


@pytest.mark.parametrize("layout", ["yuv444p", "yuv444p10le"])
def test_the_frame_becomes_what_the_reference_s_formulas_make_of_it(layout):
    picture, reference, matrix, decoded = prepared(layout)
    # Gray noise: a frame that has color nowhere tests the formulas, not the color conversion.
    decoded = decoded[:1].expand(3, R, R)
    pixels = torch.from_numpy(reference).permute(2, 0, 1) / 127.5 - 1
    expected = restore(to_rgb(picture), keep_surround(decoded, pixels, MASK), matrix)
    blender = Blender(MASK, color_match=False)
    blender.lay(picture, blender.patch(decoded, reference, matrix))
    off = np.abs(to_rgb(picture).astype(int) - expected)
    assert off.max() <= 2
    assert off.mean() < 0.05


def test_colors_are_left_as_the_network_gave_them():
    _, reference, matrix, _ = prepared("yuv444p")
    tinted = torch.from_numpy(reference).permute(2, 0, 1) / 127.5 - 1
    tinted = tinted + torch.tensor([6, -4, 3])[:, None, None] / 127.5
    matched, plain = Blender(MASK), Blender(MASK, color_match=False)
    inside = MASK.numpy() < 0.5
    for blender, expected in ((matched, (0, 0, 0)), (plain, (6, -4, 3))):
        patch = blender.patch(tinted, reference, matrix)
        shift = (patch.face - reference)[inside].mean(axis=0)
        assert shift == pytest.approx(expected, abs=1)


def test_a_fade_is_made_in_part_here_too():
    changes = []
    for opacity in (0.0, 0.5, 1.0):
        picture, reference, matrix, decoded = prepared("yuv420p")
        before = picture.planes[0].astype(int)
        blender = Blender(MASK, color_match=False)
        blender.lay(picture, blender.patch(decoded, reference, matrix), opacity)
        changes.append(np.abs(picture.planes[0] - before).sum())
    assert changes[0] == 0
    assert changes[1] / changes[2] == pytest.approx(0.5, abs=0.03)


def test_the_report_shows_the_hard_edge_that_this_way_has():
    """Overshoot beyond white and black is clipped, not wrapped around."""
    _, reference, matrix, decoded = prepared("yuv444p")
    blender = Blender(MASK, color_match=False)
    composed = blender.composed(blender.patch(decoded * 3, reference, matrix), reference)
    kept = MASK.numpy() > 0.5
    assert np.abs(composed[kept].astype(int) - reference[kept]).max() <= 1
    bright = (decoded > 0.5).permute(1, 2, 0).numpy() & ~kept[..., None]
    assert (composed[bright] == 255).all()
