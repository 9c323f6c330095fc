"""The sound: 16 kHz mono for the network, and coded packets that the result will carry."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.stream import Discard

from inference.media import wire
from inference.media.child import coding, opening, promises
from inference.media.child.beginning import beginning, delay
from inference.media.child.refusals import Refused
from inference.media.limits import MediaLimits

REPLY = 1
SAMPLE_RATE = 16000
BATCH_BYTES = 1 << 16
# Timestamps that differ less from the count of samples are rounding, not gaps.
JITTER = Fraction(1, 200)
# A jump of the clock that is longer is an error of the file, not silence.
LONGEST_GAP_SECONDS = 60
# Packets kept from before the first sample: what a decoder needs to find its feet (80 ms of
# Opus' shortest packets, the bit reservoir of MP3).
PRIMING_PACKETS = 32
# These count time from a zero of their own, so a track that begins later does so on purpose.
ZERO_BASED = {"mov", "matroska"}

NO_NUMBERS = "The sound has samples that are no numbers, or infinite: nothing can play them."

Packets = Callable[[], Iterator[av.Packet]]
Form = tuple[str, str, int]  # sample format, layout, samples a second


def sound(request: dict[str, Any], limits: MediaLimits) -> None:
    fd = request["source"]
    with _opened(fd) as (container, stream):
        listener = Listener(stream, limits, begins(container, fd), lambda: _packets(fd))
        listener.promised = promises.promised_seconds(fd, container)
        listener.listen(container.demux(stream))


@contextlib.contextmanager
def _opened(fd: int) -> Iterator[tuple[InputContainer, av.AudioStream]]:
    with opening.opened(fd) as container:
        stream = opening.audio_stream(container)
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all  # an hour of pictures need not be read for its sound
        yield container, stream


def _packets(fd: int) -> Iterator[av.Packet]:
    with _opened(fd) as (container, stream):
        yield from container.demux(stream)


def begins(container: InputContainer, fd: int) -> Fraction | None:
    """Where on the file's clock the sound's time is 0; None: where its first sample is.

    Beside a picture it is where the earlier of both begins, so that they stay in step.
    """
    if opening.moving_pictures(container):
        return beginning(fd)
    return Fraction(0) if container.format.name.split(",")[0] in ZERO_BASED else None


class Listener:
    """Decodes a sound stream once. Positions are samples at the stream's own rate, from where the
    file begins; where the stream begins later or has a gap, silence is put.

    promised: seconds that the file says it has, 0 where it doesn't say.
    """

    promised = Fraction(0)

    def __init__(
        self, stream: av.AudioStream, limits: MediaLimits, begins: Fraction | None, again: Packets
    ) -> None:
        self.limits = limits
        self.stream = stream
        self.begins, self._again = begins, again
        self.position = 0
        self.origin = Fraction(0)
        self.track: Track | None = None
        self._alike = Alike()
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        self._batch = bytearray()

    def listen(self, packets: Iterator[av.Packet]) -> None:
        early: deque[tuple[av.Packet, int]] = deque(maxlen=PRIMING_PACKETS)
        for packet in packets:
            decoded = 0
            for frame in _decoded(packet):
                self._hear(frame, _time(frame) if decoded else _first_time(packet, frame))
                decoded += frame.samples
            if not packet.size:
                continue
            early.append((packet, decoded))
            if self.track is not None:
                self.track.packets(early, self.position)
                early.clear()
        if self.track is None:
            raise Refused("damaged_media", "The file's sound can't be decoded.")
        for frame in self._alike.rest():
            self._take(frame)
        promises.check_kept(self.promised, Fraction(self.position, self.rate))
        self._finish(self.track)

    def _hear(self, frame: av.AudioFrame, told: Fraction | None) -> None:
        alike = self._alike(frame)
        start = self.position
        if self.track is None:
            start = self._begin(frame, told or Fraction(0))
        elif told is not None:
            start = settle((told - self.origin) * self.rate, start, self.rate)
        for heard in (*_silence(self._alike.form, start - self.position), *alike):
            self._take(heard)

    def _begin(self, frame: av.AudioFrame, told: Fraction) -> int:
        """Where the first samples lie."""
        self.rate = frame.sample_rate
        late = Fraction(0) if self.begins is None else delay(told, self.begins)
        self.origin = told - late
        carried = coding.carried(self.stream, frame, self._again())
        self.track = CopiedTrack(carried, self.origin) if carried else EncodedTrack(frame)
        return round(late * self.rate)

    def _take(self, frame: av.AudioFrame) -> None:
        frame.pts, frame.time_base = self.position, Fraction(1, self.rate)
        self.position += frame.samples
        opening.check_seconds(Fraction(self.position, self.rate), self.limits)
        if self.track is not None:
            self.track.frame(frame)
        self._send(self._resampler.resample(frame))

    def _send(self, frames: list[av.AudioFrame], *, all_of_it: bool = False) -> None:
        for frame in frames:
            self._batch += bytes(frame.planes[0])[: 2 * frame.samples]
        if self._batch and (all_of_it or len(self._batch) >= BATCH_BYTES):
            wire.send(REPLY, {"kind": "samples"}, [self._batch])
            self._batch = bytearray()

    def _finish(self, track: "Track") -> None:
        self._send(self._resampler.resample(None), all_of_it=True)
        track.finish(Fraction(self.position, self.rate))
        header = {
            "kind": "sound",
            "codec": track.codec,
            "sample_rate": track.sample_rate,
            "layout": track.layout,
            "sample_format": track.sample_format,
            "duration": f"{self.position}/{self.rate}",
        }
        wire.send(REPLY, header, [track.config])


class Alike:
    """Gives all frames of a stream the form of its first, for a stream may change on its way."""

    form: Form

    def __init__(self) -> None:
        self._given: Form | None = None
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        given = frame.format.name, frame.layout.name, frame.sample_rate
        if self._given is None:
            self.form = given[0], coding.named_layout(frame.layout), given[2]
        rest = []
        if given != self._given:
            rest, self._given = self.rest(), given
            name, layout, rate = self.form
            if given != self.form:
                self._resampler = av.AudioResampler(format=name, layout=layout, rate=rate)
        if self._resampler is None:
            return [*rest, frame]
        frame.pts = None  # a resampler would fill what it takes for gaps
        return [*rest, *self._resampler.resample(frame)]

    def rest(self) -> list[av.AudioFrame]:
        """What is still on its way when the form changes or the stream ends."""
        resampler, self._resampler = self._resampler, None
        return resampler.resample(None) if resampler else []


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
            wire.send(REPLY, header, [data])
        self._held = None


class CopiedTrack:
    """The stranger's own packets, bit for bit, on the clock of the decoded samples."""

    def __init__(self, carried: coding.Carried, origin: Fraction) -> None:
        self._carried, self._origin, self._sender = carried, origin, Sender()
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
                self._sender.put(self._settled(packet, self._sender.next), count, data)

    def _settled(self, packet: av.Packet, expected: int) -> int:
        if packet.pts is None:
            return expected
        told = packet.pts * Fraction(packet.time_base) - self._origin
        return settle(told * self.sample_rate, expected, self.sample_rate)

    def finish(self, end: Fraction) -> None:
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


