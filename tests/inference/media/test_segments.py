import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from inference import errors
from inference.media import open_frames, read_sound
from inference.media.encoding import Encoding
from inference.media.joining import join
from inference.media.segment import SegmentWriter
from inference.media.timing import read_timing
from tests.inference import clips

ROOT = Path(__file__).parents[3]


def in_pieces(source, folder, sizes, encoding=None, *, seconds=None, **program):
    """The frames of a film, in segments of so many frames; the last takes the rest."""
    paths, shown, writer = [], [], None
    with open_frames(source, seconds, **program) as frames:
        for frame in frames:
            shown.append(frame)
            if writer is None or (
                len(paths) <= len(sizes) and writer.frames == sizes[len(paths) - 1]
            ):
                if writer:
                    writer.__exit__(None, None, None)
                paths.append(folder / f"{len(paths)}.mp4")
                writer = SegmentWriter(paths[-1], frames.film, encoding).__enter__()
            writer.write(frame)
    writer.__exit__(None, None, None)
    return paths, frames.film, shown


def result(tmp_path, source, sizes, encoding=None, *, sound=1.0, **program):
    """Through the whole chain without a model: where it is, its film, the frames shown."""
    voice = read_sound(clips.sound(tmp_path / "a.wav", sound), tmp_path / "spool")
    program.setdefault("seconds", voice.duration)
    paths, film, shown = in_pieces(source, tmp_path, sizes, encoding, **program)
    join(paths, film, voice, tmp_path / "out.mp4")
    return tmp_path / "out.mp4", film, shown


def decoded(path):
    with av.open(str(path)) as container:
        return [(f.pts * f.time_base, clips.planes(f)) for f in container.decode(video=0)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("sizes", [[], [16], [1, 2, 3]])
def test_segments_become_one_film_with_every_frame_at_its_time(tmp_path, codec, sizes):
    rate = Fraction(30000, 1001)
    source = clips.film(tmp_path / "a.mp4", clips.numbered(40), rate=rate)
    out, _, shown = result(tmp_path, source, sizes, Encoding(codec))
    seen = decoded(out)
    assert [clips.number_of(planes[0]) for _, planes in seen] == [f.number for f in shown]
    assert [time for time, _ in seen] == [n / rate for n in range(len(shown))]


def test_what_plays_is_what_each_segment_has(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(30))
    out, _, _ = result(tmp_path, source, [10, 10])
    alone = [planes for n in range(3) for _, planes in decoded(tmp_path / f"{n}.mp4")]
    for (_, planes), own in zip(decoded(out), alone, strict=True):
        assert all((a == b).all() for a, b in zip(planes, own, strict=True))


def test_variable_times_and_the_last_frames_length_come_out_as_they_went_in(tmp_path):
    times = [0, 40, 80, 200, 240, 280, 400, 440, 450, 490, 900]
    source = clips.film(tmp_path / "a.mkv", clips.numbered(11), times=times)
    out, film, shown = result(tmp_path, source, [3, 5], sound=1.5, length="cut")
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        end = stream.duration * stream.time_base
    assert [time for time, _ in decoded(out)] == [f.time * film.time_base for f in shown]
    assert end == (shown[-1].time + shown[-1].duration) * film.time_base


STILLS = [0, 500, 1500, 1540, 1580, 3000, 3900]
PAUSE = [*range(0, 2400, 40), 3300, 3340, 3380]
TREMBLING = [40 * n + (0, 11, -13, 7)[n % 4] for n in range(90)]


@pytest.mark.parametrize("length", ["audio", "loop", "hold"])
@pytest.mark.parametrize("times", [STILLS, PAUSE, TREMBLING], ids=["stills", "pause", "trembling"])
def test_what_is_read_back_ends_when_the_last_picture_does(tmp_path, times, length):
    source = clips.film(tmp_path / "a.mkv", clips.numbered(len(times)), times=times)
    out, film, shown = result(tmp_path, source, [3], sound=4.0, length=length)
    end = (shown[-1].time + shown[-1].duration) * film.time_base
    assert abs(read_timing(out).video.end - end) < Fraction(1, 1000)


@pytest.mark.parametrize("segment", ["first", "later"])
def test_a_segment_keeps_the_times_of_the_whole(tmp_path, segment):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(30), rate=Fraction(24000, 1001))
    paths, film, shown = in_pieces(source, tmp_path, [13])
    path, frames = (paths[0], shown[:13]) if segment == "first" else (paths[1], shown[13:])
    assert [time for time, _ in decoded(path)] == [f.time * film.time_base for f in frames]


