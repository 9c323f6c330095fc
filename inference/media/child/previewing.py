"""A poster, and a small film for browsers that can't play the source."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer

from inference.media import wire
from inference.media.child import opening, probing
from inference.media.child.beat import Beat
from inference.media.child.refusals import Refused
from inference.media.child.upright import Upright
from inference.media.info import MediaInfo
from inference.media.limits import MediaLimits

POSTER_SIDE, POSTER_QUALITY = 1280, 3
# A film often opens on black: the poster is taken a moment later.
POSTER_SECONDS = Fraction(1)
PREVIEW_LINES, PREVIEW_CRF = 720, 24
MILLISECOND = Fraction(1, 1000)


def preview(request: dict[str, Any], limits: MediaLimits) -> None:
    source, outputs, made = request["source"], request["outputs"], []
    info = probing.describe(source, limits)
    if info.video is not None:
        with opening.opened(source) as container:
            write_poster(container, limits, outputs["poster"], info.duration)
        made.append("poster")
    if info.video is not None and not info.video.playable_in_browser:
        with opening.opened(source) as container:
            write_film(container, limits, outputs["preview"], info)
        made.append("preview")
    wire.send(wire.REPLY, {"kind": "made", "files": made})


def write_poster(
    container: InputContainer, limits: MediaLimits, fd: int, duration: Fraction
) -> None:
    stream = opening.video_stream(container, limits)
    chosen = None
    moment = min(POSTER_SECONDS, duration / 10)
    for chosen in container.decode(stream):
        if _seconds(chosen, container) >= moment:
            break
    if chosen is None:
        raise Refused("damaged_media", "The file's picture can't be decoded.")
    shape = Upright.of(chosen)
    size = fitted(shape.width, shape.height, POSTER_SIDE, POSTER_SIDE)
    jpeg = resized(chosen, size).reformat(format="yuvj420p", dst_color_range="JPEG")
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = jpeg.width, jpeg.height, "yuvj420p"
    encoder.time_base = MILLISECOND
    encoder.options = {"qmin": str(POSTER_QUALITY), "qmax": str(POSTER_QUALITY)}
    jpeg.pts, jpeg.time_base = 0, MILLISECOND
    for packet in encoder.encode(jpeg) + encoder.encode(None):
        wire.write_all(fd, bytes(packet))


def write_film(container: InputContainer, limits: MediaLimits, fd: int, info: MediaInfo) -> None:
    video = opening.video_stream(container, limits)
    streams = [video] + ([opening.audio_stream(container)] if info.audio else [])
    with (
        io.FileIO(fd, "r+b", closefd=False) as file,
        av.open(file, "w", format="mp4") as out,
    ):
        film, beat = Film(out, info), Beat()
        for frame in _decoded(container, streams):
            film.add(frame, _seconds(frame, container))
            beat()
        film.finish()


class Film:
    """8-bit H.264 and AAC, at most 720 lines, times as in the source."""

    def __init__(self, out: OutputContainer, info: MediaInfo) -> None:
        assert info.video is not None
        self._out, self._last, self._audio = out, -1, None
        self._size = fitted(info.video.width, info.video.height, 2 * PREVIEW_LINES, PREVIEW_LINES)
        self._video = out.add_stream("libx264", rate=info.video.frame_rate.limit_denominator(1001))
        self._video.codec_context.time_base = MILLISECOND
        self._video.options = {"crf": str(PREVIEW_CRF), "preset": "veryfast"}
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        tags = info.video.tags
        context = self._video.codec_context
        context.colorspace, context.color_range = tags.matrix, tags.range
        context.color_trc, context.color_primaries = tags.transfer, tags.primaries
        if info.audio is not None:
            self._audio = out.add_stream("aac", rate=min(48000, info.audio.sample_rate))
            self._audio.layout = "stereo" if info.audio.channels > 1 else "mono"

    def add(self, frame: Any, seconds: Fraction) -> None:
        if isinstance(frame, av.AudioFrame):
            assert self._audio is not None
            rate = frame.sample_rate
            frame.pts, frame.time_base = round(seconds * rate), Fraction(1, rate)
            self._out.mux(self._audio.encode(frame))
            return
        time = round(seconds / MILLISECOND)
        if time > self._last:
            self._last = time
            picture = resized(frame, self._size)
            picture.pts, picture.time_base = time, MILLISECOND
            self._out.mux(self._video.encode(picture))

    def finish(self) -> None:
        self._out.mux(self._video.encode(None))
        if self._audio is not None:
            self._out.mux(self._audio.encode(None))


def fitted(width: int, height: int, longer: int, shorter: int) -> tuple[int, int]:
    """Even sides that keep the shape and fit into longer x shorter, either way round."""
    most = (shorter, longer) if height > width else (longer, shorter)
    scale = min(Fraction(1), Fraction(most[0], width), Fraction(most[1], height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def resized(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    """Upright, 8-bit 4:2:0."""
    shape = Upright.of(frame)
    turned = av.VideoFrame(shape.width, shape.height, shape.layout.name)
    for plane, data in zip(turned.planes, shape.planes(frame), strict=True):
        _fill(plane, data)
    turned.colorspace, turned.color_range = shape.tags.matrix, shape.tags.range
    return turned.reformat(width=size[0], height=size[1], format="yuv420p", interpolation="BICUBIC")


def _fill(plane: av.video.plane.VideoPlane, data: Any) -> None:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    flat = data.view(np.uint8)
    rows[: flat.shape[0], : flat.shape[1]] = flat


def _decoded(container: InputContainer, streams: list[Any]) -> Iterator[Any]:
    for packet in container.demux(*streams):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _seconds(frame: Any, container: InputContainer) -> Fraction:
    """Time from the container's start; never negative."""
    start = Fraction(container.start_time or 0, av.time_base)
    stamp = frame.pts if frame.pts is not None else frame.dts
    return max(Fraction(0), (stamp or 0) * Fraction(frame.time_base) - start)
