"""What a finished run says of itself: figures that are billed, shown and checked."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.media.info import ratio


@dataclass(frozen=True)
class SyncResult:
    """path: the finished mp4. duration: exact seconds of the delivered frames. passed_through:
    first and last frame of each stretch without a usable face, which was left as it was."""

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

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready, without the path: that is the caller's own business."""
        mapping = asdict(self)
        del mapping["path"], mapping["duration"]
        return mapping | {
            "frame_rate": ratio(self.frame_rate),
            "duration_numerator": self.duration.numerator,
            "duration_denominator": self.duration.denominator,
            "passed_through": [list(stretch) for stretch in self.passed_through],
        }


def stretches(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers, first and last of each: 1 2 3 7 -> (1, 3), (7, 7)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
