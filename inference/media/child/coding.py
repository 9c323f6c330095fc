"""Which coded sound an mp4 carries as it is, and AAC of our own for all other.

Copied is what mp4 may carry *and* current browsers play from it: AAC-LC, MP3, FLAC and Opus. Vorbis
and PCM have no place in mp4 that players know; ALAC, AC-3 and AMR have one, but most browsers stay
silent. HE-AAC is coded anew because nothing here can make any to test with.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import av

from inference.media.formats import CARRIED_SOUND
from inference.media.soundtrack import configure

BITS_PER_CHANNEL = 128_000
AAC_SAMPLES = 1024  # in a packet
AAC_RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
LOW_COMPLEXITY = 2  # audio object type
# mp4 knows MP3 by these rates only; the slower ones are an extension that its muxer refuses.
MP3_RATES = (48000, 44100, 32000, 24000, 22050, 16000)
ADTS_BYTES, ADTS_CHECKED_BYTES = 7, 9  # without and with a checksum
MAX_CONFIG_BYTES = 1024
# What unnamed channels are, by their number, and what other names become: layouts that AAC has a
# number for, where the speakers are the same.
BY_COUNT = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1")
SAME_SPEAKERS = {"5.0(side)": "5.0", "5.1(side)": "5.1"}
# Opus' frame lengths in samples at 48 kHz, by the upper five bits of a packet's first byte.
OPUS_FRAMES = (
    *(480, 960, 1920, 2880) * 3,
    *(480, 960) * 2,
    *(120, 240, 480, 960) * 4,
)  # fmt: skip


@dataclass(frozen=True)
class Carried:
    """A stream's packets, passed on as they are. The fields of soundtrack.Coding, and

    strip: takes off what the container put before a packet. samples: how many a packet holds,
    told the packet and how many of it were decoded.
    """

    codec: str
    sample_rate: int
    layout: str
    sample_format: str
    config: bytes
    strip: Callable[[bytes], bytes]
    samples: Callable[[bytes, int], int]


def carried(
    stream: av.AudioStream, frame: av.AudioFrame, packets: Iterable[av.Packet]
) -> Carried | None:
    """How to pass on a stream whose first samples are `frame`, or None if it must be coded anew.

    packets: all of the stream, from its beginning.
    """
    context = stream.codec_context
    packets = (packet for packet in packets if packet.size)
    first = next(packets, None)
    describe = DESCRIBED.get(context.codec.canonical_name)
    if first is None or describe is None:
        return None
    found = describe(context, frame, bytes(first))
    if found is None or len(found.config) > MAX_CONFIG_BYTES or not _opens(found):
        return None
    return found if _steady(found, itertools.chain([first], packets)) else None


def _mp3(context: Any, frame: av.AudioFrame, first: bytes) -> Carried | None:
    if frame.sample_rate not in MP3_RATES:
        return None
    return _carried("mp3", frame, b"", lambda data, decoded: context.frame_size)


def _aac(context: Any, frame: av.AudioFrame, first: bytes) -> Carried | None:
    raw = not context.extradata  # each packet has a header of its own
    config = adts_config(first) if raw else bytes(context.extradata)
    if context.profile != "LC" or not _plain(config, frame.sample_rate):
        return None
    strip = _without_adts if raw else bytes
    return _carried("aac", frame, config, lambda data, decoded: AAC_SAMPLES, strip)


def _flac(context: Any, frame: av.AudioFrame, first: bytes) -> Carried | None:
    config = bytes(context.extradata or b"")
    return _carried("flac", frame, config, lambda data, decoded: decoded) if config else None


def _opus(context: Any, frame: av.AudioFrame, first: bytes) -> Carried | None:
    config = bytes(context.extradata or b"")
    return _carried("opus", frame, config, lambda data, _: opus_samples(data)) if config else None


DESCRIBED = {"mp3": _mp3, "aac": _aac, "flac": _flac, "opus": _opus}


def _carried(
    codec: str,
    frame: av.AudioFrame,
    config: bytes,
    samples: Callable[[bytes, int], int],
    strip: Callable[[bytes], bytes] = bytes,
) -> Carried:
    # Whole numbers have 16 or 24 bits, which the muxer writes down; of floats it needs to know
    # only what the codec's encoder takes.
    formats = {"flac": frame.format.packed.name, "opus": "flt"}
    sample_format = formats.get(codec, "fltp")
    layout = named_layout(frame.layout)
    return Carried(codec, frame.sample_rate, layout, sample_format, config, strip, samples)


def named_layout(layout: av.AudioLayout) -> str:
    """FFmpeg's name of it; unnamed channels get the usual one of their number."""
    unnamed = layout.name.endswith((" channels", " channel"))  # so many, and nothing is known
    return BY_COUNT[min(layout.nb_channels, len(BY_COUNT)) - 1] if unnamed else str(layout.name)


