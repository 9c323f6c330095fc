"""Sounds that were cut short, or hold what is no sound."""

import struct

import numpy as np
import pytest

from inference import errors
from inference.media import probe, read_sound
from inference.media.timing import read_timing
from tests.inference import clips

RATE = 8000
NOISE = np.random.default_rng(3).integers(-9000, 9000, 4 * RATE, np.int16)


def wave(path, samples, *, promised=None, rate=None, whole=None):
    """A WAV file whose head tells so many bytes of samples, bytes a second, and bytes in all; what
    is true, unless told."""
    data = samples.tobytes()
    size, kind, bits = samples.itemsize, 1 if samples.dtype.kind == "i" else 3, samples.itemsize * 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, 1, RATE, rate or RATE * size, size, bits)
    told = len(data) if promised is None else promised
    whole = min(told + 36, 0xFFFFFFFF) if whole is None else whole
    head = struct.pack("<4sI4s", b"RIFF", whole, b"WAVE")
    path.write_bytes(head + form + struct.pack("<4sI", b"data", told) + data)
    return path


def aiff(path, samples, *, promised=None, frames=None):
    """The same in AIFF; frames: how many samples its head counts."""
    data = samples.astype(">i2").tobytes()
    told = len(data) if promised is None else promised
    extended = struct.pack(">HQ", 16383 + 12, RATE << 51)  # 80 bits, of which 64 count from 2 ** 12
    count = len(samples) if frames is None else frames
    form = struct.pack(">4sIhIh", b"COMM", 18, 1, count, 16) + extended
    head = struct.pack(">4sI4s", b"FORM", told + 54, b"AIFF")
    path.write_bytes(head + form + struct.pack(">4sIII", b"SSND", told + 8, 0, 0) + data)
    return path


def seconds(path):
    return float(read_sound(path, path.with_name("spool")).duration)


@pytest.mark.parametrize(
    "promised", [0, 0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
)
def test_a_length_that_a_speech_synthesizer_could_not_know_is_no_promise(tmp_path, promised):
    assert seconds(wave(tmp_path / "a.wav", NOISE, promised=promised)) == 4


@pytest.mark.parametrize(("promised", "frames"), [(0x7F000000, 0x3F800000), (None, 40 * RATE)])
def test_nor_is_one_in_aiff(tmp_path, promised, frames):
    path = aiff(tmp_path / "a.aiff", NOISE, promised=promised, frames=frames)
    assert seconds(path) == probe(path).audio.duration == probe(path).duration == 4


@pytest.mark.parametrize("rate", [1, RATE, 100 * RATE])
def test_a_wrong_number_of_bytes_a_second_cuts_nothing_short(tmp_path, rate):
    assert seconds(wave(tmp_path / "a.wav", NOISE, rate=rate)) == 4
    half = wave(tmp_path / "b.wav", NOISE[: 2 * RATE], rate=rate, promised=NOISE.nbytes)
    with pytest.raises(errors.DamagedMedia, match=r"should last 4\.0 seconds, and 2\.0 are there"):
        seconds(half)


def test_a_head_that_contradicts_itself_is_not_believed(tmp_path):
    path = wave(tmp_path / "a.wav", NOISE, promised=2 * NOISE.nbytes, whole=NOISE.nbytes + 36)
    assert seconds(path) == 4


@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)])
def test_a_piece_under_the_head_of_a_longer_sound_is_whole(tmp_path, tag):
    # As `ffmpeg -c copy` cuts them: the count of samples stays that of all.
    path = clips.sound(tmp_path / "a.flac", 6.0)
    frames = clips.packets(path, "audio")
    whole = path.read_bytes()
    begin = whole.index(frames[0])
    piece = whole[:begin] + b"".join(frames[: len(frames) // 3])
    path.write_bytes(piece + tag)
    assert abs(seconds(path) - 2) < 0.1
    assert abs(probe(path).audio.duration - 2) < 0.1
    path.write_bytes(piece[:-40])
    with pytest.raises(errors.DamagedMedia, match=r"should last 6\.0 seconds"):
        seconds(path)


def test_an_mp3_is_held_to_the_bytes_that_its_head_counts(tmp_path):
    path = clips.sound(tmp_path / "a.mp3", 6.0)
    whole = bytearray(path.read_bytes())
    place = whole.index(b"Info" if b"Info" in whole else b"Xing") + 8
    frames = int.from_bytes(whole[place : place + 4])
    whole[place : place + 4] = (5 * frames).to_bytes(4)
    path.write_bytes(whole)
    assert abs(seconds(path) - 6) < 0.1
    assert abs(probe(path).audio.duration - 6) < 0.1


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
