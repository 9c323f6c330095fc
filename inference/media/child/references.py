"""Files that are not the film but point at it: named for what they are, and never followed.

FFmpeg would not follow them here either: no protocol is allowed, and the process can open
nothing. But "damaged" would send people looking for the wrong fault.
"""

import os

from inference.media.child.boxes import boxes, handler, inside, movie
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

# ISO/IEC 14496-12: where a track's media is, `dref` tells.
SELF_CONTAINED = 1
MEDIA_HANDLERS = (b"vide", b"soun")


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
    if _refers(movie(fd)):
        raise Refused("unsupported_media", ELSEWHERE)


def _refers(described: memoryview) -> bool:
    for kind, content in boxes(described):
        if kind == b"rmra":  # QuickTime's list of alternative films
            return True
        if kind == b"trak" and _track_refers(content):
            return True
    return False


def _track_refers(track: memoryview) -> bool:
    if handler(track) not in MEDIA_HANDLERS:  # time codes and chapters are never read
        return False
    references = inside(track, b"mdia", b"minf", b"dinf", b"dref")
    for _, entry in boxes(references[8:]):
        flags = int.from_bytes(entry[1:4], "big")
        # Some cameras forget the flag, and name nothing.
        if not flags & SELF_CONTAINED and bytes(entry[4:]).strip(b"\0"):
            return True
    return False
