"""The sound: 16 kHz mono for the network, and coded packets that the result will carry."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from inference.media import wire
from inference.media.child import aac, opening
from inference.media.child.refusals import Refused
from inference.media.limits import MediaLimits

REPLY = 1
SAMPLE_RATE = 16000
BATCH_BYTES = 1 << 16
# Timestamps that differ less from the count of samples are rounding, not gaps.
JITTER = Fraction(1, 200)
# A jump of the clock that is longer is an error of the file, not silence.
LONGEST_GAP_SECONDS = 60


def sound(request: dict[str, Any], limits: MediaLimits) -> None:
    with opening.opened(request["source"]) as container:
        stream = opening.audio_stream(container)
        Listener(stream, limits).listen(container.demux(stream))


class Listener:
    """Decodes a sound stream once. Positions are samples at the stream's own rate, the first
    decoded one being 0; where the file has a gap, silence is put."""

    def __init__(self, stream: av.AudioStream, limits: MediaLimits) -> None:
        self.rate = stream.codec_context.sample_rate
        self.limits = limits
        self.stream = stream
        self.position = 0
        self.origin = Fraction(0)
        self.track: Track | None = None
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        self._batch = bytearray()

    def listen(self, packets: Iterator[av.Packet]) -> None:
        early: list[av.Packet] = []  # what came before the first sample: the decoder's priming
        for packet in packets:
            for frame in _decoded(packet):
                self._hear(frame)
            if packet.size and self.track is None:
                early.append(packet)
            elif self.track is not None:
                for kept in (*early, packet):
                    self.track.packet(kept)
                early.clear()
        if self.track is None:
            raise Refused("damaged_media", "The file's sound can't be decoded.")
        self._finish(self.track)

    def _hear(self, frame: av.AudioFrame) -> None:
        if self.track is None:
            self.rate = frame.sample_rate
            self.origin = _time(frame) or Fraction(0)
            self.track = _track(self.stream, frame, self.origin)
        told = _time(frame)
        if told is not None:
            start = settle((told - self.origin) * self.rate, self.position, self.rate)
            for silence in _silence(frame, start - self.position):
                self._take(silence, self.track)
        self._take(frame, self.track)

    def _take(self, frame: av.AudioFrame, track: "Track") -> None:
        frame.pts, frame.time_base = self.position, Fraction(1, self.rate)
        self.position += frame.samples
        opening.check_seconds(Fraction(self.position, self.rate), self.limits)
        track.frame(frame)
        self._send(self._resampled(frame))

    def _resampled(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        try:
            return list(self._resampler.resample(frame))
        except ValueError:  # the stream has changed its rate or its channels
            rest = list(self._resampler.resample(None))
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            return rest + list(self._resampler.resample(frame))

    def _send(self, frames: list[av.AudioFrame], *, all_of_it: bool = False) -> None:
        for frame in frames:
            self._batch += bytes(frame.planes[0])[: 2 * frame.samples]
        if self._batch and (all_of_it or len(self._batch) >= BATCH_BYTES):
            wire.send(REPLY, {"kind": "samples"}, [self._batch])
            self._batch = bytearray()

    def _finish(self, track: "Track") -> None:
        self._send(self._resampled(None), all_of_it=True)
        track.finish(self.position)
        header = {
            "kind": "sound",
            "codec": track.codec,
            "sample_rate": track.rate,
            "time_base": f"1/{track.rate}",
            "duration": f"{self.position}/{self.rate}",
        }
        wire.send(REPLY, header)


class CopiedTrack:
    """The stranger's own packets, bit for bit, on the clock of the decoded samples."""

    def __init__(self, stream: av.AudioStream, origin: Fraction, frame: aac.Framing) -> None:
        self.codec = stream.codec_context.codec.canonical_name
        self.rate = stream.codec_context.sample_rate
        self._origin, self._framing = origin, frame
        self._nominal = stream.codec_context.frame_size or 1024
        self._next: int | None = None
        self._held: tuple[int, bytes] | None = None

    def frame(self, frame: av.AudioFrame) -> None:
        """Decoded samples are not needed: the packets are."""

    def packet(self, packet: av.Packet) -> None:
        if not packet.size:
            return
        told = None if packet.pts is None else packet.pts * Fraction(packet.time_base)
        time = self._next
        if told is not None:
            time = settle((told - self._origin) * self.rate, self._next, self.rate)
        time = time or 0
        self._release(time)
        self._held, self._next = (
            (time, self._framing(bytes(packet))),
            time + self._nominal,
        )

    def _release(self, until: int) -> None:
        if self._held is not None:
            time, data = self._held
            _send_packet(time, max(1, until - time), data)
        self._held = None

    def finish(self, end: int) -> None:
        """The last packet ends with the sound; its padding is cut by its duration."""
        if self._next is not None:
            self._release(min(self._next, end))


class EncodedTrack:
    """AAC of our own, at the sound's rate and channels, once."""

    codec = "aac"

    def __init__(self, frame: av.AudioFrame) -> None:
        self._encoder, self._framing = aac.encoder(frame)
        self.rate = self._encoder.sample_rate
        self._source_rate = frame.sample_rate

    def frame(self, frame: av.AudioFrame) -> None:
        self._send(self._encoder.encode(frame))

    def packet(self, packet: av.Packet) -> None:
        """Coded anew from the samples."""

    def _send(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            time = round(packet.pts * Fraction(packet.time_base) * self.rate)
            _send_packet(time, aac.SAMPLES_PER_PACKET, self._framing(bytes(packet)))

    def finish(self, end: int) -> None:
        self._send(self._encoder.encode(None))


Track = CopiedTrack | EncodedTrack


def settle(told: Fraction, expected: int | None, rate: int) -> int:
    """Which sample a timestamp means: the expected one, unless it tells of a real gap."""
    if expected is None:
        return round(told)
    gap = (told - expected) / rate
    return round(told) if JITTER < gap <= LONGEST_GAP_SECONDS else expected


def _track(stream: av.AudioStream, frame: av.AudioFrame, origin: Fraction) -> Track:
    framing = aac.copyable(stream, frame)
    return CopiedTrack(stream, origin, framing) if framing else EncodedTrack(frame)


def _send_packet(time: int, duration: int, data: bytes) -> None:
    wire.send(REPLY, {"kind": "packet", "time": time, "duration": duration}, [data])


def _decoded(packet: av.Packet) -> Iterator[av.AudioFrame]:
    try:
        yield from packet.decode()
    except av.error.InvalidDataError:
        return  # a gap: the next frame's time shows how long


def _time(frame: av.AudioFrame) -> Fraction | None:
    return None if frame.pts is None else frame.pts * Fraction(frame.time_base)


def _silence(like: av.AudioFrame, samples: int) -> Iterator[av.AudioFrame]:
    """Frames of at most a second, in the format of the one that follows."""
    while samples > 0:
        frame = av.AudioFrame(
            format=like.format.name,
            layout=like.layout.name,
            samples=min(samples, like.sample_rate),
        )
        frame.sample_rate = like.sample_rate
        for plane in frame.planes:
            zero = b"\x80" if like.format.name.startswith("u8") else b"\x00"
            plane.update(zero * plane.buffer_size)
        samples -= frame.samples
        yield frame
