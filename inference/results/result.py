"""What a finished run says of itself: figures that are billed, shown and checked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.media.info import ratio


@dataclass(frozen=True)
class SyncResult:
    """path: the finished mp4. duration: exact seconds of the delivered frames. synced_frames:
    those with a new mouth, bridged ones too. passed_through: first and last frame of each stretch
    that was left as it was. report, faces: what report.json and faces.json hold."""

    path: Path
    frames: int
    synced_frames: int
    passed_through: list[tuple[int, int]]
    frame_rate: Fraction
    duration: Fraction
    width: int
    height: int
    size_bytes: int
    sha256: str
    model: dict[str, Any]
    device: str
    steps: int
    guidance: float
    seed: int
    stage_seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    report: Mapping[str, Any] = field(default_factory=dict)
    faces: Mapping[str, Any] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready, without the path, which is the caller's own business, and without report and
        faces, which are files of their own."""
        mapping = asdict(self)
        for name in ("path", "duration", "report", "faces"):
            del mapping[name]
        return mapping | {
            "frame_rate": ratio(self.frame_rate),
            "duration_numerator": self.duration.numerator,
            "duration_denominator": self.duration.denominator,
            "passed_through": [list(stretch) for stretch in self.passed_through],
        }
