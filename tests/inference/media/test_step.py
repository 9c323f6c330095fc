"""Flash and beep: a white frame and a click at each whole second, through the chain without a
model. Neither drifts from the other, at the beginning or at the end."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest

from inference.media import open_frames
from inference.media.segment import SegmentWriter
from tests.inference import clips

SECONDS, CLICKS = 4, (0, 1, 2, 3)


def flashes(times):
    """Pictures shown at these times (fractions of seconds): white in each second's first tenth."""
    dark, white = np.full((48, 64, 3), 30, np.uint8), np.full((48, 64, 3), 235, np.uint8)
    for number, time in enumerate(times):
        before = times[number - 1] if number else -1
        yield white if int(time) > int(before) or time % 1 < Fraction(1, 10) else dark


def beeps(path, rate=48000):
    wave = np.zeros(SECONDS * rate, np.int16)
    for click in CLICKS:
        wave[click * rate : click * rate + rate // 50] = 20000
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        out.mux(stream.encode(frame) + stream.encode(None))
    return path


def chain(source, voice, folder, **program):
    folder.mkdir(exist_ok=True)
    clips.chain(source, voice, folder / "out.mp4", **program)
    return folder / "out.mp4"


def white_times(path):
    with av.open(str(path)) as container:
        seen = [
            (frame.pts * frame.time_base, clips.planes(frame)[0].mean() > 128)
            for frame in container.decode(video=0)
        ]
    return [
        float(time)
        for number, (time, white) in enumerate(seen)
        if white and (number == 0 or not seen[number - 1][1])
    ]


def click_times(path):
    with av.open(str(path)) as container:
        parts = list(container.decode(audio=0))
    start = float(parts[0].pts * parts[0].time_base)
    wave = np.concatenate([part.to_ndarray()[0] for part in parts]).astype(float)
    loud = np.abs(wave) > 0.3 * np.abs(wave).max()
    rate, begins = parts[0].sample_rate, []
    for place in np.flatnonzero(loud) / rate + start:
        if not begins or place - begins[-1] > 0.5:
            begins.append(place)
    return begins


def even(rate):
    return [n / Fraction(rate) for n in range(int(SECONDS * rate))]


@pytest.mark.parametrize("rate", [6, 16, Fraction(24000, 1001), Fraction(30000, 1001), 30, 60])
def test_every_rate_stays_in_step(tmp_path, rate):
    source = clips.film(tmp_path / "a.mp4", flashes(even(rate)), rate=rate)
    out = chain(source, beeps(tmp_path / "a.wav"), tmp_path / "run")
    whites, clicks = white_times(out), click_times(out)
    assert len(whites) == len(clicks) == len(CLICKS)
    # A flash is the first frame that begins in its second: up to one frame after the click.
    late = [white - click for white, click in zip(whites, clicks, strict=True)]
    assert all(-0.002 <= value < 1 / rate for value in late)


def test_a_variable_rate_stays_in_step(tmp_path):
    times = [n for n in range(0, 4000, 33) if n // 33 % 7 != 3]
    seconds = [Fraction(time, 1000) for time in times]
    source = clips.film(tmp_path / "a.mkv", flashes(seconds), times=times, rate=30)
    out = chain(source, beeps(tmp_path / "a.wav"), tmp_path / "run")
    wanted = [float(next(t for t in seconds if t >= click)) for click in CLICKS]
    assert white_times(out) == pytest.approx(wanted, abs=0.002)
    assert click_times(out) == pytest.approx(CLICKS, abs=0.002)


@pytest.mark.parametrize("rate", [30, 60])
def test_another_rate_stays_in_step_within_two_frames_as_the_references(tmp_path, rate):
    source = clips.film(tmp_path / "a.mp4", flashes(even(rate)), rate=rate)
    out = chain(source, beeps(tmp_path / "a.wav"), tmp_path / "run", frame_rate=25)
    wanted = [float(next(t for t in even(rate) if t >= click)) for click in CLICKS]
    late = [white - told for white, told in zip(white_times(out), wanted, strict=True)]
    assert all(-0.0201 <= value < 0.0801 for value in late)


def test_runs_side_by_side_make_the_same_bytes_as_one_after_another(tmp_path):
    source = clips.film(tmp_path / "a.mp4", flashes(even(10)), rate=10)
    voice = beeps(tmp_path / "a.wav")

    def digest(number):
        return hashlib.sha256(chain(source, voice, tmp_path / f"{number}").read_bytes()).digest()

    alone = digest(0)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(digest, range(1, 5))) == {alone}


def test_no_program_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    source = clips.film(tmp_path / "a b.mp4", flashes(even(10)), rate=10)
    assert chain(source, beeps(tmp_path / "a (1).wav"), tmp_path / "it's; $(x)").exists()


def test_the_sample_face_goes_through_with_more_than_45_decibels(tmp_path):
    piece = tmp_path / "piece.mp4"
    with (
        open_frames(clips.SAMPLE_FACE, Fraction(1, 2)) as frames,
        SegmentWriter(piece, frames.film) as writer,
    ):
        shown = list(frames)
        for frame in shown:
            writer.write(frame)
    with av.open(str(piece)) as container:
        for frame, before in zip(container.decode(video=0), shown, strict=True):
            error = clips.planes(frame)[0].astype(float) - before.picture.planes[0]
            assert 10 * np.log10(255**2 / np.mean(error**2)) > 45
