"""How large a stranger's file may be, and what the process that opens it may use."""

from dataclasses import asdict, dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class MediaLimits:
    """Read from the file's headers before anything is decoded; the decoder holds to them too."""

    max_side: int = 4096
    max_pixels: int = 4096 * 2304
    max_seconds: int = 6 * 3600
    max_frame_rate: int = 240
    max_bytes: int = 8 << 30
    # Of the media process: address space, and processor seconds in all. A 4K HEVC decoder with
    # its reference pictures needs about 1 GiB; an hour of 1080p about 1200 seconds.
    memory_bytes: int = 3072 * MEBIBYTE
    cpu_seconds: int = 12 * 3600
    # So much work without a message, in processor seconds, means that the file leads the decoder
    # nowhere; so much time without one and without that work, that the machine has none to give.
    silence_seconds: int = 60
    stalled_seconds: int = 240

    def to_mapping(self) -> dict[str, int]:
        return asdict(self)
