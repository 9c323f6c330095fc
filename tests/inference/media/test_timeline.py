from fractions import Fraction
from itertools import pairwise

import pytest

from inference.media.timeline import LENGTHS, Cell, Even, Retimed, count, showings

NTSC = Fraction(30000, 1001)


class Film:
    """A strip of frames that begin at the given ticks; the last lasts `last` ticks."""

    def __init__(self, starts, last):
        ends = [*starts[1:], starts[-1] + last]
        self.cells = [
            Cell(n, start, end - start)
            for n, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]

    def forwards(self):
        return iter(self.cells)

    def backwards(self):
        return reversed(self.cells)


def numbers(frames, end, length, **more):
    shown = showings(Even(frames), length, usual=1, end=end and Fraction(end), **more)
    return [showing.cell.number for showing in shown]


def test_each_length_has_its_rule():
    assert numbers(4, 9, "audio") == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert numbers(4, 9, "loop") == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert numbers(4, 9, "hold") == [0, 1, 2, 3, 3, 3, 3, 3, 3]
    assert numbers(4, 9, "cut") == [0, 1, 2, 3]
    assert numbers(4, 9, "video") == [0, 1, 2, 3]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_longer_film_is_cut_unless_its_own_length_is_wanted(length):
    assert numbers(9, 4, length) == list(range(9 if length == "video" else 4))


@pytest.mark.parametrize("length", LENGTHS)
def test_without_a_sound_the_film_is_shown_once(length):
    assert numbers(5, None, length) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("length", ["audio", "loop", "hold"])
def test_a_single_picture_fills_any_time(length):
    assert numbers(1, 5, length) == [0] * 5


@pytest.mark.parametrize("rate", [6, Fraction(24000, 1001), 25, NTSC, 60])
@pytest.mark.parametrize("length", ["audio", "loop", "hold"])
def test_the_result_lasts_as_long_as_the_sound_within_one_frame(rate, length):
    for frames in (*range(1, 50), 300):
        for seconds in (Fraction(1, 1000), Fraction(3041, 1000), Fraction(10, 3)):
            made = count(frames, Fraction(rate), seconds, length) / Fraction(rate)
            assert abs(made - seconds) <= 1 / Fraction(rate)


def test_equal_lengths_at_23976_never_wrap():
    rate = Fraction(24000, 1001)
    shown = showings(Even(240, 1001), "audio", usual=1001, end=240 / rate * 24000)
    assert [showing.cell.number for showing in shown] == list(range(240))


def test_hours_keep_the_exact_time_of_each_frame():
    *_, last = showings(Even(107_892, 1001), "audio", usual=1001, end=None)
    assert Fraction(last.time, 30000) == 107_891 / NTSC


def test_one_frame_too_few_is_no_reason_to_turn():
    assert numbers(25, 26, "audio") == list(range(25))
    assert numbers(25, 26, "loop") == list(range(25))
    assert numbers(25, 26, "hold") == [*range(25), 24]
    assert numbers(25, Fraction(261, 10), "audio") == [*range(25), 23]


def test_turning_frames_are_shown_once_and_nothing_jumps():
    shown = numbers(7, 40, "audio")
    assert {abs(b - a) for a, b in pairwise(shown)} == {1}


def test_variable_times_are_kept_both_ways_and_cut_at_the_end():
    film = Film([0, 40, 80, 200], last=40)
    shown = list(showings(film, "audio", usual=40, end=Fraction(480)))
    assert [(s.cell.number, s.time, s.duration) for s in shown] == [
        (0, 0, 40), (1, 40, 40), (2, 80, 120), (3, 200, 40), (2, 240, 120), (1, 360, 40),
        (0, 400, 40), (1, 440, 40),
    ]  # fmt: skip
    long = list(showings(Film([0, 40], last=4000), "audio", usual=40, end=Fraction(300)))
    assert [(s.time, s.duration) for s in long] == [(0, 40), (40, 260)]


