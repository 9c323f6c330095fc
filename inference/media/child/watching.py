"""The pictures: as many as the timeline wants, in the result's order, each with its time."""

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import av
from av.container import InputContainer

from inference.media import wire
from inference.media.child import opening
from inference.media.child.beginning import beginning, delay
from inference.media.child.clock import Clock, ticks
from inference.media.child.decoding import stamp
from inference.media.child.grading import grading_of
from inference.media.child.reel import Load, Reel, usual_rate
from inference.media.child.refusals import Refused
from inference.media.child.upright import Upright
from inference.media.limits import MediaLimits
from inference.media.pictures import Plane
from inference.media.timeline import Retimed, Showing, Slot, Strip, showings

# A longer step of a stream's clock is a mistake, as it is for sound (tracks).
LONGEST_STEP_SECONDS = Fraction(60)
NO_PICTURE = "The file's picture can't be decoded."


def frames(request: dict[str, Any], limits: MediaLimits) -> None:
    reel = Reel(request["source"], limits)
    projector = Projector(reel, Program.of(request), limits)
    projector.announce()
    projector.play()
    wire.send(wire.REPLY, {"kind": "end", "unreadable": reel.unreadable})


@dataclass(frozen=True)
class Program:
    """What was asked for. first: the place of the first frame that is wanted in the result."""

    seconds: Fraction | None
    length: str
    frame_rate: Fraction | None
    first: int

    @classmethod
    def of(cls, request: dict[str, Any]) -> "Program":
        seconds, rate = request["seconds"], request["frame_rate"]
        return cls(
            seconds=None if seconds is None else Fraction(seconds),
            length=request["length"],
            frame_rate=None if rate is None else Fraction(rate),
            first=request["first"],
        )

    @classmethod
    def once(cls) -> "Program":
        """The whole film as it is."""
        return cls(seconds=None, length="video", frame_rate=None, first=0)


@dataclass
class Shot:
    """A frame of the source in ticks of its own clock; its planes are made when asked for."""

    number: int
    start: int
    duration: int
    load: Load

    @cached_property
    def planes(self) -> list[Plane]:
        return self.load()


class FilmStrip:
    """The film's visible frames, as timeline.Strip: a first pass forwards, then at will."""

    def __init__(self, reel: Reel, clock: Clock, shape: Upright, promised: Fraction) -> None:
        self._reel, self._clock, self._shape = reel, clock, shape
        self._promised = promised
        self._passed_once = False

    def forwards(self) -> Iterator[Shot]:
        if self._passed_once:
            for number, frame in enumerate(self._reel.forwards()):
                if self._clock.seen(number):
                    yield self._shot(number, partial(self._shape.planes, frame))
            return
        yield from self._first_pass()
        self._passed_once = True

    def _first_pass(self) -> Iterator[Shot]:
        """A frame is given out once the time of the next one tells how long it is shown."""
        held: tuple[int, Load] | None = None
        for timed in self._timed():
            if held is not None:
                yield self._shot(*held)
            held = timed
        if held is None:
            raise Refused("damaged_media", NO_PICTURE)
        last = self._shot(*held)
        yield last
        self._check_whole(last)

    def _timed(self) -> Iterator[tuple[int, Load]]:
        """Visible frames, as soon as their times are known."""
        waiting: deque[tuple[int, Load]] = deque()
        for number, frame in enumerate(self._reel.forwards()):
            waiting.append((number, partial(self._shape.planes, frame)))
            self._clock.note(self._reel.stamps[number], frame.duration)
            yield from self._settled(waiting)
        self._clock.close()
        yield from self._settled(waiting)

    def _settled(self, waiting: deque[tuple[int, Load]]) -> Iterator[tuple[int, Load]]:
        while waiting and waiting[0][0] < self._clock.settled:
            number, load = waiting.popleft()
            if self._clock.seen(number):
                yield number, load

    def backwards(self) -> Iterator[Shot]:
        for number, load in self._reel.backwards(self._shape):
            if self._clock.seen(number):
                yield self._shot(number, load)

    def _shot(self, number: int, load: Load) -> Shot:
        return Shot(number, self._clock.start(number), self._clock.duration(number), load)

    def _check_whole(self, last: Shot) -> None:
        """The file ended while more of it was needed: did it promise more?"""
        lasted = (last.start + last.duration) * self._clock.time_base
        missing = self._promised - lasted
        if missing > max(Fraction(1), self._promised / 20):
            raise Refused(
                "damaged_media",
                f"The file should last {float(self._promised):.1f} seconds,"
                f" but its picture can be read for {float(lasted):.1f} only.",
            )


