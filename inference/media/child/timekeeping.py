"""When a file's streams begin and end, from their packets."""

import struct
from fractions import Fraction
from typing import Any

import av

from inference.media import wire
from inference.media.child import opening
from inference.media.child.boxes import picture_ends
from inference.media.child.refusals import Refused
from inference.media.info import ratio
from inference.media.limits import MediaLimits

SKIPPED = struct.Struct("<II")  # samples to drop at a packet's start and at its end


def timing(request: dict[str, Any], limits: MediaLimits) -> None:
    with opening.opened(request["source"]) as container:
        video = opening.video_stream(container, limits)
        sounds = container.streams.audio[:1]
        spans = {stream.type: Extent(stream) for stream in (video, *sounds)}
        for packet in container.demux(video, *sounds):
            spans[packet.stream.type].add(packet)
        spans["video"].correct(picture_ends(request["source"]))
        answer = {
            "frame": ratio(1 / opening.frame_rate(video)),
            "video": spans["video"].to_mapping(),
            "sound": spans["audio"].to_mapping() if sounds else None,
        }
    wire.send(wire.REPLY, {"kind": "timing"} | answer)


class Extent:
    """The time that a stream's packets cover, in seconds.

    The demuxer has applied the edit list to the times; what a decoder is told to drop besides
    (codec priming, the padding of the last packet) is taken off here.
    """

    def __init__(self, stream: Any) -> None:
        self._rate = getattr(stream.codec_context, "sample_rate", 0)
        self.packets = 0
        self.start: Fraction | None = None
        self.end: Fraction | None = None
        self.first: Fraction | None = None
        self.last: Fraction | None = None

    def add(self, packet: av.Packet) -> None:
        if packet.pts is None or not packet.size:
            return
        self.packets += 1
        base = Fraction(packet.time_base)
        before, after = self._skipped(packet)
        self.first = _least(self.first, packet.pts * base)
        self.last = _most(self.last, packet.pts * base)
        start = packet.pts * base + before
        end = (packet.pts + (packet.duration or 0)) * base - after
        # An edit list marks what it cuts off; nothing of such a packet is shown.
        if packet.is_discard or end <= start:
            return
        self.start, self.end = _least(self.start, start), _most(self.end, end)

    def correct(self, told: tuple[Fraction, Fraction] | None) -> None:
        """Believe an edit list, exact to a tick, of when the picture is over.

        Packets tell in MP4 how long it is until the next one is decoded, which of the last to be
        shown is another time than it is shown for, where pictures are reordered.
        """
        if told is not None and self.end is not None and abs(told[0] - self.end) > told[1]:
            self.end = told[0]

    def _skipped(self, packet: av.Packet) -> tuple[Fraction, Fraction]:
        if not self._rate or not packet.has_sidedata("skip_samples"):
            return Fraction(0), Fraction(0)
        before, after = SKIPPED.unpack_from(bytes(packet.get_sidedata("skip_samples")))
        return Fraction(before, self._rate), Fraction(after, self._rate)

    def to_mapping(self) -> dict[str, Any]:
        if self.start is None and self._rate:
            # A sound of a few samples is all priming and padding to its coder.
            self.start = self.end = self.first
        if self.start is None or self.end is None:
            raise Refused("damaged_media", "A stream of the file shows nothing at all.")
        times = {name: ratio(getattr(self, name)) for name in ("start", "end", "first", "last")}
        return times | {"packets": self.packets}


def _least(known: Fraction | None, new: Fraction) -> Fraction:
    return new if known is None else min(known, new)


def _most(known: Fraction | None, new: Fraction) -> Fraction:
    return new if known is None else max(known, new)
