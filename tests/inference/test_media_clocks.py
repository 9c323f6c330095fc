"""Films whose clock starts over, jumps, or stands still for long."""

from fractions import Fraction

import pytest

from inference.media import open_frames, probe
from inference.media.child.clock import Clock
from tests.inference import clips

MILLISECOND = Fraction(1, 1000)


def starts(stamps, longest=None):
    """Frames (of 25 a second) from the first at which pictures with these milliseconds are shown;
    None: never."""
    clock = Clock(Fraction(25), MILLISECOND, longest)
    seen = [clock.note(stamp) for stamp in stamps]
    return [clock.start(n) / clock.frame if ok else None for n, ok in enumerate(seen)]


def test_a_clock_that_starts_over_goes_on():
    assert starts([0, 40, 1000, 0, 40, 1000]) == [0, 1, 25, 26, 27, 51]
    assert starts([*range(0, 2000, 40)] * 3) == list(range(150))


def test_a_picture_that_comes_a_little_late_is_never_seen():
    assert starts([0, 40, 80, 40, 120]) == [0, 1, 2, None, 3]


def test_one_wrong_time_does_not_lead_away_from_the_clock():
    assert starts([90_000, 90_040, 0, 90_120, 90_160]) == [0, 1, 2, 3, 4]
    assert starts([0, 40, 900_000, 120, 160], Fraction(60)) == [0, 1, 2, 3, 4]


def test_pictures_without_a_time_are_followed_by_those_that_have_one():
    assert starts([None, None, None, 20, 60]) == [0, 1, 2, 3, 4]


def test_a_long_step_is_believed_unless_the_clock_is_a_streams():
    assert starts([0, 40, 3_600_000]) == [0, 1, 90_000]
    assert starts([0, 40, 3_600_000], Fraction(60)) == [0, 1, 2]
    assert starts([0, 40, 59_000], Fraction(60)) == [0, 1, 1475]


def glued(path, first, second):
    """Two films of 25 and 20 frames, whose clocks begin at so many seconds, in one file."""
    data = b""
    for begins, pictures in ((first, range(25)), (second, range(25, 45))):
        numbered = list(clips.numbered(45))
        part = clips.film(
            path.with_name(f"{begins}.{path.suffix[1:]}"),
            (numbered[n] for n in pictures),
            times=[round(1000 * begins) + 40 * n for n in range(len(pictures))],
        )
        data += part.read_bytes()
    path.write_bytes(data)
    return path


def told(path, seconds):
    with open_frames(path, seconds) as frames:
        shown = list(frames)
        tick = frames.film.time_base
    return [clips.number_of(f.picture.planes[0]) for f in shown], [f.time * tick for f in shown]


@pytest.mark.parametrize(("first", "second"), [(2, 1), (5000, 1), (1, 5000), (1, 90)])
def test_films_put_one_behind_the_other_play_whole(tmp_path, first, second):
    path = glued(tmp_path / "a.ts", first, second)
    numbers, times = told(path, Fraction(45, 25))
    assert numbers == list(range(45))
    assert times == [Fraction(n, 25) for n in range(45)]
    assert probe(path).video.frame_rate == 25


def test_they_play_backwards_too(tmp_path):
    numbers, _ = told(glued(tmp_path / "a.ts", 5000, 1), Fraction(85, 25))
    assert numbers == [*range(45), *range(43, 3, -1)]


def test_a_picture_that_stands_for_an_hour_does_not_decide_what_is_usual(tmp_path):
    times = [40 * n for n in range(25)] + [3_600_000 + 40 * n for n in range(25)]
    path = clips.film(tmp_path / "a.mp4", clips.numbered(50), times=times)
    with open_frames(path, Fraction(2)) as frames:
        shown = list(frames)
    assert frames.film.rate == 25
    assert [frame.number for frame in shown] == list(range(25))
    assert (shown[-1].time + shown[-1].duration) * frames.film.time_base == 2
