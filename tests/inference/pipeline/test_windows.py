from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from inference.media.info import ColorTags
from inference.media.pictures import LAYOUTS, Picture
from inference.media.source import Frame
from inference.options import SyncOptions
from inference.picture.align import Aligner
from inference.pipeline.layers import Layer, Voice
from inference.pipeline.windows import Cutter
from inference.results.segments import frames_in_segment
from inference.stopwatch import Stopwatch

TICK = Fraction(1, 25)
MATRIX = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


@dataclass
class Face:
    track: int = 0
    opacity: float = 1.0
    bridged: bool = False
    sound: None = None
    matrix = MATRIX


class Faces:
    """A face in every frame but those of `without`."""

    firm, guessed, misled = True, False, False

    def __init__(self, without=()):
        self.without = without

    def at(self, number):
        return [] if number in self.without else [Face()]

    def reason(self, number):
        return "turned_away"


def frames(count, first=0):
    plane = np.full((16, 16), 128, np.uint8)
    picture = Picture([plane, plane[:8, :8], plane[:8, :8]], LAYOUTS["yuv420p"], ColorTags())
    return [Frame(number, number, 1, picture) for number in range(first, first + count)]


def cutter(*plans, edits=(), seconds=100):
    layers = [Layer(SyncOptions(), plan, {None: Voice(Fraction(seconds))}) for plan in plans]
    return Cutter(layers, Aligner(64), TICK, Stopwatch(), edits=edits)


@pytest.mark.parametrize("count", range(17, 32))
def test_the_last_window_has_what_remains_and_no_frame_is_lost(count):
    windows = list(cutter(Faces()).windows(frames(count)))
    assert [len(window.shots) for window in windows] == [16, count - 16]
    shots = [shot for window in windows for shot in window.shots]
    assert [shot.place for shot in shots] == list(range(count))
    assert all(len(shot.targets[0]) == 1 for shot in shots)


def test_windows_lie_alike_wherever_a_run_begins():
    windows = list(cutter(Faces()).windows(frames(40, first=32), 32))
    assert [window.first for window in windows] == [32, 48, 64]


def test_a_frame_without_a_face_keeps_its_place_and_says_why():
    (window,) = cutter(Faces(without=(3,))).windows(frames(5))
    assert [len(shot.targets[0]) for shot in window.shots] == [1, 1, 1, 0, 1]
    assert [shot.reason for shot in window.shots] == ["", "", "", "turned_away", ""]


def test_after_the_sound_nothing_is_painted():
    (window,) = cutter(Faces(), seconds=Fraction(3, 25)).windows(frames(5))
    assert [len(shot.targets[0]) for shot in window.shots] == [1, 1, 1, 0, 0]
    assert [shot.reason for shot in window.shots[3:]] == ["after_sound", "after_sound"]


def test_a_window_with_a_part_in_it_is_cut_out_for_both_and_each_frame_has_its_own():
    part = (3 * TICK, 5 * TICK)
    first, second = cutter(Faces(), Faces(without=(0,)), edits=[part]).windows(frames(32))
    assert [shot.layer for shot in first.shots] == [0] * 3 + [1] * 2 + [0] * 11
    assert all(len(shot.targets[0]) == 1 for shot in first.shots)
    assert [len(shot.targets[1]) for shot in first.shots] == [0] + [1] * 15
    assert all(set(shot.targets) == {0} for shot in second.shots)


@pytest.mark.parametrize(
    ("rate", "frames"),
    [("25", 256), ("30000/1001", 304), ("24000/1001", 240), ("6", 64), ("1", 16)],
)
def test_a_segment_is_about_ten_seconds_of_whole_windows(rate, frames):
    assert frames_in_segment(Fraction(rate)) == frames
    assert frames % 16 == 0
