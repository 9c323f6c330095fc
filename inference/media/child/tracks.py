"""The sound that the result will carry: the source's own packets, or AAC of ours."""

from collections.abc import Iterable
from fractions import Fraction

import av

from inference.media import wire
from inference.media.child import coding
from inference.media.child.refusals import Refused

# Timestamps that differ less from the count of samples are rounding, not gaps.
JITTER = Fraction(1, 200)
# A jump of the clock that is longer is an error of the file, not silence.
LONGEST_GAP_SECONDS = 60
NO_NUMBERS = "The sound has samples that are no numbers, or infinite: nothing can play them."


class Sender:
    """Sends packets, each when the next one tells how long it lasts."""

    def __init__(self) -> None:
        self.next: int | None = None
        self._held: tuple[int, bytes] | None = None

    def put(self, time: int, samples: int, data: bytes) -> None:
        self._release(time)
        self._held, self.next = (time, data), time + samples

    def finish(self, end: int) -> None:
        """The last packet ends with the sound: its padding is cut by its duration."""
        if self.next is not None:
            self._release(min(self.next, end))

    def _release(self, until: int) -> None:
        if self._held is not None and until > self._held[0]:
            time, data = self._held
            header = {"kind": "packet", "time": time, "duration": until - time}
            wire.send(wire.REPLY, header, [data])
        self._held = None


class CopiedTrack:
    """The stranger's own packets, bit for bit, on the clock of the decoded samples."""

    def __init__(self, carried: coding.Carried, origin: Fraction) -> None:
        self._carried, self._origin, self._sender = carried, origin, Sender()
        self._doubted: tuple[Fraction, int, bytes] | None = None
        self.codec, self.sample_rate = carried.codec, carried.sample_rate
        self.layout, self.sample_format = carried.layout, carried.sample_format
        self.config = carried.config

    def frame(self, frame: av.AudioFrame) -> None:
        """Decoded samples are not needed: the packets are."""

    def packets(self, given: Iterable[tuple[av.Packet, int]], end: int) -> None:
        """Each with how many samples were decoded of it; `end` is where these are over."""
        known = [(p, self._carried.strip(bytes(p)), decoded) for p, decoded in given]
        counts = [self._carried.samples(data, decoded) for _, data, decoded in known]
        if self._sender.next is None:
            # Counted back from the first samples: a container's own times may be rounded.
            self._sender.next = end - sum(counts)
        for (packet, data, _), count in zip(known, counts, strict=True):
            if count > 0:  # else nothing of it can be decoded; the next one's time tells the gap
                self._put(self._told(packet), count, data)

    def _told(self, packet: av.Packet) -> Fraction | None:
        """The packet's time in samples."""
        if packet.pts is None:
            return None
        return (packet.pts * Fraction(packet.time_base) - self._origin) * self.sample_rate

    def _put(self, told: Fraction | None, count: int, data: bytes) -> None:
        self._decide(told)
        if told is not None and self._settled(told) != self._sender.next:
            self._doubted = told, count, data
        else:
            self._sender.put(self._sender.next or 0, count, data)

    def _decide(self, following: Fraction | None) -> None:
        """Believe a gap, unless the next packet takes it back; as the listener does."""
        if self._doubted is None:
            return
        (told, count, data), self._doubted = self._doubted, None
        taken_back = following is not None and following < told + count - JITTER * self.sample_rate
        time = self._sender.next or 0 if taken_back else self._settled(told)
        self._sender.put(time, count, data)

    def _settled(self, told: Fraction) -> int:
        return settle(told, self._sender.next or 0, self.sample_rate)

    def finish(self, end: Fraction) -> None:
        self._decide(None)
        self._sender.finish(round(end * self.sample_rate))


class EncodedTrack:
    """AAC of our own, at the sound's rate and channels, once."""

    codec, sample_format = "aac", "fltp"

    def __init__(self, frame: av.AudioFrame) -> None:
        self._encoder, self._sender = coding.encoder(frame), Sender()
        self.sample_rate, self.layout = self._encoder.sample_rate, self._encoder.layout.name
        self.config = bytes(self._encoder.extradata or b"")

    def frame(self, frame: av.AudioFrame) -> None:
        self._send(self._encoded(frame))

    def packets(self, given: Iterable[tuple[av.Packet, int]], end: int) -> None:
        """Coded anew from the samples."""

    def _send(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            time = round(packet.pts * Fraction(packet.time_base) * self.sample_rate)
            self._sender.put(time, coding.AAC_SAMPLES, bytes(packet))

    def finish(self, end: Fraction) -> None:
        self._send(self._encoded(None))
        self._sender.finish(round(end * self.sample_rate))

    def _encoded(self, frame: av.AudioFrame | None) -> list[av.Packet]:
        try:
            return self._encoder.encode(frame)
        except av.error.ArgumentError as error:  # all else about a frame was made to fit
            raise Refused("damaged_media", NO_NUMBERS) from error


Track = CopiedTrack | EncodedTrack


def settle(told: Fraction, expected: int, rate: int) -> int:
    """Which sample a timestamp means: the expected one, unless it tells of a real gap."""
    gap = (told - expected) / rate
    return round(told) if JITTER < gap <= LONGEST_GAP_SECONDS else expected
