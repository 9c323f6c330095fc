from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.errors import BadCheckpoint
from inference.faces import Face, make_finder, usable
from inference.faces.mesh_finder import DETECT_EVERY
from inference.media import open_frames
from inference.media.color import to_rgb
from tests.inference import clips

REAL = Path(__file__).parents[4] / "shared" / "media"


@pytest.fixture(scope="module")
def face():
    return next(clips.faces(1, 480, 360))


def only(frame, finder=None):
    """The one face that a finder sees."""
    (found,) = (finder or make_finder("builtin")).find_all(frame)
    return found


def test_a_face_is_found_where_it_is(face):
    found = only(face)
    left, top, right, bottom = found.box
    first_brow, second_brow, nose = found.points3
    assert 0 < left < first_brow[0] < nose[0] < second_brow[0] < right < 480
    assert 0 < top < first_brow[1] < nose[1] < bottom < 360
    assert usable(found)


def test_the_same_face_is_found_turned_shifted_and_smaller(face):
    reference = only(face).points3
    center = (240, 180)
    for angle, scale, shift in ((25, 1.0, 0), (-25, 1.0, 0), (0, 0.6, 60), (10, 0.8, -50)):
        matrix = cv2.getRotationMatrix2D(center, angle, scale)
        matrix[:, 2] += shift
        moved = cv2.warpAffine(face, matrix, (480, 360), borderMode=cv2.BORDER_REPLICATE)
        found = only(moved)
        expected = reference @ matrix[:, :2].T + matrix[:, 2]
        assert np.abs(found.points3 - expected).max() < 12 * scale


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080)])
def test_portrait_and_landscape_find_the_same(face, size):
    canvas = np.full((size[1], size[0], 3), 70, np.uint8)
    canvas[300:660, 200:680] = face
    found = only(canvas).points3
    alone = only(face).points3 + np.array([200, 300])
    assert np.abs(found - alone).max() < 6


def test_no_face_is_no_face():
    finder = make_finder("builtin")
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    for frame in (np.zeros((240, 320, 3), np.uint8), np.full((240, 320, 3), 128, np.uint8), noise):
        assert finder.find_all(frame) == []


def test_a_face_is_followed_without_detecting_anew(face, monkeypatch):
    finder = make_finder("builtin")
    only(face, finder)
    monkeypatch.setattr(finder, "_detect", lambda frame: pytest.fail("detected again"))
    for shift in range(0, 60, 12):
        moved = np.roll(face, shift, axis=1)
        only(moved, finder)


def test_a_lost_face_is_found_again(face):
    finder = make_finder("builtin")
    first = only(face, finder)
    assert finder.find_all(np.zeros_like(face)) == []
    again = only(face, finder)
    assert np.abs(again.points3 - first.points3).max() < 3


def test_several_faces_are_all_found_the_largest_first(face):
    canvas = np.full((360, 640, 3), 70, np.uint8)
    canvas[40:310, 0:360] = cv2.resize(face, (360, 270), interpolation=cv2.INTER_AREA)
    small = cv2.resize(face, (240, 180), interpolation=cv2.INTER_AREA)
    canvas[100:280, 380:620] = small
    first, second = make_finder("builtin").find_all(canvas)
    assert first.center[0] < 360 < second.center[0]
    assert first.width > second.width


def test_a_face_that_comes_later_is_noticed(face):
    finder = make_finder("builtin")
    canvas = np.full((240, 640, 3), 70, np.uint8)
    half = cv2.resize(face, (320, 240), interpolation=cv2.INTER_AREA)
    canvas[:, :320] = half
    assert len(finder.find_all(canvas)) == 1
    both = canvas.copy()
    both[:, 320:] = half[:, ::-1]
    counts = [len(finder.find_all(both)) for _ in range(DETECT_EVERY)]
    assert counts[-1] == 2


@pytest.mark.parametrize("scale", [0.1, 0.15])
def test_a_face_too_small_to_paint_on_is_not_usable(face, scale):
    small = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((360, 480, 3), 70, np.uint8)
    canvas[100 : 100 + len(small), 100 : 100 + small.shape[1]] = small
    assert not any(usable(found) for found in make_finder("builtin").find_all(canvas))


def test_a_face_turned_far_away_is_not_usable():
    def seen(brows_apart):
        points = np.array([[100, 100], [100 + brows_apart, 100], [120, 150]], float)
        return Face((80, 60, 200, 220), 1.0, points)

    assert usable(seen(100))
    assert not usable(seen(30))


def test_an_unknown_finder_is_named():
    with pytest.raises(BadCheckpoint, match="made-up"):
        make_finder("made-up")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips are not beside this checkout")
@pytest.mark.parametrize("name", ["demo1_video.mp4", "demo2_video.mp4"])
def test_real_faces_are_found_in_every_frame(name):
    finder = make_finder("builtin")
    with open_frames(REAL / name, Fraction(2)) as frames:
        found = [finder.find_all(to_rgb(frame.picture, quick=True)) for frame in frames]
    assert [len(faces) for faces in found] == [1] * 50
    assert all(usable(face) for (face,) in found)
