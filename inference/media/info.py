"""What a media file says about itself, as plain data that survives JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, ClassVar


@dataclass(frozen=True)
class ColorTags:
    """ISO/IEC 23091-2 numbers, as FFmpeg counts them; 2 (0 for the range) means not said."""

    matrix: int = 2
    range: int = 0
    transfer: int = 2
    primaries: int = 2

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "ColorTags":
        return cls(**{name: int(mapping[name]) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Grading:
    """The display that an HDR film was graded on, and how bright it gets (SMPTE ST 2086 and
    CTA-861.3), in the units of HEVC's messages.

    values: x and y of red, green, blue and white in 1/50000; highest and lowest luminance in
    1/10000 cd/m2; MaxCLL and MaxFALL in cd/m2, 0 for not said.
    """

    CHROMATICITY: ClassVar[int] = 50_000
    LUMINANCE: ClassVar[int] = 10_000

    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.values) != 12 or not all(0 <= value < 1 << 32 for value in self.values):
            raise ValueError("impossible grading")

    def x265(self) -> str:
        """As x265's parameters."""
        rx, ry, gx, gy, bx, by, wx, wy, high, low, peak, average = self.values
        display = f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})"
        return f"master-display={display}:max-cll={peak},{average}"


@dataclass(frozen=True)
class VideoInfo:
    """The first picture stream. Width and height are as seen, after `rotation` (degrees, counter-
    clockwise, already taken into account: results carry none)."""

    codec: str
    width: int
    height: int
    frame_rate: Fraction
    frames: int | None
    rotation: int
    pix_fmt: str
    tags: ColorTags
    playable_in_browser: bool

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "VideoInfo":
        return cls(
            codec=str(mapping["codec"])[:32],
            width=int(mapping["width"]),
            height=int(mapping["height"]),
            frame_rate=Fraction(mapping["frame_rate"]),
            frames=None if mapping["frames"] is None else int(mapping["frames"]),
            rotation=int(mapping["rotation"]),
            pix_fmt=str(mapping["pix_fmt"])[:32],
            tags=ColorTags.from_mapping(mapping["tags"]),
            playable_in_browser=bool(mapping["playable_in_browser"]),
        )

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self) | {"frame_rate": ratio(self.frame_rate)}


@dataclass(frozen=True)
class AudioInfo:
    """The first sound stream; `duration` in seconds, None where the file doesn't say."""

    codec: str
    sample_rate: int
    channels: int
    duration: Fraction | None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "AudioInfo":
        duration = mapping["duration"]
        return cls(
            codec=str(mapping["codec"])[:32],
            sample_rate=int(mapping["sample_rate"]),
            channels=int(mapping["channels"]),
            duration=None if duration is None else Fraction(duration),
        )

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self) | {"duration": self.duration and ratio(self.duration)}


@dataclass(frozen=True)
class MediaInfo:
    """A file that can be opened; `duration` is exact seconds (the longer of its streams)."""

    container: str
    duration: Fraction
    size_bytes: int
    video: VideoInfo | None
    audio: AudioInfo | None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "MediaInfo":
        video, audio = mapping["video"], mapping["audio"]
        return cls(
            container=str(mapping["container"])[:32],
            duration=Fraction(mapping["duration"]),
            size_bytes=int(mapping["size_bytes"]),
            video=video and VideoInfo.from_mapping(video),
            audio=audio and AudioInfo.from_mapping(audio),
        )

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready: fractions as "numerator/denominator", `duration_seconds` beside them."""
        return {
            "container": self.container,
            "duration": ratio(self.duration),
            "duration_seconds": round(float(self.duration), 3),
            "size_bytes": self.size_bytes,
            "video": self.video and self.video.to_mapping(),
            "audio": self.audio and self.audio.to_mapping(),
        }


def ratio(value: Fraction) -> str:
    """Always with its denominator, "25/1": a reader never has to ask which of two forms it is."""
    return f"{value.numerator}/{value.denominator}"
