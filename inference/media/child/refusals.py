"""Errors of the media process: a code that the parent knows, and a sentence."""

import av

from inference.media.sandbox import SandboxUnavailable


class Refused(Exception):
    """The file can't be used; `code` is one of inference.errors."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def refused(error: Exception) -> Refused:
    """What the parent is told of any exception. FFmpeg's own words stay here."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, SandboxUnavailable):
        return Refused("engine_fault", str(error))
    if isinstance(error, MemoryError):
        return Refused("media_too_large", "Decoding this file takes more memory than is allowed.")
    if isinstance(error, av.error.FFmpegError):
        return Refused("damaged_media", "The file is damaged: its content can't be decoded.")
    return Refused("engine_fault", f"The media process failed: {type(error).__name__}: {error}")