def test_a_picture_that_begins_late_begins_late_in_the_result(tmp_path):
    late = clips.film(tmp_path / "v.mp4", clips.numbered(20))
    source = tmp_path / "a.mkv"
    with av.open(str(late)) as video, av.open(str(source), "w") as out:
        film = out.add_stream_from_template(video.streams.video[0])
        voice = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        packets = [packet for packet in video.demux(video=0) if packet.size]
        for packet in packets:
            packet.pts += round(Fraction(2, 5) / packet.time_base)
            packet.dts += round(Fraction(2, 5) / packet.time_base)
            packet.stream = film
        for frame in clips.sine(1.2, rate=8000):
            packets += voice.encode(frame)
        out.mux(packets)
    made, _, shown = result(tmp_path, source, [7], sound=1.2)
    seen = [time for time, _ in decoded(made)]
    assert seen == [Fraction(2, 5) + Fraction(n, 25) for n in range(20)]
    assert len(shown) == 20


def test_the_sound_ends_with_a_shorter_picture(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(25))
    out, _, _ = result(tmp_path, source, [16], sound=2.0, length="video")
    with av.open(str(out)) as container:
        ends = [
            s.duration * s.time_base for s in (*container.streams.video, *container.streams.audio)
        ]
    assert ends[0] == 1
    assert abs(ends[1] - 1) < Fraction(1, 100)


def test_a_sound_that_is_longer_by_less_than_a_frame_keeps_its_tail(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(25))
    out, _, shown = result(tmp_path, source, [], sound=1.03)
    assert len(shown) == 25
    with av.open(str(out)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert heard >= 1.03 * 48000


def test_segments_that_do_not_follow_each_other_are_not_joined(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(30))
    voice = read_sound(clips.sound(tmp_path / "a.wav"), tmp_path / "spool")
    paths, film, _ = in_pieces(source, tmp_path, [10, 10])
    for wrong in ([paths[0], paths[2]], paths[::-1]):
        with pytest.raises(errors.EngineFault, match="doesn't begin"):
            join(wrong, film, voice, tmp_path / "out.mp4")
        assert not (tmp_path / "out.mp4").exists()


def test_segments_that_were_coded_differently_are_not_joined(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(20))
    voice = read_sound(clips.sound(tmp_path / "a.wav"), tmp_path / "spool")
    (tmp_path / "other").mkdir()
    first, film, _ = in_pieces(source, tmp_path, [10])
    other, _, _ = in_pieces(source, tmp_path / "other", [10], Encoding("hevc"))
    with pytest.raises(errors.EngineFault, match="coded differently"):
        join([first[0], other[1]], film, voice, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_an_error_or_nothing_written_leaves_no_segment(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(3))
    broken, empty = tmp_path / "broken.mp4", tmp_path / "empty.mp4"
    with open_frames(source, Fraction(4)) as frames:
        with pytest.raises(RuntimeError), SegmentWriter(broken, frames.film) as writer:
            for frame in frames:
                writer.write(frame)
            assert broken.exists()
            raise RuntimeError
        with SegmentWriter(empty, frames.film):
            pass
    assert not broken.exists()
    assert not empty.exists()


def test_nothing_is_joined_to_nothing(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(2))
    voice = read_sound(clips.sound(tmp_path / "a.wav"), tmp_path / "spool")
    with (
        open_frames(source, None) as frames,
        pytest.raises(errors.EngineFault, match="no segments"),
    ):
        join([], frames.film, voice, tmp_path / "out.mp4")


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_segment_too_short_for_x265_has_decoding_times_of_its_own(tmp_path, frames):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(frames))
    # Memory that nobody has written to holds no zeros by luck.
    run = subprocess.run(
        [sys.executable, "-c", SHORT, str(source), str(tmp_path / "short.mp4")],
        env=os.environ | {"MALLOC_PERTURB_": "90"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr[-500:]
    assert len(decoded(tmp_path / "short.mp4")) == frames


SHORT = """
import sys
from pathlib import Path
from inference.media import open_frames
from inference.media.encoding import Encoding
from inference.media.segment import SegmentWriter
from inference.media.timing import read_timing
with open_frames(sys.argv[1], None) as frames:
    with SegmentWriter(Path(sys.argv[2]), frames.film, Encoding("hevc")) as writer:
        for frame in frames:
            writer.write(frame)
"""
