"""Open a stranger's file by its descriptor, with lists of what may be in it."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Disposition

from inference.media.child.references import refuse_references
from inference.media.child.refusals import Refused
from inference.media.child.segment_size import missing_bytes
from inference.media.formats import (
    AUDIO_DECODERS,
    CERTAIN_SIGNATURES,
    DEMUXERS,
    SIGNATURES,
    VIDEO_DECODERS,
)
from inference.media.limits import MediaLimits

READ_BYTES = 1 << 18
DECODER_THREADS = 4
MOST_GUESSED = 240  # frames a second, of a rate that nothing measures
# Made to be cut and put together as streams: their clocks may start over anywhere, and their length
# is the distance of the last timestamp from the first.
STREAMED = {"mpegts", "mpeg"}
CUT_SHORT = "The file is cut short: its end is missing."
NOT_MEDIA = "This is not a video or sound file of a kind that can be read."


class Source:
    """A file by its descriptor, with a position of its own. It has no name: no extension misleads
    the demuxer's guess, and nothing is opened."""

    def __init__(self, fd: int) -> None:
        self._fd, self._position = fd, 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, size, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self._position,
            os.SEEK_END: self._size(),
        }[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def _size(self) -> int:
        return os.fstat(self._fd).st_size


@contextlib.contextmanager
def opened(fd: int) -> Iterator[InputContainer]:
    """The file's container. Refuses whatever is not on the lists, before it is parsed."""
    refuse_references(fd)
    if missing_bytes(fd):
        raise Refused("damaged_media", CUT_SHORT)
    try:
        container = av.open(
            Source(fd),
            "r",
            options=_options(),
            buffer_size=READ_BYTES,
            metadata_errors="ignore",
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(fd, error) from error
    with container:
        yield container


def _options() -> dict[str, str]:
    return {
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(VIDEO_DECODERS + AUDIO_DECODERS),
        # Not even `file`: the demuxer reads what it was handed, and nothing that this names.
        "protocol_whitelist": "none",
    }


def _unreadable(fd: int, error: Exception) -> Refused:
    """An open that failed: damaged if it began like one of ours, else never media."""
    start = os.pread(fd, 16, 0)
    if isinstance(error, av.error.MemoryError):
        return Refused("media_too_large", "Opening this file takes more memory than is allowed.")
    if isinstance(error, av.error.EOFError):
        return Refused("damaged_media", "The file is cut short: it ends before it has begun.")
    # Invalid argument is what FFmpeg answers for a format that is not on the list.
    other = isinstance(error, av.error.ArgumentError)
    signatures = CERTAIN_SIGNATURES if other else SIGNATURES
    if any(start[offset:].startswith(value) for offset, value in signatures):
        return Refused("damaged_media", "The file is damaged: its index is missing or broken.")
    return Refused("unsupported_media", NOT_MEDIA)


def video_stream(container: InputContainer, limits: MediaLimits) -> av.VideoStream:
    """The first stream of moving pictures, within limits. Raises Refused no_video_stream."""
    streams = moving_pictures(container)
    if not streams:
        raise Refused("no_video_stream", "The file has no video stream.")
    stream = streams[0]
    _check_decoder(stream, VIDEO_DECODERS)
    _check_size(stream.codec_context.width, stream.codec_context.height, limits)
    if frame_rate(stream) > limits.max_frame_rate:
        raise Refused(
            "media_too_large",
            f"The video has {float(frame_rate(stream)):.0f} frames a second;"
            f" at most {limits.max_frame_rate} are allowed.",
        )
    _check_whole(container, stream)
    # A stream may change its size on the way: the decoder holds to the limit as well.
    stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
    stream.codec_context.thread_count = min(DECODER_THREADS, len(os.sched_getaffinity(0)))
    stream.codec_context.thread_type = "AUTO"
    return stream


def moving_pictures(container: InputContainer) -> list[av.VideoStream]:
    """Without the covers of sound files and the pictures of chapters."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    return [s for s in container.streams.video if not s.disposition & covers]


def audio_stream(container: InputContainer) -> av.AudioStream:
    """The first sound stream. Raises Refused no_audio_stream."""
    if not container.streams.audio:
        raise Refused("no_audio_stream", "The file has no sound stream.")
    stream = container.streams.audio[0]
    _check_decoder(stream, AUDIO_DECODERS)
    if not stream.codec_context.sample_rate:
        raise Refused("damaged_media", "The sound's sample rate is missing.")
    _check_whole(container, stream)
    return stream


def check_seconds(seconds: Fraction, limits: MediaLimits) -> None:
    if seconds > limits.max_seconds:
        raise Refused(
            "media_too_large",
            f"The file lasts {float(seconds):.0f} seconds;"
            f" at most {limits.max_seconds} are allowed.",
        )


def is_streamed(container: InputContainer) -> bool:
    return container.format.name in STREAMED


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Usual frames a second; 25 where the file gives none that can be.

    Of a single picture there is no average, and what is guessed may be the rate of its clock.
    """
    if stream.average_rate:
        return Fraction(stream.average_rate)
    guesses = (stream.guessed_rate, stream.base_rate)
    return next((Fraction(rate) for rate in guesses if rate and rate <= MOST_GUESSED), Fraction(25))


def _check_decoder(stream: av.stream.Stream, allowed: tuple[str, ...]) -> None:
    context = stream.codec_context
    if context is None or context.codec.name not in allowed:
        name = "an unknown codec" if context is None else context.codec.name
        raise Refused(
            "unsupported_media",
            f"The file is coded with {name}, which is not accepted.",
        )


def _check_size(width: int, height: int, limits: MediaLimits) -> None:
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise Refused(
            "media_too_large",
            f"The picture has {width} x {height} pixels; at most {limits.max_side} a side"
            f" and {limits.max_pixels} in all are allowed.",
        )
    if min(width, height) < 1:
        raise Refused("damaged_media", "The file gives no size for its picture.")


def _check_whole(container: InputContainer, stream: av.stream.Stream) -> None:
    """A cut file whose index survived promises bytes beyond its end."""
    if any(entry.pos + entry.size > container.size for entry in stream.index_entries):
        raise Refused("damaged_media", CUT_SHORT)
