"""What is this file? Asked in a throw-away process."""

from pathlib import Path

from inference.media.info import MediaInfo
from inference.media.limits import MediaLimits
from inference.media.process import MediaProcess

PROBE_CPU_SECONDS = 60


def probe(path: str | Path, *, limits: MediaLimits | None = None) -> MediaInfo:
    """Read the headers, and decode the first picture and the first samples.

    Raises UnsupportedMedia, DamagedMedia, MediaTooLarge, MediaTimeout. A file with picture or
    sound alone is no error here: who needs both asks for both.
    """
    request = {"task": "probe", "cpu_seconds": PROBE_CPU_SECONDS}
    with MediaProcess(request, source=path, limits=limits or MediaLimits()) as process:
        return process.read("info", MediaInfo.from_mapping)
