"""How long a sound file says that it lasts, where its kind says so exactly.

A cut download plays to where it was cut, without a fault on the way: only its header tells that
more was meant. An MP4's index tells the same by itself (`opening`).
"""

import os
import struct
from fractions import Fraction

from av.container import InputContainer

from inference.media.child.refusals import Refused

CHUNK = struct.Struct("<4sI")
FORMAT = struct.Struct("<HHII")  # tag, channels, samples a second, bytes a second
# Plain samples: integers, floats, A-law, mu-law, and those described further on. Of packed kinds
# the bytes a second are a rough word of their writer's.
PLAIN_TAGS = (1, 3, 6, 7, 0xFFFE)
HEAD_BYTES = 1 << 16
# Programs that write into a pipe, as speech synthesizers do, can't know the size: they put 0 or one
# of the largest numbers.
UNKNOWN_BYTES = 0x7FFF0000
ID3_BYTES = 10
# LAME's and other coders' first frame counts those that follow; without it, length is a guess.
COUNTED_MP3 = (b"Xing", b"Info")
MOST_MISSING = Fraction(1, 20)


def promised_seconds(fd: int, container: InputContainer) -> Fraction:
    """0 where nothing is promised."""
    family, stream = container.format.name, container.streams.audio[0]
    if family == "wav":
        return _wave_seconds(fd)
    exact = family in ("flac", "aiff") or (family == "mp3" and _is_counted(fd))
    if not exact or not stream.duration or stream.duration < 0:
        return Fraction(0)
    return stream.duration * Fraction(stream.time_base or 0)


def check_kept(promised: Fraction, lasted: Fraction) -> None:
    """Raises Refused if more than a second, and a twentieth, of what was promised is missing."""
    if promised - lasted > max(Fraction(1), promised * MOST_MISSING):
        raise Refused(
            "damaged_media",
            f"The sound is cut short: it should last {float(promised):.1f} seconds,"
            f" and {float(lasted):.1f} are there.",
        )


def _wave_seconds(fd: int) -> Fraction:
    head, place, rate = os.pread(fd, HEAD_BYTES, 0), 12, 0
    if head[:4] != b"RIFF":  # the large kinds, RF64 and W64, tell in another way
        return Fraction(0)
    while place + CHUNK.size <= len(head):
        kind, size = CHUNK.unpack_from(head, place)
        if kind == b"fmt " and place + CHUNK.size + FORMAT.size <= len(head):
            tag, _, _, told = FORMAT.unpack_from(head, place + CHUNK.size)
            rate = told if tag in PLAIN_TAGS else 0
        if kind == b"data":
            known = rate and size < UNKNOWN_BYTES
            return Fraction(size, rate) if known else Fraction(0)
        place += CHUNK.size + size + size % 2
    return Fraction(0)


def _is_counted(fd: int) -> bool:
    head = os.pread(fd, ID3_BYTES, 0)
    start = 0
    if head[:3] == b"ID3":
        # Four bytes of seven bits each.
        start = ID3_BYTES + sum((byte & 127) << 7 * place for place, byte in enumerate(head[:5:-1]))
    first = os.pread(fd, 256, start)
    return any(mark in first for mark in COUNTED_MP3)
