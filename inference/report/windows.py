"""Is what the network painted a picture at all? Asked of every window."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

OK, NOT_FINITE, CONSTANT = "ok", "not_finite", "constant"
# A real mouth varies by tens of levels; a network that failed paints one color.
LEAST_SPREAD = 0.5  # levels of 0..255, the standard deviation of one channel


def finding(decoded: Tensor, mouths: Tensor, shown: Tensor | None = None) -> str:
    """ "ok", "not_finite" or "constant" for one window, (frames, 3, R, R) in about -1..1.

    mouths: (frames, 3, n), a sample of each frame's mouth. shown: the same of the source's faces,
    (frames, 3, n) in 0..255; one color there is no fault of the network. The faults are those that
    are met: half precision that overflows, and a window that comes out black.
    """
    # A sum in fp32 is finite exactly if everything in it is: pixels are far from its largest value.
    if not bool(torch.isfinite(decoded.float().sum())):
        return NOT_FINITE
    flat = _spreads(mouths.clamp(-1, 1) * 127.5) < LEAST_SPREAD
    if shown is not None and bool(flat.any()):
        flat &= _spreads(shown.float()) >= LEAST_SPREAD
    return CONSTANT if bool(flat.any()) else OK


def _spreads(levels: Tensor) -> Tensor:
    """(frames, 3, n) -> (frames,): each frame's largest deviation within one channel."""
    return levels.std(dim=2, correction=0).amax(dim=1)


@dataclass
class WindowTally:
    """Findings of all windows; asking again about the same one is its second attempt."""

    count: int = 0
    values: int = 0
    clipped: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    last: int | None = None

    def add(self, first: int, mouths: Tensor, finding: str, *, again: bool | None = None) -> None:
        """first: the window's first frame in the result. mouths: a sample, (frames, 3, n)."""
        again = first == self.last if again is None else again
        self.last = first
        if again and finding == OK:
            self.findings[-1]["mended"] = True
        if not again:
            self.count += 1
            if finding != OK:
                last = first + len(mouths) - 1
                note = {"first": first, "last": last, "finding": finding, "mended": False}
                self.findings.append(note)
        if finding == OK:
            self.values += mouths.numel()
            self.clipped += int((mouths.abs() > 1).sum())

    def figure(self) -> dict[str, Any]:
        found = [note["finding"] for note in self.findings]
        return {
            "count": self.count,
            "not_finite": found.count(NOT_FINITE),
            "constant": found.count(CONSTANT),
            "mended": sum(note["mended"] for note in self.findings),
            "clipped_share": round(self.clipped / self.values, 6) if self.values else None,
            "findings": [dict(note) for note in self.findings],
        }

    def state(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "values": self.values,
            "clipped": self.clipped,
            "findings": [dict(note) for note in self.findings],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Be what state() told of, as if nothing had been added since."""
        self.count = self.values = self.clipped = 0
        self.findings, self.last = [], None
        self.absorb(state)

    def absorb(self, state: dict[str, Any]) -> None:
        self.count += int(state["count"])
        self.values += int(state["values"])
        self.clipped += int(state["clipped"])
        self.findings += [dict(note) for note in state["findings"]]
