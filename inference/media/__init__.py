"""Files that strangers sent, opened only in a throw-away process that can do nothing else.

Free of torch and of Django. This side never parses a byte of those files: it starts the media
process (`child/`), reads its messages with a deadline, and reaps it whatever happens.
"""

from inference.media.info import AudioInfo, MediaInfo, VideoInfo
from inference.media.limits import MediaLimits
from inference.media.preview import Preview, make_preview
from inference.media.probe import probe
from inference.media.sound import Sound, read_sound
from inference.media.source import Frames, open_frames

__all__ = [
    "AudioInfo",
    "Frames",
    "MediaInfo",
    "MediaLimits",
    "Preview",
    "Sound",
    "VideoInfo",
    "make_preview",
    "open_frames",
    "probe",
    "read_sound",
]
