"""Running sums behind the figures of the picture. Each is defined in docs/report.md."""

from dataclasses import asdict, dataclass, field
from typing import Any

# Under these a difference is the rounding to whole levels, no property of the picture.
LEAST_VARIANCE = 1.0  # levels squared, of the Laplacian
LEAST_STEP = 0.25  # levels
START_FRAMES = 25  # "the start" of a film, for its flicker


@dataclass
class Worst:
    """The worst value seen, and at which frame. Larger is worse."""

    value: float | None = None
    frame: int | None = None

    def see(self, value: float, frame: int) -> None:
        if self.value is None or value > self.value:
            self.value, self.frame = value, frame

    def absorb(self, other: dict[str, Any]) -> None:
        if other["value"] is not None:
            self.see(float(other["value"]), int(other["frame"]))


@dataclass
class Figure:
    """Sums that can be written down and added to others: what a segment leaves for the report."""

    count: int = 0

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def absorb(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            mine = getattr(self, name)
            if isinstance(mine, Worst):
                mine.absorb(value)
            else:
                setattr(self, name, mine + value)


@dataclass
class Sharpness(Figure):
    """Variance of the Laplacian inside the patch: the source's and the result's."""

    source: float = 0.0
    result: float = 0.0
    worst: Worst = field(default_factory=Worst)

    def add(self, frame: int, source: float, result: float) -> None:
        self.count += 1
        self.source += source
        self.result += result
        self.worst.see(-_ratio(result, source, LEAST_VARIANCE), frame)

    def figure(self) -> dict[str, Any] | None:
        if not self.count:
            return None
        source, result = self.source / self.count, self.result / self.count
        assert self.worst.value is not None
        return {
            "source": round(source, 3),
            "result": round(result, 3),
            "ratio": round(_ratio(result, source, LEAST_VARIANCE), 4),
            "lowest": {"ratio": round(-self.worst.value, 4), "frame": self.worst.frame},
        }


@dataclass
class Seam(Figure):
    """Steps from one pixel to the next across the patch's border, in levels."""

    source: float = 0.0
    result: float = 0.0
    added: float = 0.0
    worst: Worst = field(default_factory=Worst)

    def add(self, frame: int, source: float, result: float, added: float) -> None:
        self.count += 1
        self.source += source
        self.result += result
        self.added += added
        self.worst.see(added, frame)

    def figure(self) -> dict[str, Any] | None:
        if not self.count:
            return None
        assert self.worst.value is not None
        return {
            "source": round(self.source / self.count, 3),
            "result": round(self.result / self.count, 3),
            "added": round(self.added / self.count, 3),
            "largest": {"added": round(self.worst.value, 3), "frame": self.worst.frame},
        }


@dataclass
class Flicker(Figure):
    """Differences between a frame and the next, in levels; `start_*` of the film's first ones."""

    result: float = 0.0
    source: float = 0.0
    around: float = 0.0
    start_count: int = 0
    start_result: float = 0.0
    start_around: float = 0.0

    def add(self, frame: int, result: float, source: float, around: float) -> None:
        self.count += 1
        self.result += result
        self.source += source
        self.around += around
        if frame < START_FRAMES:
            self.start_count += 1
            self.start_result += result
            self.start_around += around

    def figure(self) -> dict[str, Any] | None:
        if not self.count:
            return None
        result, source, around = (
            total / self.count for total in (self.result, self.source, self.around)
        )
        start = None
        if self.start_count:
            start = _ratio(
                self.start_result / self.start_count,
                self.start_around / self.start_count,
                LEAST_STEP,
            )
        return {
            "result": round(result, 3),
            "source": round(source, 3),
            "around": round(around, 3),
            "ratio": round(_ratio(result, around, LEAST_STEP), 3),
            "source_ratio": round(_ratio(source, around, LEAST_STEP), 3),
            "start_ratio": None if start is None else round(start, 3),
        }


@dataclass
class Enlargement(Figure):
    """Pixels of the frame for a pixel of the model's square."""

    total: float = 0.0
    worst: Worst = field(default_factory=Worst)

    def add(self, frame: int, scale: float) -> None:
        self.count += 1
        self.total += scale
        self.worst.see(scale, frame)

    def figure(self) -> dict[str, Any] | None:
        if not self.count:
            return None
        assert self.worst.value is not None
        return {
            "mean": round(self.total / self.count, 3),
            "largest": round(self.worst.value, 3),
            "frame": self.worst.frame,
        }


def _ratio(part: float, whole: float, least: float) -> float:
    return max(part, least) / max(whole, least)
