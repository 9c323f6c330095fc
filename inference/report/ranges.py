"""What became of each frame, kept as stretches of frames that fared alike."""

from array import array
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

SYNCED, BRIDGED, PASSED = "synced", "bridged", "passed_through"
STATES = (SYNCED, BRIDGED, PASSED)


class FrameLog:
    """Counts frames by state and keeps the stretches that were not simply synced.

    Columns of numbers, not objects: an hour in which every other frame has no face makes some
    50,000 stretches, here 2 MB.
    """

    def __init__(self) -> None:
        self.counts = dict.fromkeys(STATES, 0)
        self._kinds: list[tuple[str, str]] = []
        self._first, self._last, self._kind = array("q"), array("q"), array("H")
        self._from, self._to = array("d"), array("d")

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def add(self, index: int, state: str, reason: str, seconds: Fraction | float | None) -> None:
        """Frames come in the order of the result. seconds: when it is shown, if that is known."""
        self.counts[state] += 1
        if state == SYNCED:
            return
        moment = -1.0 if seconds is None else float(seconds)
        self._put(index, index, self._number((state, reason)), moment, moment)

    def _put(self, first: int, last: int, kind: int, start: float, end: float) -> None:
        if self._last and self._last[-1] == first - 1 and self._kind[-1] == kind:
            self._last[-1], self._to[-1] = last, end
            return
        self._first.append(first)
        self._last.append(last)
        self._kind.append(kind)
        self._from.append(start)
        self._to.append(end)

    def _number(self, kind: tuple[str, str]) -> int:
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rows = zip(self._first, self._last, self._kind, self._from, self._to, strict=True)
        for first, last, kind, start, end in rows:
            state, reason = self._kinds[kind]
            yield {
                "state": state,
                "reason": reason or None,
                "first": first,
                "last": last,
                "from_seconds": None if start < 0 else round(start, 6),
                "to_seconds": None if end < 0 else round(end, 6),
            }

    def state(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "ranges": list(self)}

    def absorb(self, state: dict[str, Any]) -> None:
        """Append what another log noted of the frames after these."""
        for name, count in state["counts"].items():
            self.counts[name] += int(count)
        for row in state["ranges"]:
            start, end = (
                -1.0 if row[name] is None else row[name] for name in ("from_seconds", "to_seconds")
            )
            kind = self._number((row["state"], row["reason"] or ""))
            self._put(row["first"], row["last"], kind, start, end)