def _decoded(packet: av.Packet) -> Iterator[av.AudioFrame]:
    try:
        yield from packet.decode()
    except av.error.InvalidDataError:
        return  # a gap: the next frame's time shows how long


def _time(frame: av.AudioFrame) -> Fraction | None:
    return None if frame.pts is None else frame.pts * Fraction(frame.time_base)


def _first_time(packet: av.Packet, frame: av.AudioFrame) -> Fraction | None:
    """Of the first samples from a packet: after those that are skipped, exactly, where FFmpeg
    rounds to the container's clock (a millisecond in Matroska)."""
    if packet.pts is None or not packet.has_sidedata("skip_samples"):
        return _time(frame)
    skipped = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
    return packet.pts * Fraction(packet.time_base) + Fraction(skipped, frame.sample_rate)


def _silence(form: Form, samples: int) -> Iterator[av.AudioFrame]:
    """Frames of at most a second in that form."""
    name, layout, rate = form
    while samples > 0:
        frame = av.AudioFrame(format=name, layout=layout, samples=min(samples, rate))
        frame.sample_rate = rate
        for plane in frame.planes:
            zero = b"\x80" if name.startswith("u8") else b"\x00"
            plane.update(zero * plane.buffer_size)
        samples -= frame.samples
        yield frame
