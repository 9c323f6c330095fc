"""Small films and sounds, made on the spot."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from inference.media import open_frames, read_sound
from inference.media.color import to_rgb
from inference.media.encoding import Encoding
from inference.media.joining import join
from inference.media.segment import FRAMES_OF_X265, SegmentWriter
from inference.media.source import Frame

Rgb = npt.NDArray[np.uint8]
SAMPLE_FACE = Path(__file__).parents[2] / "inference/demo/sample/face.mp4"


def numbered(count: int, width: int = 64, height: int = 48) -> Iterator[Rgb]:
    """Frames that tell their number by sixteen black or white fields in their top rows."""
    background = np.linspace(60, 180, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    for number in range(count):
        frame = background.copy()
        for bit in range(16):
            left, right = bit * width // 16, (bit + 1) * width // 16
            frame[: height // 3, left:right] = 235 if number >> bit & 1 else 16
        yield frame


def number_of(luma: npt.NDArray[np.uint8]) -> int:
    """The number that a frame of numbered() tells, from its Y plane or any channel."""
    height, width = luma.shape[0], luma.shape[1]
    bits = [
        luma[2 : height // 3 - 2, bit * width // 16 + 1 : (bit + 1) * width // 16 - 1].mean() > 125
        for bit in range(16)
    ]
    return sum(1 << bit for bit, set_ in enumerate(bits) if set_)


@cache
def sample_face() -> Rgb:
    with open_frames(SAMPLE_FACE, Fraction(1, 25)) as source:
        return to_rgb(next(iter(source)).picture)


def faces(
    count: int, width: int = 320, height: int = 240, gap: Sequence[int] = ()
) -> Iterator[Rgb]:
    """The demo's drawn face; gray without a face at the places in `gap`."""
    drawn = av.VideoFrame.from_ndarray(sample_face(), "rgb24")
    face = drawn.reformat(width=width, height=height).to_ndarray()
    for number in range(count):
        yield np.full_like(face, 90) if number in gap else face


def film(
    path: Path,
    pictures: Iterable[Rgb],
    *,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: Sequence[int] | None = None,
    rotation: int = 0,
    sound: bool = False,
    options: dict[str, str] | None = None,
    **context: int,
) -> Path:
    """Write RGB pictures. times: milliseconds of each, for a variable rate."""
    quality = {"crf": "8", "preset": "ultrafast"} if codec.startswith("libx26") else {}
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=Fraction(rate), options=quality | (options or {}))
        stream.pix_fmt = pix_fmt
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if sound:
            # AVI doesn't know of AAC's priming, and .mpg no AAC.
            voices = {".avi": "pcm_s16le", ".mpg": "mp2"}
            voice = out.add_stream(voices.get(path.suffix, "aac"), rate=48000, layout="mono")
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
                if rotation:
                    stream.set_display_rotation(rotation)
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            out.mux(stream.encode(frame.reformat(format=pix_fmt)))
        out.mux(_last_packets(stream, codec, number + 1))
        if sound:
            for frame in sine(1.0):
                out.mux(voice.encode(frame))
            out.mux(voice.encode(None))
    return path


def harm(path: Path, at: float, size: int) -> Path:
    """Turn `size` bytes over at a place between 0 and 1; an mp4's index stays whole."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    end = min(start + size, data.rfind(b"moov") % len(data))
    data[start:end] = bytes(byte ^ 0xA5 for byte in data[start:end])
    path.write_bytes(data)
    return path


def _last_packets(stream: Any, codec: str, frames: int) -> list[av.Packet]:
    packets: list[av.Packet] = stream.encode(None)
    for packet in packets if codec == "libx265" and frames < FRAMES_OF_X265 else ():
        packet.dts = packet.pts
    return packets


def sine(
    seconds: float, *, hertz: float = 440, rate: int = 48000, channels: int = 1
) -> Iterator[av.AudioFrame]:
    total, block = round(seconds * rate), 1024
    for start in range(0, total, block):
        times = np.arange(start, min(start + block, total)) / rate
        wave = (12000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.repeat(wave, channels)[None], "s16", "stereo" if channels == 2 else "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def sound(
    path: Path,
    seconds: float = 1.0,
    *,
    codec: str | None = None,
    rate: int = 48000,
    channels: int = 1,
    hertz: float = 440,
) -> Path:
    """A sine; the codec that goes with the name's ending unless one is given."""
    codecs = {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".m4a": "aac", ".ogg": "libopus"}
    codec = codec or codecs.get(path.suffix, path.suffix[1:])
    with av.open(str(path), "w") as out:
        layout = "stereo" if channels == 2 else "mono"
        stream = out.add_stream(codec, rate=rate, layout=layout)
        for frame in sine(seconds, hertz=hertz, rate=rate, channels=channels):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def chain(
    source: Path, voice: Path, out: Path, encoding: Encoding | None = None, **program: Any
) -> list[Frame]:
    """Through the whole chain without a model; the frames that went into the encoder."""
    heard = read_sound(voice, out.parent / f"{out.stem}.spool")
    piece = out.parent / f"{out.stem}.piece.mp4"
    shown = []
    with (
        open_frames(source, heard.duration, **program) as frames,
        SegmentWriter(piece, frames.film, encoding) as writer,
    ):
        for frame in frames:
            writer.write(frame)
            shown.append(frame)
    join([piece], frames.film, heard, out)
    return shown


def planes(frame: av.VideoFrame) -> list[npt.NDArray[Any]]:
    """Y, U, V of a planar frame (uint16 above 8 bits), without the padding."""
    kind = np.dtype("<u2" if frame.format.components[0].bits > 8 else np.uint8)
    return [
        np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)[
            : plane.height, : plane.width
        ]
        for plane in frame.planes
    ]


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = container.streams.get({kind: 0})[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]
