"""The boxes of an MP4 or MOV (ISO/IEC 14496-12), as far as FFmpeg doesn't tell what is in them."""

import os
import struct
from collections.abc import Iterator
from fractions import Fraction

BOX = struct.Struct(">I4s")
LARGE_BOX = struct.Struct(">Q")
MOST_MOVIE_BYTES = 64 << 20
MOST_BOXES = 10_000
PICTURES = b"vide"
# After their version: creation, change and ticks a second; how long an edit lasts, and two more.
TIMESCALES = (struct.Struct(">4xIII"), struct.Struct(">4xQQI"))
EDITS = (struct.Struct(">Iii"), struct.Struct(">Qqi"))
EDITS_AT = 8


def movie(fd: int) -> memoryview:
    """The content of the first `moov` box, which describes the film; nothing where there is none
    that can be read."""
    position, end = 0, os.fstat(fd).st_size
    for _ in range(MOST_BOXES):
        head = os.pread(fd, BOX.size + LARGE_BOX.size, position)
        if len(head) < BOX.size:
            break
        size, kind = BOX.unpack_from(head)
        start = BOX.size
        if size == 1 and len(head) == BOX.size + LARGE_BOX.size:
            (size,), start = LARGE_BOX.unpack_from(head, BOX.size), len(head)
        if kind == b"moov":
            content = min(size or end, end - position) - start
            content = max(0, min(content, MOST_MOVIE_BYTES))
            return memoryview(os.pread(fd, content, position + start))
        if size < start or not kind.isalnum():
            break
        position += size
    return memoryview(b"")


def boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    while position + BOX.size <= len(content):
        size, kind = BOX.unpack_from(content, position)
        if size < BOX.size:
            return
        yield kind, content[position + BOX.size : position + size]
        position += size


def inside(content: memoryview, *path: bytes) -> memoryview:
    """The first box of each name within the one before; nothing if one is missing."""
    for wanted in path:
        found = (inner for kind, inner in boxes(content) if kind == wanted)
        content = next(found, memoryview(b""))
    return content


def handler(track: memoryview) -> bytes:
    """What kind of media a `trak` is of."""
    return bytes(inside(track, b"mdia", b"hdlr")[8:12])


def picture_ends(fd: int) -> tuple[Fraction, Fraction] | None:
    """When the picture is over by the edit list, in seconds, and how exactly that is known; None
    where there is no edit list."""
    described = movie(fd)
    tracks = (content for kind, content in boxes(described) if kind == b"trak")
    track = next((each for each in tracks if handler(each) == PICTURES), memoryview(b""))
    ticks, second = _edited(inside(track, b"edts", b"elst")), _timescale(inside(described, b"mvhd"))
    return (Fraction(ticks, second), Fraction(1, second)) if ticks and second else None


def _timescale(header: memoryview) -> int:
    layout = TIMESCALES[bool(header and header[0])]
    return int(layout.unpack_from(header)[2]) if len(header) >= layout.size else 0


def _edited(edits: memoryview) -> int:
    """Ticks of the film that all parts last together, those without a picture included."""
    layout = EDITS[bool(edits and edits[0])]
    whole = (len(edits) - EDITS_AT) // layout.size * layout.size
    return sum(edit[0] for edit in layout.iter_unpack(edits[EDITS_AT : EDITS_AT + max(0, whole)]))
