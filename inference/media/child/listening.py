"""The sound: 16 kHz mono for the network, and coded packets that the result will carry."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import av
from av.container import InputContainer
from av.stream import Discard

from inference.media import wire
from inference.media.child import coding, opening, promises
from inference.media.child.beginning import beginning, delay
from inference.media.child.forms import Alike, silence
from inference.media.child.refusals import Refused
from inference.media.child.tracks import JITTER, CopiedTrack, EncodedTrack, Track, settle
from inference.media.limits import MediaLimits

SAMPLE_RATE = 16000
BATCH_BYTES = 1 << 16
# Packets kept from before the first sample: what a decoder needs to find its feet (80 ms of
# Opus' shortest packets, the bit reservoir of MP3).
PRIMING_PACKETS = 32
# These count time from a zero of their own, so a track that begins later does so on purpose.
ZERO_BASED = {"mov", "matroska"}

Packets = Callable[[], Iterator[av.Packet]]


def sound(request: dict[str, Any], limits: MediaLimits) -> None:
    fd = request["source"]
    with alone(fd) as (container, stream):
        listener = Listener(stream, limits, begins(container, fd), lambda: _packets(fd))
        listener.check_whole = partial(promises.check_whole, fd, container)
        listener.listen(container.demux(stream))


@contextlib.contextmanager
def alone(fd: int) -> Iterator[tuple[InputContainer, av.AudioStream]]:
    with opening.opened(fd) as container:
        stream = opening.audio_stream(container)
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all  # an hour of pictures need not be read for its sound
        yield container, stream


def _packets(fd: int) -> Iterator[av.Packet]:
    with alone(fd) as (container, stream):
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

    check_whole: raises Refused if the file promised more than these seconds.
    """

    def __init__(
        self, stream: av.AudioStream, limits: MediaLimits, begins: Fraction | None, again: Packets
    ) -> None:
        self.limits = limits
        self.stream = stream
        self.begins, self._again = begins, again
        self.position = 0
        self.origin = Fraction(0)
        self.track: Track | None = None
        self.check_whole: Callable[[Fraction], None] = lambda lasted: None
        self._alike = Alike()
        self._doubted: tuple[av.AudioFrame, Fraction] | None = None
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        self._batch = bytearray()

    def listen(self, packets: Iterator[av.Packet]) -> None:
        early: deque[tuple[av.Packet, int]] = deque(maxlen=PRIMING_PACKETS)
        for packet in packets:
            decoded = 0
            for frame in frames_of(packet):
                self._hear(frame, time_of(frame) if decoded else _first_time(packet, frame))
                decoded += frame.samples
            if not packet.size:
                continue
            early.append((packet, decoded))
            if self.track is not None:
                self.track.packets(early, self.position)
                early.clear()
        if self.track is None:
            raise Refused("damaged_media", "The file's sound can't be decoded.")
        self._decide(None)
        for frame in self._alike.rest():
            self._take(frame)
        self.check_whole(Fraction(self.position, self.rate))
        self._finish(self.track)

    def _hear(self, frame: av.AudioFrame, told: Fraction | None) -> None:
        """A gap is believed once the next samples don't take it back, as they do where Vorbis'
        blocks change their length: there a packet's time is not that of its samples."""
        self._decide(told)
        if self.track is not None and told is not None and self._settled(told) != self.position:
            self._doubted = frame, told
        else:
            self._place(frame, told)

    def _decide(self, following: Fraction | None) -> None:
        """Place the samples that come after a gap. following: what the next ones tell, if any."""
        if self._doubted is None:
            return
        (frame, told), self._doubted = self._doubted, None
        over = told + Fraction(frame.samples, frame.sample_rate)
        taken_back = following is not None and following < over - JITTER
        self._place(frame, None if taken_back else told)

    def _settled(self, told: Fraction) -> int:
        return settle((told - self.origin) * self.rate, self.position, self.rate)

    def _place(self, frame: av.AudioFrame, told: Fraction | None) -> None:
        alike = self._alike(frame)
        start = self.position
        if self.track is None:
            start = self._begin(frame, told or Fraction(0))
        elif told is not None:
            start = self._settled(told)
        for heard in (*silence(self._alike.form, start - self.position), *alike):
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
            wire.send(wire.REPLY, {"kind": "samples"}, [self._batch])
            self._batch = bytearray()

    def _finish(self, track: Track) -> None:
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
        wire.send(wire.REPLY, header, [track.config])


def frames_of(packet: av.Packet) -> Iterator[av.AudioFrame]:
    try:
        yield from packet.decode()
    except av.error.InvalidDataError:
        return  # a gap: the next frame's time shows how long


def time_of(frame: av.AudioFrame) -> Fraction | None:
    return None if frame.pts is None else frame.pts * Fraction(frame.time_base)


def _first_time(packet: av.Packet, frame: av.AudioFrame) -> Fraction | None:
    """Of the first samples from a packet: after those that are skipped, exactly, where FFmpeg
    rounds to the container's clock (a millisecond in Matroska)."""
    if packet.pts is None or not packet.has_sidedata("skip_samples"):
        return time_of(frame)
    skipped = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
    return packet.pts * Fraction(packet.time_base) + Fraction(skipped, frame.sample_rate)
