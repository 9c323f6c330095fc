"""A poster, and a small film for browsers that can't play the source."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer

from inference.media import wire
from inference.media.child import opening, probing
from inference.media.child.beat import Beat
from inference.media.child.reel import Reel
from inference.media.child.refusals import Refused
from inference.media.child.samples import samples
from inference.media.child.upright import Upright
from inference.media.child.watching import Program, Projector, shot_of
from inference.media.info import AudioInfo, MediaInfo
from inference.media.limits import MediaLimits
from inference.media.pictures import Plane

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
        write_film(source, limits, outputs["preview"], info)
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


def write_film(source: int, limits: MediaLimits, fd: int, info: MediaInfo) -> None:
    reel = Reel(source, limits)
    projector = Projector(reel, Program.once(), limits)
    with (
        io.FileIO(fd, "r+b", closefd=False) as file,
        av.open(file, "w", format="mp4") as out,
    ):
        film = Film(out, info, projector.shape)
        if info.audio is not None:
            film.add_sound(source, info.audio)
        with film.bearing_damage():
            for showing in projector.showings():
                film.show(shot_of(showing).planes, showing.time * projector.time_base)
        film.finish()


class Film:
    """8-bit H.264 and AAC, at most 720 lines, times as in the engine's results."""

    def __init__(self, out: OutputContainer, info: MediaInfo, shape: Upright) -> None:
        assert info.video is not None
        self._out, self._shape, self._last = out, shape, -1
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
        self._audio: Any = None
        self._heard: Iterator[av.AudioFrame] = iter(())
        self._waiting: av.AudioFrame | None = None

    def add_sound(self, source: int, sound: AudioInfo) -> None:
        self._audio = self._out.add_stream("aac", rate=min(48000, sound.sample_rate))
        self._audio.layout = "stereo" if sound.channels > 1 else "mono"
        self._heard = samples(source, Beat())
        self._waiting = next(self._heard, None)

    @contextlib.contextmanager
    def bearing_damage(self) -> Iterator[None]:
        """A film that can't be read to its end is shown as far as it can be."""
        try:
            yield
        except Refused:
            if self._last < 0:
                raise

    def show(self, planes: Sequence[Plane], seconds: Fraction) -> None:
        """A picture, after the sound that is heard before it."""
        self._sound_until(seconds)
        time = round(seconds / MILLISECOND)
        if time > self._last:
            self._last = time
            picture = scaled(planes, self._shape, self._size)
            picture.pts, picture.time_base = time, MILLISECOND
            self._out.mux(self._video.encode(picture))

    def finish(self) -> None:
        self._sound_until(None)
        self._out.mux(self._video.encode(None))
        if self._audio is not None:
            self._out.mux(self._audio.encode(None))

    def _sound_until(self, seconds: Fraction | None) -> None:
        while (frame := self._waiting) is not None:
            if seconds is not None and frame.pts * Fraction(frame.time_base) > seconds:
                return
            self._out.mux(self._audio.encode(frame))
            self._waiting = next(self._heard, None)


def fitted(width: int, height: int, longer: int, shorter: int) -> tuple[int, int]:
    """Even sides that keep the shape and fit into longer x shorter, either way round."""
    most = (shorter, longer) if height > width else (longer, shorter)
    scale = min(Fraction(1), Fraction(most[0], width), Fraction(most[1], height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def resized(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    shape = Upright.of(frame)
    return scaled(shape.planes(frame), shape, size)


def scaled(planes: Sequence[Plane], shape: Upright, size: tuple[int, int]) -> av.VideoFrame:
    """8-bit 4:2:0 of upright planes."""
    turned = av.VideoFrame(shape.width, shape.height, shape.layout.name)
    for plane, data in zip(turned.planes, planes, strict=True):
        _fill(plane, data)
    turned.colorspace, turned.color_range = shape.tags.matrix, shape.tags.range
    return turned.reformat(width=size[0], height=size[1], format="yuv420p", interpolation="BICUBIC")


def _fill(plane: av.video.plane.VideoPlane, data: Any) -> None:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    flat = data.view(np.uint8)
    rows[: flat.shape[0], : flat.shape[1]] = flat


def _seconds(frame: Any, container: InputContainer) -> Fraction:
    """Time from the container's start; never negative."""
    start = Fraction(container.start_time or 0, av.time_base)
    stamp = frame.pts if frame.pts is not None else frame.dts
    return max(Fraction(0), (stamp or 0) * Fraction(frame.time_base) - start)
