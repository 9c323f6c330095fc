"""Sounds that were cut short, or hold what is no sound."""

import struct

import numpy as np
import pytest

from inference import errors
from inference.media import read_sound
from inference.media.timing import read_timing
from tests.inference import clips

RATE = 8000
NOISE = np.random.default_rng(3).integers(-9000, 9000, 4 * RATE, np.int16)


def wave(path, samples, *, promised=None):
    """A WAV file whose header promises so many bytes; what is there, unless told."""
    data = samples.tobytes()
    size, kind, bits = samples.itemsize, 1 if samples.dtype.kind == "i" else 3, samples.itemsize * 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, 1, RATE, RATE * size, size, bits)
    told = len(data) if promised is None else promised
    head = struct.pack("<4sI4s", b"RIFF", min(told + 36, 0xFFFFFFFF), b"WAVE")
    path.write_bytes(head + form + struct.pack("<4sI", b"data", told) + data)
    return path


def seconds(path):
    return float(read_sound(path, path.with_name("spool")).duration)


@pytest.mark.parametrize("promised", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_length_that_a_speech_synthesizer_could_not_know_is_no_promise(tmp_path, promised):
    assert seconds(wave(tmp_path / "a.wav", NOISE, promised=promised)) == 4


@pytest.mark.parametrize(("kept", "told"), [(4, True), (3.5, True), (2, False)])
def test_a_download_that_ended_early_is_told_from_a_header_that_is_a_little_wrong(
    tmp_path, kept, told
):
    path = wave(tmp_path / "a.wav", NOISE[: int(kept * RATE)], promised=NOISE.nbytes)
    if told:
        assert seconds(path) == kept
        return
    with pytest.raises(errors.DamagedMedia, match=r"should last 4\.0 seconds, and 2\.0 are there"):
        seconds(path)


@pytest.mark.parametrize("ending", ["mp3", "flac", "aiff"])
def test_other_sounds_that_tell_their_length_are_missed_too(tmp_path, ending):
    codec = {"mp3": "libmp3lame", "aiff": "pcm_s16be"}.get(ending)
    path = clips.sound(tmp_path / f"a.{ending}", 6.0, codec=codec)
    whole = path.read_bytes()
    assert seconds(path) > 5.9
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.DamagedMedia, match="cut short"):
        seconds(path)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_named(tmp_path, number):
    samples = NOISE.astype("<f4") / 32768
    samples[100:200] = number
    with pytest.raises(errors.DamagedMedia, match="no numbers"):
        seconds(wave(tmp_path / "a.wav", samples))


def test_a_sound_louder_than_full_scale_is_a_sound(tmp_path):
    assert seconds(wave(tmp_path / "a.wav", NOISE.astype("<f4") * 0.001)) == 4


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wav", "adpcm_ms"), ("a.wav", "adpcm_ima_wav"), ("a.aiff", "pcm_s8")],
)
def test_old_recorders_sounds_are_heard(tmp_path, name, codec):
    assert abs(seconds(clips.sound(tmp_path / name, 2.0, codec=codec)) - 2) < 0.05


@pytest.mark.parametrize("ending", ["wav", "mp3", "ogg", "flac"])
def test_a_sound_of_one_sample_is_a_sound(tmp_path, ending):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(3))
    voice = clips.sound(tmp_path / f"a.{ending}", 1 / 48000)
    clips.chain(source, voice, tmp_path / "out.mp4")
    timing = read_timing(tmp_path / "out.mp4")
    assert timing.sound.end - timing.sound.start < 0.03
    assert timing.video.packets == 1
