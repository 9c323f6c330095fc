"""A picture stream that can be played forwards and backwards within bounded memory."""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.container import InputContainer

from inference.media.child import opening
from inference.media.child.beat import Beat
from inference.media.child.decoding import Decoding, is_counted
from inference.media.child.refusals import Refused
from inference.media.child.upright import Upright
from inference.media.limits import MEBIBYTE, MediaLimits
from inference.media.pictures import Plane

# Pictures held while playing backwards. A codec only runs forwards, so a stretch of this size is
# decoded from the key frame before it, and given out from its end.
STRETCH_BYTES = 96 * MEBIBYTE
MIN_STRETCH, MAX_STRETCH = 8, 64
# How far before a stretch the second try at a seek begins: open groups of pictures reach back.
SECOND_TRY_FRAMES = 300
# Of an index, enough to know the usual step by.
MOST_ENTRIES, LEAST_STEPS = 5000, 8

Load = Callable[[], list[Plane]]


@dataclass
class Reel:
    """Frames by number. `stamps` holds the source's own time of each frame met so far, `marks`
    what it is known by."""

    fd: int
    limits: MediaLimits
    stamps: list[int | None] = field(default_factory=list)
    marks: list[int | None] = field(default_factory=list)
    unreadable: int = 0
    _beat: Beat = field(default_factory=Beat)

    def forwards(self) -> Iterator[av.VideoFrame]:
        """All frames from the first; the first pass also notes their times and what was lost."""
        first_pass = not self.stamps
        with opening.opened(self.fd) as container:
            stream = opening.video_stream(container, self.limits)
            decoding = self._decoding(container, stream)
            for number, exposure in enumerate(decoding):
                if first_pass:
                    self.stamps.append(exposure.time)
                    self.marks.append(exposure.mark)
                    self.unreadable = decoding.lost
                elif number >= len(self.stamps):
                    return
                yield exposure.frame
            if first_pass:
                self.unreadable = decoding.lost
                decoding.check()

    def _decoding(self, container: InputContainer, stream: av.VideoStream) -> Decoding:
        return Decoding(container, stream, self._beat, counted=is_counted(container, stream))

    def backwards(self, shape: Upright) -> Iterator[tuple[int, Load]]:
        """(number, what gives its planes, once) of all frames from the end; after a first pass.

        A stretch is decoded when the first of its planes is asked for.
        """
        most = min(MAX_STRETCH, max(MIN_STRETCH, STRETCH_BYTES // shape.frame_bytes))
        high = len(self.stamps) - 1
        while high >= 0:
            low = max(0, high - most + 1)
            stretch = functools.cache(functools.partial(self._stretch, low, high, shape))
            for number in range(high, low - 1, -1):
                yield number, functools.partial(_taken, stretch, number)
            high = low - 1

    def _stretch(self, low: int, high: int, shape: Upright) -> dict[int, list[Plane]]:
        """Planes of frames low to high: by seeking, and counted from the start if that fails."""
        if self._seekable:
            for start in (low, max(0, low - SECOND_TRY_FRAMES)):
                found = self._sought(start, low, high, shape)
                if len(found) == high - low + 1:
                    return found
        found = {}
        for number, frame in enumerate(self.forwards()):
            if number >= low:
                found[number] = shape.planes(frame)
            if number == high:
                return found
        raise Refused("damaged_media", "The file can't be read twice alike.")

    @functools.cached_property
    def _seekable(self) -> bool:
        pairs = itertools.pairwise(self.stamps)
        return all(a is not None and b is not None and a < b for a, b in pairs)

    def _sought(self, start: int, low: int, high: int, shape: Upright) -> dict[int, list[Plane]]:
        last = self.stamps[high] or 0
        wanted = {self.marks[number]: number for number in range(low, high + 1)}
        found: dict[int, list[Plane]] = {}
        with opening.opened(self.fd) as container:
            stream = opening.video_stream(container, self.limits)
            try:
                container.seek(self.stamps[start] or 0, stream=stream)
            except av.error.FFmpegError:
                return {}
            for exposure in self._decoding(container, stream):
                if exposure.mark in wanted:
                    found[wanted[exposure.mark]] = shape.planes(exposure.frame)
                if exposure.time is not None and exposure.time >= last:
                    break
        return found


def _taken(stretch: Callable[[], dict[int, list[Plane]]], number: int) -> list[Plane]:
    return stretch().pop(number)


def usual_rate(stream: av.VideoStream) -> Fraction:
    """Frames a second: the rate that all timestamps fit, unless the average contradicts it; that of
    most frames where a few are shown for so long that the average tells nothing of the rest."""
    average, guessed = opening.frame_rate(stream), stream.guessed_rate
    common = _common_rate(stream)
    if common > 2 * average:
        average = common
    if guessed and abs(Fraction(guessed) / average - 1) < Fraction(2, 100):
        average = Fraction(guessed)
    return average.limit_denominator(1001)


def _common_rate(stream: av.VideoStream) -> Fraction:
    """By the middle one of the steps in the file's index, 0 where it has none of all frames."""
    entries = itertools.islice(stream.index_entries, MOST_ENTRIES)
    times = sorted(entry.timestamp for entry in entries)
    steps = sorted(b - a for a, b in itertools.pairwise(times) if b > a)
    if len(steps) < LEAST_STEPS or stream.frames > len(stream.index_entries):
        return Fraction(0)
    return min(
        1 / (steps[len(steps) // 2] * Fraction(stream.time_base)), Fraction(opening.MOST_GUESSED)
    )
