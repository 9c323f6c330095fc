"""Films whose clock starts over, jumps, or stands still for long."""

from fractions import Fraction

import av
import pytest

from inference.media import open_frames, probe, read_sound
from inference.media.child.clock import Clock
from tests.inference import clips

MILLISECOND = Fraction(1, 1000)


def starts(stamps, longest=None):
    """Frames (of 25 a second) from the first at which pictures with these milliseconds are shown;
    None: never."""
    return frames(Clock(Fraction(25), MILLISECOND, longest), stamps)


def frames(clock, stamps):
    for stamp in stamps:
        clock.note(stamp)
    clock.close()
    return [clock.start(n) / clock.frame if clock.seen(n) else None for n in range(clock.settled)]


def test_a_clock_that_starts_over_goes_on():
    assert starts([0, 40, 1000, 0, 40, 1000]) == [0, 1, 25, 26, 27, 51]
    assert starts([*range(0, 2000, 40)] * 3) == list(range(150))


def test_a_picture_that_comes_a_little_late_is_never_seen():
    assert starts([0, 40, 80, 40, 120]) == [0, 1, 2, None, 3]


def test_one_wrong_time_does_not_lead_away_from_the_clock():
    assert starts([90_000, 90_040, 0, 90_120, 90_160]) == [0, 1, 2, 3, 4]
    assert starts([0, 40, 900_000, 120, 160], Fraction(60)) == [0, 1, 2, 3, 4]


RUNS = {
    "one": [0],
    "a little": [7300],
    "the same": [0, 0],
    "a clock": [0, 40, 80],
    "any": [5000, 3000, 7000],
    "one later": [9000],
    "much later": [9_000_000],
    "a clock later": [9_000_000, 9_000_040, 9_000_080],
    "falling": [90_000, 60_000, 20_000],
    "both ways": [9_000_000, 3000, 15_000, 0, 6_000_000, 20_000],
}


@pytest.mark.parametrize("longest", [None, Fraction(60)])
@pytest.mark.parametrize("jitter", [(0,), (0, 7, -6, 3, -7)])
@pytest.mark.parametrize("wrong", RUNS.values(), ids=RUNS)
def test_a_run_of_wrong_times_moves_no_other_picture_and_stops_none(wrong, jitter, longest):
    stamps = [40 * n + jitter[n % len(jitter)] for n in range(300)]
    harmed = stamps[:200] + wrong + stamps[200 + len(wrong) :]
    told = [round(start * 40, 6) for start in starts(harmed, longest)]
    assert told[:200] + told[200 + len(wrong) :] == stamps[:200] + stamps[200 + len(wrong) :]
    assert max(abs(a - b) for a, b in zip(told, stamps, strict=True)) <= max(jitter) * 2


def test_wrong_times_at_the_very_end_end_the_film_after_them():
    assert starts([4000, 4040, 4080, 0]) == [0, 1, 2, 3]
    assert starts([4000, 4040, 4080, 9_000_000, 0], Fraction(60)) == [0, 1, 2, 3, 4]


def test_pictures_with_wrong_times_lie_between_their_neighbors():
    assert starts([90_000, 90_040, 0, 90_100, 90_140]) == [0, 1, 1.75, 2.5, 3.5]


def test_a_few_pictures_that_each_stand_for_long_are_no_mistake():
    assert starts([0, 900, 5000, 65_000, 65_040]) == [0, 22.5, 125, 1625, 1626]
    slides = [7000 * n for n in range(20)]
    assert starts(slides) == [175 * n for n in range(20)]


def test_pictures_stand_for_long_on_a_clock_that_started_over_too():
    cut = [*range(0, 10_000, 40), *range(0, 1000, 40), 12_000]
    assert starts(cut)[-2:] == [274, 250 + 300]


@pytest.mark.parametrize("again", [[0, 5000, 10_000, 15_000], [0, 1000, 1040, 9000]])
def test_long_steps_are_believed_shortly_before_the_clock_starts_over(again):
    first = [0, 5000, 10_000, 15_000]
    assert starts(first + again) == [n / 40 for n in (*first, *(15_040 + n for n in again))]


def test_few_pictures_a_second_are_no_reason_to_turn_the_clock_back():
    slow = Clock(Fraction(1), MILLISECOND)
    assert frames(slow, (0, 1000, 2000, 1400, 2400, 3400)) == list(range(6))


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


def voice(path, begins):
    """Two seconds of sound, on a transport stream's clock that begins at so many seconds."""
    with av.open(str(path), "w", options={"output_ts_offset": str(begins)}) as out:
        stream = out.add_stream("mp2", rate=48000, layout="mono")
        for frame in clips.sine(2):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("begins", [30_000, 600, 1])
def test_the_length_of_a_voice_whose_clock_jumps_is_what_is_heard(tmp_path, begins):
    path = tmp_path / "a.ts"
    path.write_bytes(voice(tmp_path / "1.ts", 5) + voice(tmp_path / "2.ts", 5 + begins))
    info, heard = probe(path), read_sound(path, tmp_path / "spool").duration
    assert abs(info.audio.duration - heard) < Fraction(1, 10)
    assert info.duration == info.audio.duration


def test_the_length_of_a_film_whose_clock_jumps_is_what_is_seen(tmp_path):
    for first, second in ((1, 4000), (5000, 1)):
        info = probe(glued(tmp_path / "a.ts", first, second))
        assert abs(info.duration - Fraction(45, 25)) < Fraction(1, 10)


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
