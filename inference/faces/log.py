"""Compact records of what was found out about every frame, for as many as a film has."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.faces.choice import Task
from inference.faces.face import REASONS
from inference.faces.packing import extend, pack_tail

Matrix = npt.NDArray[np.float32]


@dataclass
class Rows:
    """Frames of one track in the order of the source; 33 bytes a frame."""

    places: "array[int]" = field(default_factory=lambda: array("I"))
    reasons: "array[int]" = field(default_factory=lambda: array("B"))  # into REASONS
    bridged: "array[int]" = field(default_factory=lambda: array("B"))
    opacities: "array[float]" = field(default_factory=lambda: array("f"))
    matrices: "array[float]" = field(default_factory=lambda: array("f"))

    def add(
        self, place: int, reason: str, opacity: float, bridged: bool, matrix: Matrix | None
    ) -> None:
        self.places.append(place)
        self.reasons.append(REASONS.index(reason))
        self.bridged.append(bridged)
        self.opacities.append(opacity)
        self.matrices.extend([0.0] * 6 if matrix is None else matrix.ravel().tolist())

    def tail(self, start: int) -> dict[str, str]:
        """The rows from `start` on, for JSON; extend() takes them back."""
        return {name: pack_tail(column, start * width) for name, column, width in self._columns()}

    def extend(self, tail: Mapping[str, str]) -> None:
        for name, column, _ in self._columns():
            extend(column, tail[name])

    def _columns(self) -> "list[tuple[str, array[Any], int]]":
        return [
            ("places", self.places, 1),
            ("reasons", self.reasons, 1),
            ("bridged", self.bridged, 1),
            ("opacities", self.opacities, 1),
            ("matrices", self.matrices, 6),
        ]

    def append(self, later: "Rows") -> None:
        """Frames of the same person, after all that are here."""
        start = bisect_right(later.places, self.places[-1]) if self.places else 0
        self.extend(later.tail(start))

    def find(self, place: int) -> int | None:
        at = bisect_left(self.places, place)
        return at if at < len(self.places) and self.places[at] == place else None

    def usable(self, first: int, after: int) -> bool:
        """Whether any frame from `first` on, before `after`, has a mouth to paint."""
        begin, end = bisect_left(self.places, first), bisect_left(self.places, after)
        return not all(self.reasons[begin:end])

    def matrix(self, at: int) -> Matrix:
        return np.array(self.matrices[6 * at : 6 * at + 6], np.float32).reshape(2, 3)


@dataclass
class FaceLog:
    """Compact records of all frames. A frame's place counts from 0 without holes; its number is
    the source's, which may have some."""

    numbers: "array[int]" = field(default_factory=lambda: array("I"))
    times: "array[float]" = field(default_factory=lambda: array("d"))  # seconds
    people: "array[int]" = field(default_factory=lambda: array("B"))  # faces seen, up to 255
    tracks: dict[int, Rows] = field(default_factory=dict)
    settled: int = 0  # places below are decided for every track
    finished: bool = False

    def place(self, number: int) -> int | None:
        at = bisect_left(self.numbers, number)
        return at if at < len(self.numbers) and self.numbers[at] == number else None

    def rows(self, track: int) -> Rows:
        return self.tracks.setdefault(track, Rows())

    def reason(self, track: int, place: int) -> str:
        """Why one track has no mouth there; "" if it has one, or was not seen."""
        rows = self.tracks.get(track)
        at = None if rows is None else rows.find(place)
        return "" if rows is None or at is None else REASONS[rows.reasons[at]]

    def is_empty(self, place: int) -> bool:
        """Nobody was seen there, and nobody is tracked through it."""
        unseen = (rows.find(place) is None for rows in self.tracks.values())
        return not self.people[place] and all(unseen)

    def rename(self, old: int, new: int) -> None:
        """One track turns out to be another, or gets its number."""
        later = self.tracks.pop(old, None)
        if later is not None:
            self.rows(new).append(later)

    def state(self, frames: int, rows: Mapping[str, int]) -> dict[str, Any]:
        """For JSON: what came after so many frames and, by track, rows (see counts())."""
        return {
            "numbers": pack_tail(self.numbers, frames),
            "times": pack_tail(self.times, frames),
            "people": pack_tail(self.people, frames),
            "tracks": {
                str(track): kept.tail(rows.get(str(track), 0))
                for track, kept in self.tracks.items()
                if len(kept.places) > rows.get(str(track), 0)
            },
            "known": list(self.tracks),
            "settled": self.settled,
            "finished": self.finished,
        }

    def counts(self) -> dict[str, int]:
        return {str(track): len(kept.places) for track, kept in self.tracks.items()}

    def extend(self, state: Mapping[str, Any]) -> None:
        """Take back what state() gave; several of them in their order."""
        for name in ("numbers", "times", "people"):
            extend(getattr(self, name), state[name])
        for track, tail in state["tracks"].items():
            self.rows(int(track)).extend(tail)
        for track in set(self.tracks) - set(state["known"]):  # it has another number by now
            del self.tracks[track]
        self.settled, self.finished = state["settled"], state["finished"]

    def extent(self, task: Task) -> tuple[int, int]:
        """First place of a task, and the one after its last that is known."""
        return bisect_left(self.times, task.start), bisect_left(self.times, task.end)
