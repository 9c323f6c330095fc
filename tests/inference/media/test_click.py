"""A click at 1.000 s stays there, for the network and in the result, whatever file it came in."""

from fractions import Fraction

import av
import pytest

from inference.media import open_frames, read_sound
from tests.inference import clicks

MILLISECOND = 0.001


def near(seconds):
    return pytest.approx(seconds, abs=MILLISECOND)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels", "carried"),
    [
        ("a.wav", "pcm_s16le", 8000, 1, "aac"),
        ("a.wav", "pcm_s24le", 48000, 2, "aac"),
        ("a.wav", "pcm_s24le", 44100, 6, "aac"),
        ("a.wav", "pcm_s16le", 48000, 3, "aac"),
        ("a.wav", "pcm_s16le", 48000, 4, "aac"),
        ("a.wav", "pcm_f32le", 96000, 2, "aac"),
        ("a.mp3", "libmp3lame", 44100, 2, "mp3"),
        ("a.mp3", "libmp3lame", 8000, 1, "aac"),
        ("a.m4a", "aac", 44100, 2, "aac"),
        ("a.m4a", "aac", 48000, 6, "aac"),
        ("a.m4a", "alac", 48000, 2, "aac"),
        ("a.ogg", "vorbis", 44100, 2, "aac"),
        ("a.ogg", "libopus", 48000, 2, "opus"),
        ("a.webm", "libopus", 48000, 1, "opus"),
        ("a.flac", "flac", 96000, 2, "flac"),
        ("a.flac", "flac", 44100, 6, "flac"),
    ],
)
def test_every_form_of_sound_keeps_its_time_rate_and_channels(
    tmp_path, name, codec, rate, channels, carried
):
    path = clicks.write(tmp_path / name, codec, rate, channels)
    sound = read_sound(path, tmp_path / "spool")
    assert clicks.heard(sound) == near(1.0)
    # An encoder fills its last packet up.
    assert float(sound.duration) == pytest.approx(2.0, abs=1024 / rate)
    result = clicks.carry(sound, tmp_path / "out.mp4")
    assert clicks.seen(result) == near(1.0)
    assert clicks.end(result) == near(float(sound.duration))
    with av.open(str(result)) as container:
        context = container.streams.audio[0].codec_context
        assert context.codec.canonical_name == carried
        assert (context.sample_rate, context.layout.nb_channels) == (rate, channels)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mka", "pcm_s16le"), ("a.mka", "libopus")]
)
def test_a_sound_that_starts_late_in_its_file_is_heard_late(tmp_path, name, codec):
    path = clicks.write(tmp_path / name, codec, 48000, starts=0.4)
    sound = read_sound(path, tmp_path / "spool")
    assert clicks.heard(sound) == near(1.4)
    assert float(sound.duration) == pytest.approx(2.4, abs=0.022)
    assert clicks.seen(clicks.carry(sound, tmp_path / "out.mp4")) == near(1.4)


@pytest.mark.parametrize(
    ("name", "codec", "starts"),
    [
        ("a.mp4", "aac", 0.0),
        ("a.mp4", "aac", 0.4),
        ("a.mkv", "libmp3lame", 0.4),
        ("a.mov", "pcm_s16le", 0.4),
        ("a.ts", "aac", 0.0),
        ("a.ts", "aac", 0.4),
    ],
)
def test_the_track_of_a_film_stays_in_step_with_its_picture(tmp_path, name, codec, starts):
    path = clicks.write(tmp_path / name, codec, 48000, 2, starts=starts, picture=True)
    sound = read_sound(path, tmp_path / "spool")
    with open_frames(path, Fraction(1)) as frames:
        first = float(next(iter(frames)).time * frames.film.time_base)
    assert clicks.heard(sound) - first == near(1.0 + starts)
    assert clicks.seen(clicks.carry(sound, tmp_path / "out.mp4")) - first == near(1.0 + starts)


def test_what_an_editor_cut_away_at_the_start_is_not_heard(tmp_path):
    path = clicks.write(tmp_path / "a.m4a", "aac", 48000)
    clicks.edited(path, [(0.25, 1.75)], 48000)
    sound = read_sound(path, tmp_path / "spool")
    assert clicks.heard(sound) == near(0.75)
    assert clicks.seen(clicks.carry(sound, tmp_path / "out.mp4")) == near(0.75)


def test_a_cut_in_the_middle_of_packets_is_coded_anew(tmp_path):
    path = clicks.write(tmp_path / "a.m4a", "aac", 48000)
    clicks.edited(path, [(0, 0.5), (0.8, 1.2)], 48000)
    sound = read_sound(path, tmp_path / "spool")
    # FFmpeg ends an edit with a whole packet; what is less than 5 ms off is not mended.
    assert clicks.heard(sound) == pytest.approx(0.7, abs=0.005)
    assert clicks.seen(clicks.carry(sound, tmp_path / "out.mp4")) == near(clicks.heard(sound))


def test_a_sound_that_changes_its_rate_on_the_way_keeps_its_time(tmp_path):
    # Longer than what FFmpeg looks at before it says what is in a file.
    first = clicks.write(tmp_path / "a.mp3", "libmp3lame", 44100, 2, at=0.1, seconds=7)
    second = clicks.write(tmp_path / "b.mp3", "libmp3lame", 48000, 1)
    plain = read_sound(first, tmp_path / "spool").duration
    both = tmp_path / "c.mp3"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    sound = read_sound(both, tmp_path / "spool")
    assert (sound.codec, sound.sample_rate, sound.layout) == ("aac", 44100, "stereo")
    # Priming and padding of the second are heard: nothing in the middle of a stream tells of them.
    assert float(sound.duration) == pytest.approx(float(plain) + 2.0, abs=0.1)
    assert clicks.seen(clicks.carry(sound, tmp_path / "out.mp4")) == near(clicks.heard(sound))
