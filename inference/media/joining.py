"""Segments and the given sound, put together without coding anything again."""

import bisect
from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from inference import errors
from inference.media.sound import Sound
from inference.media.soundtrack import add_track, exact_edits
from inference.media.source import Film

# The index before the pictures, so that a download plays while it comes in.
FASTSTART = {"movflags": "+faststart"}


def join(segments: Sequence[Path], film: Film, sound: Sound, out: Path) -> Fraction:
    """Write `out` from SegmentWriter's files in order; how many seconds it lasts, exactly.

    Packets are copied with their times. The sound is the given one; where it lasts longer than
    the picture by more than a frame (`cut`, `video`) it ends with the picture.
    Raises EngineFault if there are no segments, if they don't follow each other, or if they were
    coded differently. After an error there is no file.
    """
    if not segments:
        raise errors.EngineFault("There are no segments to join.")
    times = Times(segments, film)
    try:
        options = FASTSTART | exact_edits(sound)
        with av.open(str(out), "w", format="mp4", container_options=options) as container:
            Joint(container, segments, film, sound, times).write()
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return times.end * film.time_base


class Times:
    """When the frames of all segments are shown, and in which order they can be decoded.

    starts: ticks of each frame, in order. end: when the last is over. delay: by how many frames
    decoding must run ahead of showing.
    """

    def __init__(self, segments: Sequence[Path], film: Film) -> None:
        self.starts, coded = array("q"), array("q")
        self.end = 0
        self._usual = round(1 / (film.rate * film.time_base))
        for path in segments:
            mine = array("q")
            for packet in _packets(path):
                mine.append(_ticks(packet, film))
                last = packet
            lasts = round(last.duration * last.time_base / film.time_base)
            if self.starts:
                self._follow(path, min(mine))
            self.starts.extend(sorted(mine))
            coded.extend(mine)
            self.end = self.starts[-1] + lasts
        places = (bisect.bisect_left(self.starts, start) for start in coded)
        self.delay = max((n - place for n, place in enumerate(places)), default=0)

    def _follow(self, path: Path, first: int) -> None:
        if first != self.end:
            raise errors.EngineFault(
                f"The segment {path.name} doesn't begin where the one before it ends."
            )

    def decoded(self, n: int) -> int:
        """The latest time at which the n-th packet may be decoded: never after it is shown, and
        later than the one before it."""
        if n >= self.delay:
            return self.starts[n - self.delay]
        return self.starts[0] - (self.delay - n) * self._usual

    def duration(self, start: int) -> int:
        after = bisect.bisect_right(self.starts, start)
        return (self.starts[after] if after < len(self.starts) else self.end) - start


class Joint:
    """The result in the making."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        segments: Sequence[Path],
        film: Film,
        sound: Sound,
        times: Times,
    ) -> None:
        self._out, self._segments, self._film, self._times = container, segments, film, times
        self._sound = sound

    def write(self) -> None:
        with av.open(str(self._segments[0])) as first:
            template = first.streams.video[0]
            self._made_by = _maker(template)
            video = self._out.add_stream_from_template(template, opaque=True)
            video.time_base = self._film.time_base
        end = heard_until(self._times.end * self._film.time_base, self._sound, self._film)
        sounding = Sounding(self._out, self._sound, end)
        for number, packet in enumerate(self._pictures()):
            start = _ticks(packet, self._film)
            packet.stream, packet.time_base = video, self._film.time_base
            packet.pts, packet.dts = start, self._times.decoded(number)
            packet.duration = self._times.duration(start)
            self._out.mux(packet)
            sounding.until(start * self._film.time_base)
        sounding.until(None)

    def _pictures(self) -> Iterator[av.Packet]:
        for path in self._segments:
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                if _maker(stream) != self._made_by:
                    raise errors.EngineFault(f"The segment {path.name} was coded differently.")
                yield from _shown(container, stream)


def heard_until(end: Fraction, sound: Sound, film: Film) -> Fraction:
    """When the sound stops, in seconds, where the picture does at `end`: with it, but one that is
    longer by no more than a frame keeps its own end."""
    if sound.duration <= end + 1 / film.rate:
        return sound.duration + 1  # with whatever a coder put after the last sample
    return end


class Sounding:
    """Muxes a sound's packets beside the pictures, and no further than these go."""

    def __init__(self, out: av.container.OutputContainer, sound: Sound, end: Fraction) -> None:
        self._out, self._sound, self._end = out, sound, end
        self._stream = add_track(out, sound)
        self._packets = sound.packets()
        self._waiting = next(self._packets, None)

    def until(self, seconds: Fraction | None) -> None:
        base = self._sound.time_base
        while self._waiting is not None:
            time, duration, data = self._waiting
            left = round((self._end - time * base) / base)
            if left <= 0 or (seconds is not None and time * base > seconds):
                return
            packet = av.Packet(data)
            packet.stream, packet.time_base = self._stream, base
            packet.pts = packet.dts = time
            packet.duration = min(duration, left)
            self._out.mux(packet)
            self._waiting = next(self._packets, None)


def _packets(path: Path) -> Iterator[av.Packet]:
    with av.open(str(path)) as container:
        yield from _shown(container, container.streams.video[0])


def _shown(container: av.container.InputContainer, stream: Any) -> Iterator[av.Packet]:
    return (packet for packet in container.demux(stream) if packet.size)


def _ticks(packet: av.Packet, film: Film) -> int:
    return round(packet.pts * packet.time_base / film.time_base)


def _maker(stream: Any) -> tuple[object, ...]:
    """What must be equal for packets to share one header."""
    context = stream.codec_context
    return context.name, context.width, context.height, context.extradata
