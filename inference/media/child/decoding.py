"""Pictures of a stream in the order of display, through whatever damage the file has."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer

from inference.media.child.refusals import Refused

# The demuxer may stumble so often before the file counts as unreadable from there on.
MOST_STUMBLES = 100
# One picture that would stand for longer in place of lost ones is no film any more.
LONGEST_HOLD_SECONDS = 5
MOST_LOST = Fraction(1, 4)
# AVI counts frames in the order of decoding. FFmpeg knows of which codecs' frames that isn't the
# order of display, and puts them right, but not of these.
GUESSED_ORDER = {"h264", "hevc"}


@dataclass(frozen=True)
class Exposure:
    """A picture at its time, in ticks of its stream; `mark`: what it is known by when the file is
    read again, from anywhere. `held`: the one before it, in the place of one that is lost."""

    time: int | None
    frame: av.VideoFrame
    mark: int | None
    held: bool = False


class Decoding:
    """Iterate once. Where a picture can't be decoded, or only by guessing, the one before it is
    held in its place: numbers and times stay those of an undamaged film.

    `lost` counts such pictures, and errors that left no trace in the order of pictures. Raises
    Refused when one picture would have to stand for too long. counted: as is_counted() says.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: av.VideoStream,
        beat: Callable[[], None],
        *,
        counted: bool = False,
    ) -> None:
        self._container, self._stream, self._beat = container, stream, beat
        self._counted = counted
        self.lost = self.shown = 0
        self._damaged = False
        self._last: Exposure | None = None
        self._whole: Exposure | None = None  # the last that was not held
        self._expected: list[Any] = []  # times of packets whose picture hasn't come, as a heap

    def __iter__(self) -> Iterator[Exposure]:
        for packet in self._packets():
            if self._counted:
                packet.pts = packet.dts
            if packet.pts is not None and packet.size and not packet.is_discard:
                heapq.heappush(self._expected, packet.pts)
            for frame in self._decoded(packet):
                yield from self._taken(frame)
        if self._damaged:
            yield from self._held(before=None)

    def check(self) -> None:
        """Raises Refused if too much was lost of what was read."""
        seconds = self.lost / Fraction(self._stream.average_rate or 25)
        if self.lost > MOST_LOST * self.shown and seconds > 1:
            raise Refused("damaged_media", "Too many pictures of the file can't be decoded.")

    def _packets(self) -> Iterator[av.Packet]:
        """The stream's packets, on through errors of the container."""
        packets, stumbles = self._container.demux(self._stream), 0
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                stumbles += 1
                if isinstance(error, MemoryError) or stumbles > MOST_STUMBLES:
                    raise
                self._damaged = True
                packets = self._container.demux(self._stream)
                continue
            self._beat()
            yield packet

    def _decoded(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            return list(packet.decode())
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self._damaged = True
            # Without a time nobody can tell where it was: only the count knows of it.
            self.lost += packet.pts is None or self._counted
            if self._counted and packet.pts in self._expected:
                self._expected.remove(packet.pts)
                heapq.heapify(self._expected)
            return []

    def _taken(self, frame: av.VideoFrame) -> Iterator[Exposure]:
        mark = time = stamp(frame)
        if self._counted:
            time = self._counted_time(frame, mark)
        if time is not None:
            yield from self._held(before=time)
        if frame.is_corrupt and self._last is not None:
            self._damaged = True
            yield self._shown(Exposure(time, self._last.frame, mark, held=True))
        else:
            yield self._shown(Exposure(time, frame, mark))

    def _counted_time(self, frame: av.VideoFrame, mark: int | None) -> int | None:
        """The earliest time that is left. None is left from before a key frame: what came there
        and has no picture, as where a file begins in the middle of a group, won't get one."""
        if frame.key_frame and mark is not None:
            self._expected = [time for time in self._expected if time >= mark]
            heapq.heapify(self._expected)
        return heapq.heappop(self._expected) if self._expected else mark

    def _held(self, before: int | None) -> Iterator[Exposure]:
        """The last picture at the times of those that were lost before this time."""
        while self._expected and (before is None or self._expected[0] <= before):
            time = heapq.heappop(self._expected)
            # Undamaged, some packets have no picture by right: hidden references, lead-ins.
            if self._damaged and time != before and self._last and time > (self._last.time or 0):
                yield self._shown(Exposure(time, self._last.frame, time, held=True))

    def _shown(self, exposure: Exposure) -> Exposure:
        self._last = exposure
        self.shown += 1
        if exposure.held:
            self.lost += 1
            self._check_hold(exposure)
        else:
            self._whole = exposure
        return exposure

    def _check_hold(self, exposure: Exposure) -> None:
        if self._whole is None or self._whole.time is None or exposure.time is None:
            return
        held = (exposure.time - self._whole.time) * Fraction(self._stream.time_base)
        if held > LONGEST_HOLD_SECONDS:
            raise Refused(
                "damaged_media",
                f"More than {LONGEST_HOLD_SECONDS} seconds of the file can't be decoded.",
            )


def is_counted(container: InputContainer, stream: av.VideoStream) -> bool:
    """Do its packets tell the order of decoding only? Then the pictures come at those times too,
    each at the earliest that is left."""
    return container.format.name == "avi" and stream.codec_context.codec.name in GUESSED_ORDER


def stamp(frame: av.VideoFrame) -> int | None:
    """The frame's time in ticks of its stream; AVI knows only the order of decoding."""
    return frame.dts if frame.pts is None else frame.pts
