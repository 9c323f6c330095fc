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
    hint = "Use footage in which a face is large enough and looks roughly towards the camera."


class BadOption(Refusal):
    """An option is unknown, of the wrong type, or outside its range."""

    code = "bad_option"
    hint = "Correct what is named, or leave it out for its default."


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

    hint = "Put the file there, or name a complete bundle (--bundle; workers: MODEL_BUNDLE)."


class WrongChecksum(BadCheckpoint):
    """A file is not byte for byte the one that the manifest names."""


class UnreadableCheckpoint(BadCheckpoint):
    """Not a format of weights that can be read as data alone, or cut short."""


class CutOffDownload(UnreadableCheckpoint):
    """The file ends before what its own first bytes promise."""

    hint = "Fetch it again: the download ended before the file did."


class PointerFile(UnreadableCheckpoint):
    """Git LFS left its three lines of text where the file should be."""

    hint = "Run `git lfs pull` where it was cloned, or fetch the file itself."


class WebPage(UnreadableCheckpoint):
    """A page was saved in the file's place, as a browser or curl does when a sign-in is asked."""

    hint = "Sign in where the file is published, accept its terms, and fetch it again."


class UnsafePickle(UnreadableCheckpoint):
    """Reading it would run code. It was not run."""

    hint = "Weights need no code: take the file from its publisher, or one in safetensors."


class MissingVae(MissingCheckpoint):
    """The VAE's folder lacks its weights or its config.json."""

    hint = "Fetch diffusion_pytorch_model.safetensors and config.json of stabilityai/sd-vae-ft-mse."


class WrongVae(BadCheckpoint):
    """The VAE's latents are not those that the UNet works on."""

    hint = "LatentSync takes stabilityai/sd-vae-ft-mse."


class WrongEncoder(BadCheckpoint):
    """A Whisper of another size than the UNet listens to."""

    hint = "LatentSync listens through Whisper's tiny model (tiny.pt, width 384)."


class WrongDetector(BadCheckpoint):
    """A face finder's file is another network than its role says."""

    hint = "InsightFace's buffalo_l has both files: det_10g.onnx and 2d106det.onnx."

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is not the network that its role asks for: {why}.")


class BadManifest(BadCheckpoint):
    """The bundle's manifest does not say what loading needs to know."""

    hint = "Write the manifest again; the docstring of inference/model/manifest.py shows one."


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


class UnfitNumbers(WrongWeights):
    """NaN, infinity, or more than half precision can hold (65504)."""

    hint = "Fetch the file again; if it stays so, its publisher must mend it."
    what = "has numbers that are none, or too large for half precision"


class FetchFailed(EngineError):
    """A file could not be brought from where it is published. What came is kept for a next try."""

    code = "fetch_failed"
    hint = "Run the same command again: it goes on where it stopped."


class ChangedAtSource(FetchFailed):
    """The publisher's file is not the one that was fetched at first use."""

    hint = "If you trust the change, remove the file's entry from the book of hashes."


class LicenseNotAccepted(Refusal):
    """Nobody said yes to the licences of the files that were asked for."""

    code = "license_not_accepted"
    hint = "Read them, then answer yes or say --accept-licenses."


class EngineFault(EngineError):
    """Something of ours broke; another attempt may succeed."""

    code = "engine_fault"
    hint = "Try again; if it happens twice, tell us with the job's id."
