"""The pictures: as many as the sound lasts, forwards and backwards in turn, each with its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer

from inference.media import wire
from inference.media.child import opening
from inference.media.child.clock import Clock
from inference.media.child.reel import Reel, usual_rate
from inference.media.child.refusals import Refused
from inference.media.child.upright import Upright
from inference.media.limits import MediaLimits
from inference.media.pictures import Plane

REPLY = 1


def frames(request: dict[str, Any], limits: MediaLimits) -> None:
    reel = Reel(request["source"], limits)
    projector = Projector(reel, Fraction(request["seconds"]), limits)
    projector.announce()
    projector.play()
    wire.send(REPLY, {"kind": "end", "unreadable": reel.unreadable})


@dataclass(frozen=True)
class Shown:
    number: int
    planes: list[Plane]


class Projector:
    """Shows frames until the sound is over."""

    def __init__(self, reel: Reel, seconds: Fraction, limits: MediaLimits) -> None:
        self.reel, self.limits = reel, limits
        with opening.opened(reel.fd) as container:
            stream = opening.video_stream(container, limits)
            first = _first(container.decode(stream))
            self.shape = Upright.of(first)
            self.clock = Clock(usual_rate(stream), Fraction(stream.time_base))
            self.aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
            self.promised = promised_seconds(container, stream)
        self.end = seconds / self.clock.time_base  # in ticks, not rounded
        self.now = 0

    def announce(self) -> None:
        aspect = 1 / self.aspect if self.shape.turns % 2 else self.aspect
        tags = self.shape.tags
        header = {
            "kind": "film",
            "width": self.shape.width,
            "height": self.shape.height,
            "layout": self.shape.layout.name,
            "tags": {name: getattr(tags, name) for name in tags.__dataclass_fields__},
            "rate": _ratio(self.clock.rate),
            "time_base": _ratio(self.clock.time_base),
            "pixel_aspect": _ratio(aspect),
        }
        wire.send(REPLY, header)

    def play(self) -> None:
        if not all(map(self._show, self._first_pass())):
            return
        self._check_whole()
        if self.end - self.now <= self.clock.frame:  # short by one frame at most: no turn for it
            return
        while all(map(self._show, self._turns())):
            pass

    def _first_pass(self) -> Iterator[Shown]:
        """Forwards; a frame is shown once the time of the next one tells how long."""
        held: Shown | None = None
        for number, frame in enumerate(self.reel.forwards()):
            if not self.clock.note(self.reel.stamps[number]):
                continue
            if held is not None:
                yield held
            held = Shown(number, self.shape.planes(frame))
        if held is None:
            raise Refused("damaged_media", "The file's picture can't be decoded.")
        yield held

    def _turns(self) -> Iterator[Shown]:
        """Backwards to the first frame, then forwards to the last: neither is shown twice."""
        for number, planes in self.reel.backwards(self.shape):
            if number in self.clock.starts:
                yield Shown(number, planes)
        for number, frame in enumerate(self.reel.forwards()):
            if number in self.clock.starts and (number or len(self.clock.starts) == 1):
                yield Shown(number, self.shape.planes(frame))

    def _show(self, shown: Shown) -> bool:
        """Send a frame, unless less than half of it would fall within the sound."""
        duration = self.clock.duration(shown.number)
        half = Fraction(min(duration, self.clock.frame), 2)
        if self.now and self.now + half > self.end:
            return False
        # A frame that lasts long is cut where the sound ends.
        left = int(self.end - self.now)
        duration = min(duration, max(self.clock.frame, left))
        header = {
            "kind": "frame",
            "number": shown.number,
            "time": self.now,
            "duration": duration,
        }
        wire.send(REPLY, header, [plane.data for plane in shown.planes])
        self.now += duration
        return True

    def _check_whole(self) -> None:
        """The file ended while more of it was needed: did it promise more?"""
        missing = self.promised - self.now * self.clock.time_base
        if missing > max(Fraction(1), self.promised / 20):
            raise Refused(
                "damaged_media",
                f"The file should last {float(self.promised):.1f} seconds,"
                f" but its picture can be read for {float(self.promised - missing):.1f} only.",
            )


def promised_seconds(container: InputContainer, stream: av.VideoStream) -> Fraction:
    """How long the picture should last by the file's own word; 0 where it says nothing."""
    if stream.duration and stream.duration > 0:
        return stream.duration * Fraction(stream.time_base)
    # Matroska has one length for the file, which sound may stretch beyond the picture.
    if container.duration and not container.streams.audio:
        return Fraction(max(0, container.duration), av.time_base)
    return Fraction(0)


def _first(frames: Iterator[av.VideoFrame]) -> av.VideoFrame:
    for frame in frames:
        return frame
    raise Refused("damaged_media", "The file's picture can't be decoded.")


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
