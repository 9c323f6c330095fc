"""The offset of sound and picture, read back from the finished file."""

from fractions import Fraction

import av
import pytest

from inference.errors import NoVideo
from inference.media.timing import Meant, read_timing
from tests.inference import clips

FRAME = Fraction(1, 25)


def muxed(path, *, late=Fraction(0), seconds=1.0, codec="aac"):
    """A second of film with a sound that starts `late` seconds after it."""
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        voice = out.add_stream(codec, rate=48000, layout="mono")
        for rgb in clips.numbered(25):
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(pictures.encode(None))
        for frame in clips.sine(seconds):
            frame.pts += round(late * 48000)
            out.mux(voice.encode(frame))
        out.mux(voice.encode(None))
    return path


def meant(codec="aac"):
    # A second of sound in packets of 1024 or 1152 samples, the first of them 1024 or 1105 early.
    first, step, count = {"aac": (1024, 1024, 48), "libmp3lame": (1105, 1152, 43)}[codec]
    start = Fraction(-first, 48000)
    return Meant(Fraction(0), 24 * FRAME, start, start + Fraction(step * (count - 1), 48000))


@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_sound_and_picture_as_they_were_meant_have_no_offset(tmp_path, codec):
    timing = read_timing(muxed(tmp_path / "a.mp4", codec=codec))
    assert timing.video.packets == 25
    assert (timing.video.start, timing.video.end) == (0, 1)
    told = timing.to_mapping(meant(codec))
    assert abs(told["offset_start_seconds"]) < 0.001
    assert abs(told["offset_end_seconds"]) < 0.001
    assert abs(told["gap_end_seconds"]) < 0.03


@pytest.mark.parametrize("late", [Fraction(1, 5), Fraction(-1, 5)])
def test_a_sound_that_was_written_early_or_late_has_its_offset(tmp_path, late):
    told = read_timing(muxed(tmp_path / "a.mp4", late=late)).to_mapping(meant())
    # What comes before the first frame is cut off, and not heard.
    assert told["sound"]["start_seconds"] == pytest.approx(max(0, late), abs=0.025)
    # The edit list counts in milliseconds.
    assert told["offset_start_seconds"] == pytest.approx(float(late), abs=0.001)
    assert told["offset_end_seconds"] == pytest.approx(float(late), abs=0.001)


def test_without_what_was_meant_the_sound_is_taken_to_begin_at_the_first_frame(tmp_path):
    told = read_timing(muxed(tmp_path / "a.mp4", late=Fraction(1, 5))).to_mapping()
    assert told["offset_start_seconds"] == pytest.approx(0.2, abs=0.025)
    assert told["offset_end_seconds"] is None


def test_a_sound_that_ends_early_shows_as_a_gap(tmp_path):
    told = read_timing(muxed(tmp_path / "a.mp4", seconds=0.4)).to_mapping()
    assert told["gap_end_seconds"] == pytest.approx(-0.6, abs=0.05)


def test_a_film_without_sound_has_no_offset(tmp_path):
    told = read_timing(clips.film(tmp_path / "a.mp4", clips.numbered(5))).to_mapping()
    assert (told["sound"], told["offset_start_seconds"], told["gap_end_seconds"]) == (None,) * 3


def test_sound_alone_is_no_result(tmp_path):
    with pytest.raises(NoVideo):
        read_timing(clips.sound(tmp_path / "a.m4a", 0.2))
