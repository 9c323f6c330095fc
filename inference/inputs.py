"""Are these two files a film and a voice? Asked before anything heavy is loaded."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import NoAudio, NoVideo, Refusal
from inference.media import MediaInfo, probe


@dataclass(frozen=True)
class Inputs:
    video: MediaInfo
    audio: MediaInfo


def check_inputs(
    video: Path, audio: Path, more: Sequence[Path] = (), *, named: bool = False
) -> Inputs:
    """Probe them all; more: sounds that single speakers have. named: errors name the file, for
    people who named it. Raises NoVideo, NoAudio, and what probe() raises."""
    with ThreadPoolExecutor(2) as pool:  # each waits for a process of its own
        probed = pool.map(lambda path: _probed(path, named), (video, audio))
        inputs = Inputs(*probed)
    if inputs.video.video is None:
        raise NoVideo(f"The video file{f' {video}' if named else ''} has no video stream.")
    if inputs.audio.audio is None:
        raise NoAudio(f"The audio file{f' {audio}' if named else ''} has no sound stream.")
    for sound in more:
        if _probed(sound, named).audio is None:
            raise NoAudio(f"The speaker's sound {sound.name} has no sound stream.")
    return inputs


def _probed(path: Path, named: bool) -> MediaInfo:
    try:
        return probe(path)
    except Refusal as error:
        if not named or str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}", hint=error.hint) from error


def tracks(
    video: Path, bundle: Path | None = None, *, thumbnails: bool = False
) -> list[dict[str, Any]]:
    """The faces of a film from its first frame to its last, as the option `face` counts them.

    bundle: whose finder looks; None takes the built-in one. Raises what open_frames() raises.
    """
    from inference.faces import make_finder
    from inference.faces.scout import Scout
    from inference.model.stand_ins import stand_in
    from inference.picture.align import Aligner

    network = stand_in("identity", bundle)
    finder = make_finder(network.finder, network.files)
    with Scout(video, finder, None, Aligner(network.resolution)) as scout:
        scout.plan.wait_for_end()
        found = scout.faces_json()["tracks"]
    if not thumbnails:
        found = [
            {name: value for name, value in track.items() if name != "thumbnail_jpeg"}
            for track in found
        ]
    return list(found)