def _plain(config: bytes, rate: int) -> bool:
    """Is this AudioSpecificConfig one of plain AAC-LC at that rate?"""
    if len(config) < 2:
        return False
    bits = int.from_bytes(config[:2], "big")
    kind, index, flags = bits >> 11, bits >> 7 & 15, bits & 7
    # Spectral band replication doubles the rate behind the configuration's back.
    return (
        kind == LOW_COMPLEXITY and index < len(AAC_RATES) and AAC_RATES[index] == rate and not flags
    )


def adts_config(data: bytes) -> bytes:
    """The AudioSpecificConfig that a packet of a raw stream tells in its header; none if it has
    no such header, or names its channels elsewhere."""
    if not _is_adts(data):
        return b""
    kind, rate = (data[2] >> 6) + 1, data[2] >> 2 & 15
    channels = (data[2] & 1) << 2 | data[3] >> 6
    blocks = data[6] & 3  # more raw blocks in one packet than one
    if not channels or blocks:
        return b""
    return (kind << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def _is_adts(data: bytes) -> bool:
    return len(data) > ADTS_BYTES and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


def _without_adts(data: bytes) -> bytes:
    return data[ADTS_BYTES if data[1] & 1 else ADTS_CHECKED_BYTES :]


def opus_samples(data: bytes) -> int:
    """Samples at 48 kHz in a packet (RFC 6716, 3.1)."""
    if not data:
        return 0
    length = OPUS_FRAMES[data[0] >> 3]
    frames = (1, 2, 2, (data[1] & 63) if len(data) > 1 else 1)[data[0] & 3]
    return length * max(1, frames)


def _opens(coding: Carried) -> bool:
    """Can a track be made of it?"""
    try:
        configure(av.CodecContext.create(CARRIED_SOUND[coding.codec], "w"), coding)
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _steady(coding: Carried, packets: Iterable[av.Packet]) -> bool:
    """Is it one stretch of one coding? A copy can't follow a change of rate or channels, nor a cut
    within a packet, such as edit lists with several parts have."""
    heads, trimmed = set(), bytearray()
    for packet in packets:
        heads.add(_head(coding, bytes(packet)))
        trimmed.append(packet.is_discard or packet.has_sidedata("skip_samples"))
        if len(heads) > 1:
            return False
    return 1 not in trimmed.strip(b"\x01")


def _head(coding: Carried, data: bytes) -> object:
    """What must not change from packet to packet."""
    if coding.codec == "mp3" and len(data) > 3:
        one_channel = data[3] >> 6 == 3
        return data[0], data[1] & 0xFE, data[2] & 0x0C, one_channel
    if coding.codec == "aac" and coding.strip is _without_adts:
        return adts_config(data)
    return None


def encoder(frame: av.AudioFrame) -> av.AudioCodecContext:
    """An AAC encoder for sound like this frame, open, at the next rate that AAC has."""
    rate = min((r for r in AAC_RATES if r >= frame.sample_rate), default=AAC_RATES[0])
    layout = named_layout(frame.layout)
    layout = SAME_SPEAKERS.get(layout, layout)
    try:
        return _encoder(rate, layout)
    except av.error.FFmpegError:
        return _encoder(rate, BY_COUNT[min(frame.layout.nb_channels, len(BY_COUNT)) - 1])


def _encoder(rate: int, layout: str) -> av.AudioCodecContext:
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = rate, layout, "fltp"
    context.bit_rate = BITS_PER_CHANNEL * av.AudioLayout(layout).nb_channels
    context.open()
    return context
