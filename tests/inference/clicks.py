"""Sounds of two seconds, silent but for a click, in all kinds of files."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from inference.media.joining import Sounding
from inference.media.sound import Sound

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1"}
BLOCK = 1024


def write(
    path: Path,
    codec: str,
    rate: int,
    channels: int = 1,
    *,
    at: float = 1.0,
    starts: float = 0.0,
    seconds: float = 2.0,
    container: str | None = None,
    picture: bool = False,
) -> Path:
    """A click `at` seconds after the sound starts, which it does at `starts` in its container; a
    picture, if any, starts at 0."""
    layout = LAYOUTS[channels]
    wave = np.zeros((channels, round(seconds * rate)), np.float32)
    wave[:, round(at * rate)] = 0.9
    with av.open(str(path), "w", format=container) as out:
        film = out.add_stream("libx264", rate=25) if picture else None
        # FFmpeg calls its Vorbis encoder an experiment.
        stream = out.add_stream(codec, rate=rate, layout=layout, options={"strict": "-2"})
        if film:
            film.width = film.height = 64
            film.pix_fmt = "yuv420p"
            for number in range(round((seconds + starts) * 25)):
                gray = np.full((96, 64), 90, np.uint8)
                frame = av.VideoFrame.from_ndarray(gray, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(film.encode(frame))
            out.mux(film.encode(None))
        for start in range(0, wave.shape[1], BLOCK):
            block = np.ascontiguousarray(wave[:, start : start + BLOCK])
            frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = start + round(starts * rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def edited(path: Path, parts: list[tuple[float, float]], rate: int) -> Path:
    """Give an m4a of write() an edit list: it plays these (start, seconds) of what it holds."""
    data = path.read_bytes()
    place = data.index(b"elst") - 4
    (old,) = struct.unpack_from(">I", data, place)
    (priming,) = struct.unpack_from(">i", data, place + 20)
    entries = b"".join(
        struct.pack(">IiI", round(seconds * 1000), priming + round(start * rate), 1 << 16)
        for start, seconds in parts
    )
    new = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(parts)) + entries
    changed = bytearray(data[:place] + new + data[place + old :])
    for box in (b"edts", b"trak", b"moov"):  # those that hold it; none lies behind the sound
        size = changed.rindex(box, 0, place) - 4
        (length,) = struct.unpack_from(">I", changed, size)
        struct.pack_into(">I", changed, size, length + len(new) - old)
    path.write_bytes(changed)
    return path


def carry(sound: Sound, path: Path) -> Path:
    """A result's sound track alone."""
    options = {"movie_timescale": str(sound.sample_rate)}
    with av.open(str(path), "w", format="mp4", container_options=options) as out:
        Sounding(out, sound, sound.duration).until(None)
    return path


def heard(sound: Sound) -> float:
    """Where the network hears the click, in seconds."""
    return int(np.abs(np.asarray(sound.samples, np.int32)).argmax()) / 16000


def seen(path: Path) -> float:
    """Where a player hears it: by the times of decoded frames."""
    loudest, place = 0.0, 0.0
    resampler = av.AudioResampler(format="fltp")
    with av.open(str(path)) as container:
        for given in container.decode(audio=0):
            start = given.pts * given.time_base
            for frame in resampler.resample(given):
                wave = np.abs(frame.to_ndarray()[0])
                if wave.max() > loudest:
                    loudest = wave.max()
                    place = float(start) + int(wave.argmax()) / frame.sample_rate
    return place


def end(path: Path) -> float:
    """How long the file says that its track lasts."""
    with av.open(str(path)) as container:
        return container.duration / av.time_base
