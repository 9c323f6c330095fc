"""When picture and sound of a finished file begin and end, read back from the file itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.media.limits import MediaLimits
from inference.media.process import MediaProcess

TIMING_CPU_SECONDS = 600


@dataclass(frozen=True)
class Span:
    """One stream, in exact seconds. start, end: what is shown or heard of it. first, last: the
    times of its first and last packet, what an edit list cuts off included. packets: how many."""

    start: Fraction
    end: Fraction
    first: Fraction
    last: Fraction
    packets: int

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Span":
        times = {name: Fraction(mapping[name]) for name in ("start", "end", "first", "last")}
        return cls(packets=int(mapping["packets"]), **times)

    def to_mapping(self) -> dict[str, Any]:
        return {
            "start_seconds": round(float(self.start), 6),
            "end_seconds": round(float(self.end), 6),
            "packets": self.packets,
        }


@dataclass(frozen=True)
class Meant:
    """When packets were to begin, in seconds from the result's zero, before they were written."""

    video_first: Fraction
    video_last: Fraction
    sound_first: Fraction
    sound_last: Fraction


@dataclass(frozen=True)
class Timing:
    """frame: seconds of a usual frame. sound: None where there is none."""

    frame: Fraction
    video: Span
    sound: Span | None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Timing":
        return cls(
            frame=Fraction(mapping["frame"]),
            video=Span.from_mapping(mapping["video"]),
            sound=mapping["sound"] and Span.from_mapping(mapping["sound"]),
        )

    def to_mapping(self, meant: Meant | None = None) -> dict[str, Any]:
        """As in report.json; an offset above zero means that the sound comes late.

        meant: without it the sound is taken to begin at the first frame, and the offset at the end
        is not known: the two streams may well have been of different lengths.
        """
        start, end = self._offsets(meant)
        gap = self.sound.end - self.video.end if self.sound else None
        return {
            "frame_seconds": _rounded(self.frame),
            "video": self.video.to_mapping(),
            "sound": self.sound and self.sound.to_mapping(),
            "offset_start_seconds": _rounded(start),
            "offset_end_seconds": _rounded(end),
            "gap_end_seconds": _rounded(gap),
        }

    def _offsets(self, meant: Meant | None) -> tuple[Fraction | None, Fraction | None]:
        video, sound = self.video, self.sound
        if sound is None:
            return None, None
        if meant is None:
            return sound.start - video.start, None
        return (
            sound.first - meant.sound_first - (video.first - meant.video_first),
            sound.last - meant.sound_last - (video.last - meant.video_last),
        )


def _rounded(seconds: Fraction | None) -> float | None:
    return None if seconds is None else round(float(seconds), 6)


def read_timing(path: str | Path, *, limits: MediaLimits | None = None) -> Timing:
    """Read every packet's time, decode none. Raises NoVideo beside what probe() raises.

    It runs in the media process even though the file is ours: the sound in it is a stranger's.
    """
    request = {"task": "timing", "cpu_seconds": TIMING_CPU_SECONDS}
    with MediaProcess(request, source=path, limits=limits or MediaLimits()) as process:
        return process.read("timing", Timing.from_mapping)
