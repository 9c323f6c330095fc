"""How much of a Matroska or WebM file is missing, by its own word."""

import os

HEAD_BYTES = 4096
# RFC 8794: an element is an identifier, a size and its content. RFC 9559: a file is a head and then
# one segment, in which everything lies.
HEAD, SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"
MOST_SIZE_BYTES = 8


def missing_bytes(fd: int) -> int:
    """0 for a whole file, for one whose writer couldn't know its size, and for any other kind."""
    head = os.pread(fd, HEAD_BYTES, 0)
    if not head.startswith(HEAD):
        return 0
    size, place = _size(head, len(HEAD))
    if size is None or head[place + size : place + size + len(SEGMENT)] != SEGMENT:
        return 0
    size, place = _size(head, place + size + len(SEGMENT))
    return 0 if size is None else max(0, place + size - os.fstat(fd).st_size)


def _size(data: bytes, place: int) -> tuple[int | None, int]:
    """A size, None where it isn't known, and where what follows it begins."""
    first = data[place] if place < len(data) else 0
    length = MOST_SIZE_BYTES + 1 - first.bit_length()
    if not first or place + length > len(data):
        return None, place
    value = int.from_bytes(data[place : place + length], "big") - (1 << 7 * length)
    unknown = (1 << 7 * length) - 1
    return None if value == unknown else value, place + length