class Projector:
    """Shows frames as the program wants them, until it is over."""

    def __init__(self, reel: Reel, program: Program, limits: MediaLimits) -> None:
        self.program, self._reel = program, reel
        with opening.opened(reel.fd) as container:
            stream = opening.video_stream(container, limits)
            first, told = _first(container, stream)
            self.shape, self.grading = Upright.of(first), grading_of(first)
            streamed = opening.is_streamed(container)
            longest = LONGEST_STEP_SECONDS if streamed else None
            clock = Clock(usual_rate(stream), Fraction(stream.time_base), longest)
            self.aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
            self.promised = promised_seconds(container, stream)
            seconds = Fraction(0) if told is None else told * Fraction(stream.time_base)
        late = delay(seconds, beginning(reel.fd))
        self.rate = program.frame_rate or clock.rate
        self.time_base, self.usual = ticks(self.rate)
        self.begin = round(late / clock.time_base)
        certain = Fraction(0) if streamed else self.promised
        self.strip: Strip[Shot] | Retimed[Shot] = FilmStrip(reel, clock, self.shape, certain)
        if program.frame_rate:
            ratio = clock.time_base * self.rate
            self.strip = Retimed(self.strip, self.usual, ratio, self.begin)
            self.begin = 0

    def announce(self) -> None:
        aspect = 1 / self.aspect if self.shape.turns % 2 else self.aspect
        tags = self.shape.tags
        header = {
            "kind": "film",
            "width": self.shape.width,
            "height": self.shape.height,
            "source_box": dataclasses.astuple(self.shape.source_box),
            "layout": self.shape.layout.name,
            "tags": {name: getattr(tags, name) for name in tags.__dataclass_fields__},
            "rate": _ratio(self.rate),
            "time_base": _ratio(self.time_base),
            "pixel_aspect": _ratio(aspect),
            "grading": self.grading and list(self.grading.values),
            "promised": _ratio(self.promised) if self.promised else None,
        }
        wire.send(wire.REPLY, header)

    def play(self) -> None:
        for showing in itertools.islice(self.showings(), self.program.first, None):
            self._send(showing)

    def showings(self) -> Iterator[Showing[Any]]:
        seconds = self.program.seconds
        return showings(
            self.strip,
            self.program.length,
            usual=self.usual,
            end=None if seconds is None else seconds / self.time_base,
            begin=self.begin,
        )

    def _send(self, showing: Showing[Any]) -> None:
        shot = shot_of(showing)
        header = {
            "kind": "frame",
            "number": shot.number,
            "time": showing.time,
            "duration": showing.duration,
            "unreadable": self._reel.unreadable,
        }
        wire.send(wire.REPLY, header, [plane.data for plane in shot.planes])


def shot_of(showing: Showing[Any]) -> Shot:
    cell = showing.cell
    shot: Shot = cell.cell if isinstance(cell, Slot) else cell
    return shot


def promised_seconds(container: InputContainer, stream: av.VideoStream) -> Fraction:
    """How long the picture should last by the file's own word; 0 where it says nothing."""
    if stream.duration and stream.duration > 0:
        return stream.duration * Fraction(stream.time_base)
    # Matroska has one length for the file, which sound may stretch beyond the picture.
    if container.duration and not container.streams.audio:
        return Fraction(max(0, container.duration), av.time_base)
    return Fraction(0)


def _first(container: InputContainer, stream: av.VideoStream) -> tuple[av.VideoFrame, int | None]:
    """The first picture, and its time in ticks of the stream."""
    if container.format.name == "avi":
        for packet in container.demux(stream):
            # FFmpeg allows for the delay of a decoder, which the sound doesn't have.
            packet.pts = packet.dts
            for frame in packet.decode():
                return frame, stamp(frame)
    for frame in container.decode(stream):
        return frame, stamp(frame)
    raise Refused("damaged_media", NO_PICTURE)


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
