"""Files that are not the film but point at it: named for what they are, and never followed.

FFmpeg would not follow them here either: no protocol is allowed, and the process can open
nothing. But "damaged" would send people looking for the wrong fault.
"""

import os
import struct
from collections.abc import Iterator

from inference.media.child.refusals import Refused

HEAD_BYTES = 512
POINTER = "This is a Git LFS pointer, not the file that it stands for; fetch it with git lfs pull."
LIST = "This is a list that names other files; send the film itself."
PAGE = "This is a web page or a server's error message, not a film: the download went wrong."
PICTURE = "This is a picture, not a video; image sequences are not accepted either."
ELSEWHERE = "The file keeps its picture or its sound in another file; export it as one file."

# What a file begins with, after white space and a byte order mark.
BEGINNINGS = (
    (b"version https://git-lfs", POINTER), (b"#EXTM3U", LIST), (b"ffconcat", LIST),
    (b"v=0", LIST), (b"[playlist]", LIST), (b"[InternetShortcut]", LIST),
    (b"<MPD", LIST), (b"<smil", LIST), (b"<asx", LIST), (b"RTSPtext", LIST), (b"file ", LIST),
    (b"<SmoothStreamingMedia", LIST), (b"<manifest", LIST),
    (b"<!doctype html", PAGE), (b"<html", PAGE),
    (b"\x89PNG", PICTURE), (b"\xff\xd8\xff", PICTURE), (b"GIF8", PICTURE), (b"BM", PICTURE),
    (b"II*\0", PICTURE), (b"MM\0*", PICTURE),
)  # fmt: skip
XML = b"<?xml"
# What an XML document is in which films are named; any other is a server's message.
LIST_ELEMENTS = (b"<mpd", b"<playlist", b"<smil", b"<asx", b"<smoothstreaming", b"<manifest")
# Brands (ISO/IEC 23008-12) of files that hold pictures, in the same boxes as films.
PICTURE_BRANDS = {
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis",
}  # fmt: skip

# ISO/IEC 14496-12: a film's description lies in `moov`, where each track's media is in `dref`.
BOX = struct.Struct(">I4s")
LARGE_BOX = struct.Struct(">Q")
MOST_MOVIE_BYTES = 64 << 20
MOST_BOXES = 10_000
SELF_CONTAINED = 1
MEDIA_HANDLERS = (b"vide", b"soun")

Boxes = Iterator[tuple[bytes, memoryview]]


def refuse_references(fd: int) -> None:
    """Raises Refused unsupported_media for lists, pointers, pictures and references."""
    head = os.pread(fd, HEAD_BYTES, 0)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for beginning, sentence in BEGINNINGS:
        if text.lower().startswith(beginning.lower()):
            raise Refused("unsupported_media", sentence)
    if text.lower().startswith(XML):
        named = any(element in text.lower() for element in LIST_ELEMENTS)
        raise Refused("unsupported_media", LIST if named else PAGE)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        raise Refused("unsupported_media", PICTURE)
    if head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS:
        raise Refused("unsupported_media", PICTURE)
    if _refers(memoryview(_movie(fd))):
        raise Refused("unsupported_media", ELSEWHERE)


def _movie(fd: int) -> bytes:
    """The content of the first `moov` box; nothing where there is none that can be read."""
    position, end = 0, os.fstat(fd).st_size
    for _ in range(MOST_BOXES):
        head = os.pread(fd, BOX.size + LARGE_BOX.size, position)
        if len(head) < BOX.size:
            return b""
        size, kind = BOX.unpack_from(head)
        start = BOX.size
        if size == 1 and len(head) == BOX.size + LARGE_BOX.size:
            (size,), start = LARGE_BOX.unpack_from(head, BOX.size), len(head)
        if kind == b"moov":
            content = min(size or end, end - position) - start
            return os.pread(fd, max(0, min(content, MOST_MOVIE_BYTES)), position + start)
        if size < start or not kind.isalnum():
            return b""
        position += size
    return b""


def _refers(movie: memoryview) -> bool:
    for kind, content in _boxes(movie):
        if kind == b"rmra":  # QuickTime's list of alternative films
            return True
        if kind == b"trak" and _track_refers(content):
            return True
    return False


def _track_refers(track: memoryview) -> bool:
    media = _inside(track, b"mdia")
    handler = bytes(_inside(media, b"hdlr")[8:12])
    if handler not in MEDIA_HANDLERS:  # time codes and chapters are never read
        return False
    references = _inside(_inside(_inside(media, b"minf"), b"dinf"), b"dref")
    for _, entry in _boxes(references[8:]):
        flags = int.from_bytes(entry[1:4], "big")
        # Some cameras forget the flag, and name nothing.
        if not flags & SELF_CONTAINED and bytes(entry[4:]).strip(b"\0"):
            return True
    return False


def _inside(content: memoryview, wanted: bytes) -> memoryview:
    for kind, inner in _boxes(content):
        if kind == wanted:
            return inner
    return memoryview(b"")


def _boxes(content: memoryview) -> Boxes:
    position = 0
    while position + BOX.size <= len(content):
        size, kind = BOX.unpack_from(content, position)
        if size < BOX.size:
            return
        yield kind, content[position + BOX.size : position + size]
        position += size