def test_a_held_frame_is_shown_at_the_usual_pace():
    shown = list(showings(Film([0, 40], last=200), "hold", usual=40, end=Fraction(360)))
    assert [(s.cell.number, s.duration) for s in shown] == [(0, 40), (1, 200), *[(1, 40)] * 3]


def test_a_picture_that_begins_late_keeps_its_distance():
    shown = list(showings(Even(5, 40), "audio", usual=40, end=Fraction(200), begin=60))
    assert [s.time for s in shown] == [60, 100, 140, 180]


def test_an_unknown_length_is_refused():
    with pytest.raises(ValueError, match="forever"):
        numbers(3, 3, "forever")


def retimed(starts, last, rate, to, length="video", end=None):
    """Numbers shown at a new rate; starts in frames of the old."""
    strip = Retimed(Film(starts, last), usual=1, ratio=Fraction(to) / rate)
    return [s.cell.number for s in showings(strip, length, usual=1, end=end)]


# What `ffmpeg -i a.mp4 -r 25` (9.0.2) shows of films with numbered frames: those that it leaves
# out and those that it repeats of the first hundred, and how many there are then.
OF_FFMPEG = {
    30: ([*range(12, 97, 6)], [], 85),
    NTSC: ([*range(12, 79, 6), 85, 91, 97], [], 85),
    50: ([*range(4, 99, 2)], [], 52),
    Fraction(24000, 1001): ([], [11, 35, 58, 81], 104),
    24: ([], [11, 35, 59, 83], 104),
}


@pytest.mark.parametrize("rate", OF_FFMPEG)
def test_another_rate_leaves_out_and_repeats_the_frames_that_ffmpeg_does(rate):
    shown = retimed(range(100), 1, rate, 25)
    left_out = sorted({*range(100)} - {*shown})
    repeated = [a for a, b in pairwise(shown) if a == b]
    assert (left_out, repeated, len(shown)) == OF_FFMPEG[rate]


def test_a_slow_film_repeats_as_ffmpeg_does():
    tens = [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7]
    sixteens = [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12]
    assert retimed(range(100), 1, 10, 25)[:20] == tens
    assert retimed(range(100), 1, 16, 25)[:20] == sixteens


@pytest.mark.parametrize("rate", [6, 8, 12, 16, Fraction(24000, 1001), 24, NTSC, 30, 50, 60])
def test_another_rate_drifts_by_less_than_two_frames_however_long_it_is(rate):
    late = [
        place - number * 25 / Fraction(rate)
        for place, number in enumerate(retimed(range(2000), 1, rate, 25))
    ]
    assert min(late) >= -Fraction(1, 2)
    assert max(late) < max(2, 25 / Fraction(rate))


def test_at_its_own_rate_a_film_stays_what_it_is():
    assert retimed(range(50), 1, 25, 25) == list(range(50))


def test_a_retimed_film_turns_around_as_any_other():
    forth = retimed(range(60), 1, 60, 25)
    shown = retimed(range(60), 1, 60, 25, "audio", Fraction(60))
    assert len(forth) == 27
    assert shown == [*forth, *forth[-2:0:-1], *forth[:8]]


def test_a_film_shorter_than_half_a_new_frame_still_has_one():
    assert retimed([0], 1, 240, 25) == [0]
    assert retimed([0], 1, 240, 25, "audio", Fraction(3)) == [0, 0, 0]


def test_a_late_picture_at_another_rate_is_filled_with_its_first_frame():
    strip = Retimed(Even(10), usual=1, ratio=Fraction(1), begin=3)
    assert [s.number for s in strip.forwards()] == [0, 0, 0, *range(10)]


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"),
    [("119.37", 25, 2984), ("3.041", 25, 76), ("3.3", 25, 83), ("6.23", 25, 156), ("1", 25, 25)],
)
def test_reported_lengths_follow_the_rule(seconds, rate, frames):
    assert count(5000, Fraction(rate), Fraction(seconds)) == frames
    assert count(20, Fraction(rate), Fraction(seconds)) == frames
