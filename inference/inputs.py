"""Are these two files a film and a voice? Asked before anything heavy is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.errors import NoAudio, NoVideo
from inference.media import MediaInfo, probe


@dataclass(frozen=True)
class Inputs:
    video: MediaInfo
    audio: MediaInfo


def check_inputs(video: Path, audio: Path, more: Sequence[Path] = ()) -> Inputs:
    """Probe them all; more: sounds that single speakers have. Raises NoVideo, NoAudio, and what
    probe() raises."""
    inputs = Inputs(probe(video), probe(audio))
    if inputs.video.video is None:
        raise NoVideo("The video file has no video stream.")
    if inputs.audio.audio is None:
        raise NoAudio("The audio file has no sound stream.")
    for sound in more:
        if probe(sound).audio is None:
            raise NoAudio(f"The speaker's sound {sound.name} has no sound stream.")
    return inputs
