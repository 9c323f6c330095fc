"""What a file is, by its name."""

from pathlib import PurePosixPath

# What may open inside a page. Anything else is bytes to be saved, whatever it calls itself.
SHOWN = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".jpg": "image/jpeg",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
}
BYTES = "application/octet-stream"


def content_type(name: str, *, inline: bool = True) -> str:
    return SHOWN.get(PurePosixPath(name).suffix.lower(), BYTES) if inline else BYTES
