from fractions import Fraction

import av
import numpy as np
import pytest

from inference.media import open_frames, probe, read_sound
from inference.media.writer import Writer
from tests.inference import clips


def dominant_hertz(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a", "ogg", "flac"])
def test_the_network_hears_16_khz_mono(tmp_path, ending):
    path = clips.sound(tmp_path / f"a.{ending}", 2.0, channels=2)
    heard = read_sound(path, tmp_path / "spool")
    assert heard.samples.dtype == np.int16
    assert len(heard.samples) == pytest.approx(heard.duration * 16000, abs=2)
    assert float(heard.duration) == pytest.approx(2.0, abs=0.05)
    assert dominant_hertz(heard.samples, 16000) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(("ending", "rate"), [("wav", 8000), ("wav", 44100), ("flac", 96000)])
def test_lossless_sound_lasts_to_the_sample(tmp_path, ending, rate):
    path = clips.sound(tmp_path / f"a.{ending}", 1.234, rate=rate)
    assert read_sound(path, tmp_path / "spool").duration == Fraction(round(1.234 * rate), rate)


def mux(source, out):
    """A film of one second that carries the sound."""
    film_path = clips.film(out.parent / "film.mp4", clips.numbered(50))
    heard = read_sound(source, out.parent / "spool")
    with open_frames(film_path, heard.duration) as frames, Writer(out, frames.film, heard) as film:
        for frame in frames:
            film.write(frame)
    return out


def test_aac_is_carried_bit_for_bit(tmp_path):
    source = clips.sound(tmp_path / "a.m4a", 1.0)
    result = mux(source, tmp_path / "out.mp4")
    assert clips.packets(result, "audio") == clips.packets(source, "audio")


def test_mp3_is_carried_bit_for_bit(tmp_path):
    source = clips.sound(tmp_path / "a.mp3", 1.0)
    assert clips.packets(mux(source, tmp_path / "out.mp4"), "audio") == clips.packets(
        source, "audio"
    )


def test_everything_else_keeps_its_rate_and_channels(tmp_path):
    source = clips.sound(tmp_path / "a.wav", 1.0, rate=44100, channels=2, hertz=12000)
    info = probe(mux(source, tmp_path / "out.mp4")).audio
    assert (info.codec, info.sample_rate, info.channels) == ("aac", 44100, 2)
    # What the network's 16 kHz could not hold is still there.
    with av.open(str(tmp_path / "out.mp4")) as container:
        decoded = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert dominant_hertz(decoded[4096:-4096], 44100) == pytest.approx(12000, abs=10)


def click_at(path, container_rate):
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    start = float(frames[0].pts * frames[0].time_base)
    wave = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)
    return start + np.argmax(np.abs(wave)) / container_rate


@pytest.mark.parametrize("ending", ["wav", "m4a", "mp3"])
def test_no_codec_shifts_the_sound(tmp_path, ending):
    path = tmp_path / f"click.{ending}"
    codec = {"wav": "pcm_s16le", "m4a": "aac", "mp3": "libmp3lame"}[ending]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=48000, layout="mono")
        wave = np.zeros(96000, np.int16)
        wave[48000] = 30000
        for start in range(0, 96000, 1000):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1000], "s16", "mono")
            frame.sample_rate, frame.pts = 48000, start
            frame.time_base = Fraction(1, 48000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    heard = read_sound(path, tmp_path / "spool2")
    assert np.argmax(np.abs(heard.samples)) / 16000 == pytest.approx(1.0, abs=0.001)
    assert click_at(mux(path, tmp_path / "out.mp4"), 48000) == pytest.approx(1.0, abs=0.001)


def test_a_hole_in_the_sound_is_heard_as_silence(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        for frame in clips.sine(2.0, rate=16000):
            if not 16000 <= frame.pts + 1024 <= 24000:
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    heard = read_sound(path, tmp_path / "spool")
    assert heard.duration == 2
    assert not heard.samples[17000:22000].any()
    assert heard.samples[25000:].any()


def test_silence_is_a_sound(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), "s16", "mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
    heard = read_sound(path, tmp_path / "spool")
    assert heard.duration == 1
    assert not heard.samples.any()
