from fractions import Fraction

import av
import numpy as np
import pytest

from inference.media import probe, read_sound
from inference.media.sound import Samples
from tests.inference import clicks, clips


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
    clips.chain(film_path, source, out)
    return out


@pytest.mark.parametrize("ending", ["m4a", "mp3", "flac", "ogg"])
def test_what_browsers_play_is_carried_bit_for_bit(tmp_path, ending):
    source = clips.sound(tmp_path / f"a.{ending}", 1.0, channels=2)
    result = mux(source, tmp_path / "out.mp4")
    assert clips.packets(result, "audio") == clips.packets(source, "audio")


def test_a_raw_aac_stream_is_carried_without_its_headers(tmp_path):
    source = clips.sound(tmp_path / "a.aac", 1.0, rate=44100)
    result = clicks.carry(read_sound(source, tmp_path / "spool"), tmp_path / "out.mp4")
    given = clips.packets(source, "audio")
    assert clips.packets(result, "audio") == [packet[7:] for packet in given]
    assert probe(result).audio.sample_rate == 44100


def test_everything_else_keeps_its_rate_and_channels(tmp_path):
    path = tmp_path / "a.wav"
    source = clips.sound(path, 1.0, codec="pcm_s24le", rate=48000, channels=2, hertz=12000)
    info = probe(mux(source, tmp_path / "out.mp4")).audio
    assert (info.codec, info.sample_rate, info.channels) == ("aac", 48000, 2)
    # What the network's 16 kHz could not hold is still there.
    with av.open(str(tmp_path / "out.mp4")) as container:
        decoded = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert dominant_hertz(decoded[4096:-4096], 48000) == pytest.approx(12000, abs=10)


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
    assert not np.asarray(heard.samples).any()


def test_samples_are_read_from_their_file_as_asked(tmp_path):
    np.arange(100, dtype="<i2").tofile(tmp_path / "s")
    samples = Samples(tmp_path / "s")
    whole = np.asarray(samples)
    assert len(samples) == len(whole) == 100
    for part in (slice(None), slice(90, 200), slice(-5, None), slice(20, 10), slice(3, 50, 7)):
        assert samples[part].tolist() == whole[part].tolist()


def test_a_second_reading_of_a_sound_gives_the_same_packets(tmp_path):
    source = clips.sound(tmp_path / "a.wav", 0.5)
    first, second = (read_sound(source, tmp_path / name) for name in ("one", "two"))
    assert list(first.packets()) == list(second.packets())
