"""Each figure moves the right way on a made-up bad case."""

import json

import cv2
import numpy as np
import pytest
import torch

from inference.errors import BadCheckpoint
from inference.model.mask import draw_mask
from inference.picture.align import Aligner
from inference.picture.blend import Blender, Feather
from inference.report.measures import Measures

R = 128
MASK = draw_mask(R)
POINTS = np.array([[120, 90], [200, 95], [158, 140]], float)
MATRIX = Aligner(R, smooth=False).matrix(POINTS)


def face(seed=0, texture=12.0):
    """Skin with some texture, (R, R, 3) uint8."""
    y, x = np.mgrid[:R, :R]
    smooth = 140 + 20 * np.sin(x / 30)[..., None] + 10 * np.cos(y / 25)[..., None]
    noise = np.random.default_rng(seed).normal(0, texture, (R, R, 3))
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def with_mouth(source, painted):
    """The painted face within the mask, cut out as with scissors."""
    return np.where(MASK.numpy()[..., None] < 0.5, painted, source).astype(np.uint8)


def measured(pairs):
    measures = Measures(MASK)
    for index, (before, after) in enumerate(pairs):
        measures.patch(index, before, after, MATRIX)
    return measures.to_mapping()


def test_an_untouched_face_has_perfect_figures():
    found = measured([(face(seed), face(seed)) for seed in range(3)])
    assert found["sharpness"]["ratio"] == 1
    assert found["seam"]["added"] == 0
    assert found["flicker"]["result"] == found["flicker"]["source"]


def test_sharpness_falls_with_blur_and_names_the_worst_frame():
    source = face()
    soft = [
        with_mouth(source, cv2.GaussianBlur(source, (0, 0), sigma)) for sigma in (0.4, 2.0, 0.8)
    ]
    ratios = [measured([(source, result)])["sharpness"]["ratio"] for result in soft]
    assert 1 > ratios[0] > ratios[2] > ratios[1]
    assert ratios[1] < 0.1
    assert measured([(source, result) for result in soft])["sharpness"]["lowest"]["frame"] == 1


def test_the_seam_rises_with_a_hard_edge_and_stays_low_under_a_feather():
    source = face(texture=2)
    brighter = np.clip(source.astype(int) + 8, 0, 255).astype(np.uint8)
    hard = with_mouth(source, brighter)
    opacity = Feather.of(MASK).opacity[..., None]
    soft = np.rint(source + opacity * 8).astype(np.uint8)
    steps = [measured([(source, result)])["seam"]["added"] for result in (source, soft, hard)]
    assert steps[0] == 0
    assert steps[1] < 1.5
    assert steps[2] == pytest.approx(8, abs=1)


def test_a_seam_of_color_alone_counts_too():
    source = face(texture=2)
    tinted = np.clip(source + np.array([6, -4, 3]), 0, 255).astype(np.uint8)
    assert measured([(source, with_mouth(source, tinted))])["seam"]["added"] > 3


def test_a_softer_mouth_is_no_seam():
    source = face(texture=12)
    soft = with_mouth(source, cv2.GaussianBlur(source, (0, 0), 1.5))
    assert measured([(source, soft)])["seam"]["added"] < 1


def test_a_texture_that_moves_across_the_border_is_no_seam():
    source = face(texture=6)
    moved = cv2.GaussianBlur(np.roll(source, 5, axis=0), (0, 0), 0.7)
    opacity = Feather.of(MASK).opacity[..., None]
    result = np.rint(source + opacity * (moved.astype(float) - source)).astype(np.uint8)
    assert measured([(source, result)])["seam"]["added"] < 1


def test_flicker_rises_with_trembling_and_not_with_a_source_that_trembles_as_much():
    still, rng = face(), np.random.default_rng(1)

    def tremble(picture):
        return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)

    calm = measured([(still, still)] * 8)["flicker"]
    mouth = measured([(still, with_mouth(still, tremble(still))) for _ in range(8)])["flicker"]
    noisy = [tremble(still) for _ in range(8)]
    both = measured([(picture, picture) for picture in noisy])["flicker"]
    assert calm["ratio"] == 1
    assert mouth["ratio"] > 5
    assert mouth["source_ratio"] == 1
    assert both["ratio"] == pytest.approx(1, abs=0.1)


def test_trembling_at_the_start_alone_shows_in_the_start_s_ratio():
    rng, source = np.random.default_rng(2), face()

    def noise():
        return np.clip(source + rng.normal(0, 2, source.shape), 0, 255).astype(np.uint8)

    pairs = [(picture, picture) for picture in (noise() for _ in range(60))]
    for index in range(20):
        shaken = np.clip(pairs[index][1] + rng.normal(0, 10, source.shape), 0, 255)
        pairs[index] = (pairs[index][0], with_mouth(source, shaken))
    found = measured(pairs)["flicker"]
    assert found["start_ratio"] > 1.5 * found["ratio"]


def test_frames_with_others_between_them_are_no_pair():
    measures = Measures(MASK)
    for index in (0, 2, 4):
        measures.patch(index, face(index), face(index), MATRIX)
    assert measures.to_mapping()["flicker"] is None


