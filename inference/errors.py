"""What can go wrong in the engine, each with a stable code, one sentence and what to do about it.

A refusal is the input's fault (exit code 2, the user can mend it); everything else is ours (exit
code 1). Codes travel to the API and into usage records: never rename one.
"""

from collections.abc import Sequence
from pathlib import Path


class EngineError(Exception):
    """Base of all errors the engine raises on purpose; str() is one sentence for the user."""

    code = "engine_error"
    refusal = False
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class Refusal(EngineError):
    """The input can't be used as it is."""

    code = "refused"
    refusal = True


class UnsupportedMedia(Refusal):
    """Not a container or codec we open, whatever the file's name says."""

    code = "unsupported_media"
    hint = "Send a video as MP4, MOV or WebM and sound as WAV, MP3, M4A or FLAC."


class DamagedMedia(Refusal):
    """It began like a media file, but could not be decoded."""

    code = "damaged_media"
    hint = "Play the file to its end, export it again, and send the new copy."


class NoVideo(Refusal):
    """The file that should be a video has no picture."""

    code = "no_video_stream"
    hint = "Send a file with a video stream; a cover picture in a sound file does not count."


class NoAudio(Refusal):
    """The file that should be the voice has no sound."""

    code = "no_audio_stream"
    hint = "Send a file with a sound stream as the audio."


class MediaTooLarge(Refusal):
    """Too many pixels, seconds or bytes for the limits in force."""

    code = "media_too_large"
    hint = "Send a shorter or smaller clip, or ask for a higher limit."


class NoFace(Refusal):
    """Not one frame of the video has a face that can be used."""

    code = "no_face"
    hint = "Use footage in which one face looks roughly towards the camera."


class BadOption(Refusal):
    """An option is unknown, of the wrong type, or outside its range."""

    code = "bad_option"
    hint = "See the options' ranges in the documentation."


class Canceled(EngineError):
    """should_cancel() answered yes; nothing was delivered."""

    code = "canceled"
    hint = "Start it again if that was not meant."


class MediaTimeout(Refusal):
    """The media process made no headway for too long and was stopped."""

    code = "media_timeout"
    hint = "Export the file again with a common encoder; if it still takes too long, tell us."


class BadCheckpoint(EngineError):
    """A model file is missing, damaged, or not the network it should be. Nothing was loaded."""

    code = "bad_checkpoint"
    hint = "Fetch the file again and compare its checksum with its publisher's."


class MissingCheckpoint(BadCheckpoint):
    """A file of a model is not where it should be."""

    hint = "Put the file there, or point MODEL_BUNDLE at a complete bundle."


class WrongChecksum(BadCheckpoint):
    """A file is not byte for byte the one that the manifest names."""


class UnreadableCheckpoint(BadCheckpoint):
    """Not a format of weights that can be read as data alone, or cut short."""


class BadManifest(BadCheckpoint):
    """The bundle's manifest does not say what loading needs to know."""

    hint = "Write the manifest again; the docstring of inference/checkpoint.py shows one."


class WrongWeights(BadCheckpoint):
    """The file holds another network. Names the first keys, and how many there are of them."""

    hint = "Check that the file belongs to this role and version; nothing is loaded in part."
    what = "has weights that do not fit"

    def __init__(self, path: Path, first: Sequence[str], count: int) -> None:
        self.path, self.first, self.count = path, tuple(first), count
        more = ", ..." if count > len(first) else ""
        super().__init__(f"{path} {self.what}, {count} in all: {', '.join(first)}{more}")


class MissingWeights(WrongWeights):
    what = "lacks weights"


class UnknownWeights(WrongWeights):
    what = "has weights without a place in the network"


class MisshapenWeights(WrongWeights):
    what = "has weights of the wrong shape"


class EngineFault(EngineError):
    """Something of ours broke; another attempt may succeed."""

    code = "engine_fault"
    hint = "Try again; if it happens twice, tell us with the job's id."
