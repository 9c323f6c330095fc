"""How long a sound file says that it lasts, where its kind says so exactly.

A cut download plays to where it was cut, without a fault on the way: only its head tells that more
was meant. An MP4's index tells the same by itself (`opening`).

A head may be wrong though, and players don't mind: nothing is refused unless bytes are missing.
"""

import os
import struct
from fractions import Fraction

from av.container import InputContainer

from inference.media.child import opening
from inference.media.child.refusals import Refused

# Kinds that are made of chunks: byte order, the name of the whole, and of the chunk of samples.
CHUNKED = {"wav": ("<", b"RIFF", b"data"), "aiff": (">", b"FORM", b"SSND")}
CHUNK_BYTES, FORM_BYTES = 8, 12
HEAD_BYTES = 1 << 16
# Programs that write into a pipe, as speech synthesizers do, can't know the size: they put 0 or one
# of the largest numbers (SoX 0x7F000000 in AIFF, others 0x7FFFF000, 0x7FFFFFFF or 0xFFFFFFFF).
UNKNOWN_BYTES = 0x7F000000
ID3_BYTES, ID3V1_BYTES = 10, 128  # the head of a tag in front, and all of one at the end
# LAME's and other coders' first frame tells how many bytes the sound has, and which of four numbers
# are there: that of frames before that of bytes.
COUNTED_MP3 = (b"Xing", b"Info")
HAS_FRAMES, HAS_BYTES = 1, 2
FLAC_POLYNOMIAL = 0x8005  # of the 16 bits that close each frame (RFC 9639)
MOST_MISSING = Fraction(1, 20)


def check_whole(fd: int, container: InputContainer, lasted: Fraction) -> None:
    """Raises Refused if more than a second, and a twentieth, of what was promised is missing.

    lasted: seconds that the sound could be read for.
    """
    family = container.format.name
    promised = lasted * _parts(fd, family)
    if family == "flac":
        promised = _samples_seconds(container)
    if promised - lasted <= max(Fraction(1), promised * MOST_MISSING):
        return
    if family == "flac" and _ends_with_a_whole_frame(fd):
        return  # a piece of a longer sound, under the head of that
    raise Refused(
        "damaged_media",
        f"The sound is cut short: it should last {float(promised):.1f} seconds,"
        f" and {float(lasted):.1f} are there.",
    )


def _parts(fd: int, family: str) -> Fraction:
    """The bytes that a sound should have, by those that it has; 1 where nothing is promised."""
    begins, size = 0, 0
    if family in CHUNKED:
        begins, size = _chunk(fd, *CHUNKED[family])
    elif family == "mp3":
        begins, size = _counted(fd)
    there = os.fstat(fd).st_size - begins
    return Fraction(max(size, there), there) if there > 0 and size else Fraction(1)


def _chunk(fd: int, order: str, form: bytes, wanted: bytes) -> tuple[int, int]:
    """Where the chunk's content begins and how many bytes it has; 0 if that isn't known.

    What the chunk and the file around it tell must agree that so much is meant. The large kinds,
    RF64 and W64, tell in another way.
    """
    head, chunk = os.pread(fd, HEAD_BYTES, 0), struct.Struct(order + "4sI")
    if len(head) < FORM_BYTES or not head.startswith(form):
        return 0, 0
    _, whole = chunk.unpack_from(head)
    place = FORM_BYTES
    while place + CHUNK_BYTES <= len(head):
        kind, size = chunk.unpack_from(head, place)
        place += CHUNK_BYTES
        if kind == wanted:
            known = max(size, whole) < UNKNOWN_BYTES
            return place, max(0, min(size, CHUNK_BYTES + whole - place)) if known else 0
        place += size + size % 2
    return 0, 0


def _counted(fd: int) -> tuple[int, int]:
    """Where an MP3's frames begin and how many bytes they have; 0 if that isn't told."""
    start = _after_id3(fd)
    first = os.pread(fd, 256, start)
    place = next((first.index(mark) for mark in COUNTED_MP3 if mark in first), len(first))
    told = first[place + 4 : place + 16].ljust(12, b"\0")
    flags, frames, size = struct.unpack(">III", told)
    if not flags & HAS_BYTES:
        return 0, 0
    size = size if flags & HAS_FRAMES else frames
    return start, size if size < UNKNOWN_BYTES else 0


def _after_id3(fd: int) -> int:
    head = os.pread(fd, ID3_BYTES, 0)
    if head[:3] != b"ID3":
        return 0
    # Four bytes of seven bits each.
    return ID3_BYTES + sum((byte & 127) << 7 * place for place, byte in enumerate(head[:5:-1]))


def _samples_seconds(container: InputContainer) -> Fraction:
    stream = container.streams.audio[0]
    return max(0, stream.duration or 0) * Fraction(stream.time_base or 0)


def _ends_with_a_whole_frame(fd: int) -> bool:
    last = b""
    with opening.opened(fd) as container:
        for packet in container.demux(container.streams.audio[0]):
            last = bytes(packet) or last
    if last[-ID3V1_BYTES:].startswith(b"TAG"):
        last = last[:-ID3V1_BYTES]
    return bool(last) and _flac_remainder(last) == 0


def _flac_remainder(frame: bytes) -> int:
    """0 for a frame and the check sum at its end."""
    remainder = 0
    for byte in frame:
        remainder ^= byte << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ (FLAC_POLYNOMIAL if remainder & 0x8000 else 0)
            remainder &= 0xFFFF
    return remainder