def test_each_of_two_people_is_compared_with_himself():
    measures = Measures(MASK)
    for index in range(3):
        for track in (0, 1):
            measures.patch(index, face(track), face(track), MATRIX, track=track)
    found = measures.to_mapping()
    assert found["flicker"]["source"] == 0
    assert measures.flicker.count == 4


@pytest.mark.parametrize("size", [0.5, 1.0, 4.0])
def test_enlargement_is_the_face_s_size_over_the_model_s(size):
    measures = Measures(MASK)
    matrix = Aligner(R, smooth=False).matrix(POINTS * size)
    measures.patch(0, face(), face(), matrix)
    at_one = measured([(face(), face())])["patch"]["enlargement"]["mean"]
    found = measures.to_mapping()["patch"]["enlargement"]
    assert found["mean"] == pytest.approx(size * at_one, rel=0.01)


def decoded(count=4):
    faces = np.stack([face(seed) for seed in range(count)])
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1


def spoiled(how):
    window = decoded()
    # Black as it comes: numbers that vary, all of them below what can be shown.
    values = {"nan": torch.nan, "inf": torch.inf, "zeros": 0.0, "black": window[2] - 5}
    window[2] = values[how]
    return window


@pytest.mark.parametrize(
    ("how", "finding"),
    [("nan", "not_finite"), ("inf", "not_finite"), ("zeros", "constant"), ("black", "constant")],
)
def test_one_spoiled_frame_of_a_window_is_found(how, finding):
    measures = Measures(MASK)
    assert measures.window(0, decoded()) == "ok"
    assert measures.window(4, spoiled(how)) == finding
    found = measures.to_mapping()["windows"]
    assert found["count"] == 2
    assert found[finding] == 1
    assert found["findings"] == [{"first": 4, "last": 7, "finding": finding, "mended": False}]


def test_infinities_of_both_signs_do_not_cancel():
    window = decoded()
    window[0, 0, 0, 0], window[0, 0, 0, 1] = torch.inf, -torch.inf
    assert Measures(MASK).window(0, window) == "not_finite"


def test_a_mouth_of_one_color_is_found_though_the_rest_of_the_face_is_fine():
    window = decoded()
    window[1] = torch.where(MASK < 0.5, -1.0, window[1])
    assert Measures(MASK).window(0, window) == "constant"


def test_a_second_attempt_mends_a_window_and_counts_once():
    measures = Measures(MASK)
    measures.window(0, spoiled("nan"))
    assert measures.window(0, decoded()) == "ok"
    found = measures.to_mapping()["windows"]
    assert (found["count"], found["not_finite"], found["mended"]) == (1, 1, 1)


def test_a_source_of_one_color_is_not_held_against_the_network():
    flat = np.full((4, R, R, 3), 90, np.uint8)
    window = torch.full((4, 3, R, R), 90 / 127.5 - 1)
    assert Measures(MASK).window(0, window, references=flat) == "ok"
    textured = np.stack([face(seed) for seed in range(4)])
    assert Measures(MASK).window(0, window, references=textured) == "constant"


def test_the_share_of_clipped_values_rises_with_guidance_gone_wild():
    shares = []
    for gain in (1.0, 4.0):
        measures = Measures(MASK)
        measures.window(0, decoded() * gain)
        shares.append(measures.to_mapping()["windows"]["clipped_share"])
    assert shares[0] == 0
    assert shares[1] > 0.05


def fed(measures, frames):
    for index in frames:
        source = face(index)
        measures.window(index, decoded(1) if index != 3 else spoiled("zeros")[2:3])
        measures.patch(index, source, cv2.GaussianBlur(source, (0, 0), 1 + index), MATRIX)
        state = "synced" if index % 3 else "passed_through"
        measures.frame(index, state, "" if index % 3 else "no_face", seconds=index / 25)
    return measures


def test_segments_that_were_written_down_add_up_to_the_whole():
    whole = fed(Measures(MASK), range(4))
    whole.state()  # where a segment ends, in an uninterrupted run too
    fed(whole, range(4, 8))
    first = json.loads(json.dumps(fed(Measures(MASK), range(4)).state()))
    resumed = Measures(MASK)
    resumed.absorb(first)
    fed(resumed, range(4, 8))
    assert resumed.to_mapping() == whole.to_mapping()


def test_a_mask_without_a_mouth_is_refused():
    for mask in (torch.ones(R, R), torch.ones(R, R + 1), torch.ones(1, R, R)):
        with pytest.raises(BadCheckpoint, match="mask"):
            Measures(mask)


def test_what_the_blender_composes_is_what_is_measured():
    source = face(texture=2)
    shifted = torch.from_numpy(source).permute(2, 0, 1).float() / 127.5 - 1
    blender = Blender(MASK)
    patch = blender.patch(shifted, source, MATRIX)
    found = measured([(source, blender.composed(patch, source))])
    assert found["seam"]["added"] < 0.1
    assert found["sharpness"]["ratio"] == pytest.approx(1, abs=0.01)
