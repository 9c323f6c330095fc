"""AAC as ADTS frames: each packet carries its own rate and channels, and needs nothing else."""

from collections.abc import Callable

import av

Framing = Callable[[bytes], bytes]

SAMPLES_PER_PACKET = 1024
RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
# Channel layouts of configurations 1 to 6; more channels are mixed down to the last.
LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1")
BITS_PER_CHANNEL = 128_000
LOW_COMPLEXITY = 2  # audio object type
HEADER_BYTES = 7
MAX_FRAME_BYTES = (1 << 13) - 1


def copyable(stream: av.AudioStream, frame: av.AudioFrame) -> Framing | None:
    """How to pass on a stream's packets as they are, or None if it must be coded anew.

    Copied are plain AAC-LC and MP3: what every player of mp4 files plays.
    """
    name = stream.codec_context.codec.canonical_name
    if frame.sample_rate not in RATES:
        return None
    if name == "mp3":
        return bytes
    if name != "aac" or stream.codec_context.profile != "LC":
        return None
    config = stream.codec_context.extradata
    return _from_config(config, frame) if config else _as_is


def _from_config(config: bytes, frame: av.AudioFrame) -> Framing | None:
    """For packets without headers: read the AudioSpecificConfig that they come with."""
    if len(config) < 2:
        return None
    bits = int.from_bytes(config[:2], "big")
    kind, rate, channels, flags = bits >> 11, bits >> 7 & 15, bits >> 3 & 15, bits & 7
    # Spectral band replication doubles the rate behind the configuration's back.
    plain = rate < len(RATES) and RATES[rate] == frame.sample_rate
    if kind != LOW_COMPLEXITY or not plain or not 1 <= channels <= 7 or flags:
        return None
    return lambda data: adts(data, rate, channels)


def _as_is(data: bytes) -> bytes:
    """Packets of a raw stream have their headers already."""
    return data


def encoder(frame: av.AudioFrame) -> tuple[av.AudioCodecContext, Framing]:
    """An AAC encoder for sound like this frame, and the framing of its packets."""
    channels = min(frame.layout.nb_channels, len(LAYOUTS))
    rate = min((r for r in RATES if r >= frame.sample_rate), default=RATES[0])
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = (
        rate,
        LAYOUTS[channels - 1],
        "fltp",
    )
    context.bit_rate = BITS_PER_CHANNEL * channels
    return context, lambda data: adts(data, RATES.index(rate), channels)


def adts(data: bytes, rate: int, channels: int) -> bytes:
    """Put the header of ISO/IEC 13818-7 before a raw AAC-LC packet."""
    size = len(data) + HEADER_BYTES
    if size > MAX_FRAME_BYTES:
        raise av.error.InvalidDataError(0, "AAC packet too long")
    head = 0xFFF1 << 40  # sync word, MPEG-4, no CRC
    head |= (LOW_COMPLEXITY - 1) << 38 | rate << 34 | channels << 30
    head |= size << 13 | 0x7FF << 2  # buffer fullness: variable rate
    return head.to_bytes(HEADER_BYTES, "big") + data
