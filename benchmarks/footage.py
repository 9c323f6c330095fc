"""Films and sounds to measure with, made on the spot from the demo's drawn face."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]

SAMPLE_FACE = Path(__file__).parents[1] / "inference/demo/sample/face.mp4"
SOUND_RATE = 16000


def film(path: Path, seconds: float, width: int, height: int, rate: int = 25) -> Path:
    """A speaker who moves a little before a busy background: H.264, `seconds` long."""
    with av.open(str(path), "w") as out:
        options = {"preset": "veryfast", "crf": "18"}
        stream = out.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures(round(seconds * rate), width, height):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    return path


def repeated(path: Path, source: Path, times: int) -> Path:
    """The same film so many times over, its packets copied: a long one within a second."""
    with av.open(str(source)) as once:
        stream = once.streams.video[0]
        packets = [packet for packet in once.demux(stream) if packet.dts is not None]
        first = min(packet.pts for packet in packets)
        frame = round(1 / (stream.average_rate * stream.time_base))
        length = len(packets) * frame
        with av.open(str(path), "w") as out:
            copied = out.add_stream_from_template(stream)
            for turn in range(times):
                for packet in packets:
                    again = av.Packet(bytes(packet))
                    again.pts = packet.pts - first + turn * length
                    again.dts = packet.dts - first + turn * length
                    again.duration, again.time_base = frame, packet.time_base
                    again.is_keyframe, again.stream = packet.is_keyframe, copied
                    out.mux(again)
    return path


def pictures(count: int, width: int, height: int) -> Iterator[Rgb]:
    """The sample is scaled to nine tenths of the height, and sways by a twentieth of the width."""
    faces = _to_and_fro(_scaled(height * 9 // 10, width * 9 // 10))
    background = _background(width, height)
    for number, face in zip(range(count), faces, strict=False):
        picture = background.copy()
        room = (width - face.shape[1], height - face.shape[0])
        sway = np.sin(2 * np.pi * number / 100) * min(width / 20, room[0] / 2)
        left, top = int(room[0] / 2 + sway), room[1] // 2
        picture[top : top + face.shape[0], left : left + face.shape[1]] = face
        yield picture


def sound(path: Path, seconds: float) -> Path:
    """A voice-like hum that never falls silent, mono wav."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=SOUND_RATE, layout="mono")
        total = round(seconds * SOUND_RATE)
        for start in range(0, total, SOUND_RATE):
            times = np.arange(start, min(start + SOUND_RATE, total)) / SOUND_RATE
            wave = np.sin(2 * np.pi * 140 * times) * (1.2 + np.sin(2 * np.pi * 4 * times))
            frame = av.AudioFrame.from_ndarray((7000 * wave).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts = SOUND_RATE, start
            frame.time_base = Fraction(1, SOUND_RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _scaled(height: int, width: int) -> list[Rgb]:
    with av.open(str(SAMPLE_FACE)) as source:
        found = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    scale = min(height / found[0].shape[0], width / found[0].shape[1])
    size = (round(found[0].shape[1] * scale), round(found[0].shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return [np.asarray(cv2.resize(frame, size, interpolation=way), np.uint8) for frame in found]


def _to_and_fro(frames: list[Rgb]) -> Iterator[Rgb]:
    while True:
        yield from frames
        yield from frames[-2:0:-1]


def _background(width: int, height: int) -> Rgb:
    """Detail everywhere, so that codecs and scalers have work to do."""
    random = np.random.default_rng(7)
    coarse = random.integers(40, 200, (height // 24 + 1, width // 24 + 1, 3)).astype(np.uint8)
    grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    grain = random.integers(-6, 7, (height, width, 1))
    return np.clip(grown + grain, 0, 255).astype(np.uint8)
