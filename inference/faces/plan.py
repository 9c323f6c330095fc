"""What the painter asks: which mouths belong into a frame of the source, and why one has none."""

import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import Canceled, EngineError, EngineFault
from inference.faces.choice import Chooser, Task
from inference.faces.face import NO_FACE, OTHER_PERSON, REASONS
from inference.faces.lane import FADE_FRAMES
from inference.faces.packing import extend, pack_tail

Matrix = npt.NDArray[np.float32]

PATIENCE_SECONDS = 300.0  # without a new frame; the media process gives up long before
GLIMPSE_SECONDS = 0.2  # between two looks at should_cancel()


@dataclass(frozen=True)
class Part:
    """A mouth to paint. matrix: (2, 3), frame to canvas (see align). opacity: 0..1, above 0.

    bridged: the place is interpolated. sound: the path of what moves this mouth, None for the
    common sound. task: which of the option's turns it is, from 0.
    """

    track: int
    matrix: Matrix
    opacity: float
    bridged: bool = False
    sound: str | None = None
    task: int = 0


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


class Plan:
    """Written by the scout's thread, read by the painter's. Asking for a frame waits until it is
    known, and raises what went wrong with the scouting.

    guesses: who leads so far is taken for the most prominent until that is decided. An answer had
    while it was not `firm`, if something is `guessed` after it, must be asked for again where that
    turns out to be `misled`.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        should_cancel: Callable[[], bool] | None = None,
        *,
        guesses: bool = False,
    ) -> None:
        self.tasks = tuple(tasks)
        self.log = FaceLog()
        self.chooser = Chooser(self.tasks)
        self.changed = threading.Condition()
        self.error: EngineError | None = None
        self.wanted = 0  # the furthest number that was asked for
        self._should_cancel, self._guesses = should_cancel, guesses

    def at(self, number: int) -> list[Part]:
        """The mouths of the source frame with this number, in the order of the option's turns.

        Raises Canceled, or the scout's own error.
        """
        with self.changed:
            place = self._await(number)
            if place is None:
                return []
            parts: dict[int, Part] = {}
            for index in range(len(self.tasks)):
                if part := self._part(index, place):
                    parts.setdefault(part.track, part)  # two turns at once: the first counts
            return list(parts.values())

    def reason(self, number: int) -> str:
        """Why a frame has no part; "" if it has one."""
        with self.changed:
            place = self._await(number)
            if place is None:
                return NO_FACE
            covering = [index for index in range(len(self.tasks)) if self._covers(index, place)]
            if any(self._part(index, place) for index in covering):
                return ""
            wanted = [self.chooser.track_of(self.tasks[index]) for index in covering]
            # Where nobody was good enough to be chosen, whoever is seen tells why.
            candidates = sorted(self.log.tracks) if None in wanted else wanted
            reasons = (self.log.reason(track, place) for track in candidates if track is not None)
            other = OTHER_PERSON if self.log.people[place] else NO_FACE
            return next(filter(None, reasons), other)

    def is_ahead(self, number: int, frames: int) -> bool:
        """Whether scouting this far is enough for now: the caller holds `changed`."""
        if self.chooser.guessing:  # somebody waits for the decision
            return False
        return number > self.wanted + frames and self._is_known(self.wanted)

    @property
    def firm(self) -> bool:
        """Whether who is painted is decided for good: no answer from now on is a guess."""
        with self.changed:
            return self.chooser.firm

    @property
    def guessed(self) -> bool:
        """Whether any answer was, or may have been, a guess."""
        with self.changed:
            return self.chooser.guessed is not None

    @property
    def misled(self) -> bool:
        """Whether the guess was wrong."""
        with self.changed:
            return self.chooser.misled

    def wait_until_firm(self, check: Callable[[], None]) -> None:
        """check: called meanwhile; what it raises ends the wait. Raises what at() does."""
        with self.changed:
            self._wait_until(lambda: self.chooser.firm, check)

    def wait_for_end(self) -> None:
        """Until the whole film is scouted. Raises what at() does."""
        with self.changed:
            self.wanted = 1 << 62
            self.changed.notify_all()
            self._wait_until(lambda: self.log.finished)

    def _await(self, number: int) -> int | None:
        """The frame's place, once it is decided; None if the film has no such frame."""
        self.wanted = max(self.wanted, number)
        self.changed.notify_all()
        self._wait_until(lambda: self._is_known(number))
        return self.log.place(number)

    def _is_known(self, number: int) -> bool:
        if self.log.finished:
            return True
        place = self.log.place(number)
        if place is None:
            # A number that was passed over is one that the film doesn't have.
            return bool(self.log.numbers) and self.log.numbers[-1] > number
        # The frames in which a turn may end are needed for its fade, too.
        if place + FADE_FRAMES >= self.log.settled:
            return False
        # Where nobody is, nobody is painted, whoever is chosen in the end: a film that shows a face
        # late, or none, is not searched to that point in silence.
        if self._is_empty(place):
            return True
        if self._guesses:
            self.chooser.guess()
        return all(
            self.chooser.knows(task)
            for index, task in enumerate(self.tasks)
            if self._covers(index, place)
        )

    def _is_empty(self, place: int) -> bool:
        return not self.log.people[place] and all(
            rows.find(place) is None for rows in self.log.tracks.values()
        )

    def _wait_until(
        self, known: Callable[[], bool], check: Callable[[], None] = lambda: None
    ) -> None:
        seen, since = len(self.log.numbers), time.monotonic()
        while not known():
            if self.error:
                raise self.error
            if self._should_cancel and self._should_cancel():
                raise Canceled("The synchronization was canceled.")
            check()
            self.changed.wait(GLIMPSE_SECONDS)
            if len(self.log.numbers) > seen:
                seen, since = len(self.log.numbers), time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                raise EngineFault("The search for faces made no headway.")

    def _covers(self, index: int, place: int) -> bool:
        return self.tasks[index].covers(self.log.times[place])

    def _part(self, index: int, place: int) -> Part | None:
        task = self.tasks[index]
        track = self.chooser.track_of(task)
        rows = None if track is None else self.log.tracks.get(track)
        at = None if rows is None or not self._covers(index, place) else rows.find(place)
        if track is None or rows is None or at is None or rows.reasons[at]:
            return None
        opacity = min(rows.opacities[at], self._edge(index, place))
        return Part(track, rows.matrix(at), opacity, bool(rows.bridged[at]), task.sound, index)

    def _edge(self, index: int, place: int) -> float:
        """The fade at a turn's own edges within the film, where the person is seen on both sides
        and does not go on in the next turn."""
        task = self.tasks[index]
        first, after = self.log.extent(task)
        opacity = 1.0
        if first > 0 and not self._continues(index, task.start, ends=True):
            opacity = min(opacity, (place - first + 1) / (FADE_FRAMES + 1))
        if task.end < inf and not self._continues(index, task.end, ends=False):
            after_known = after < len(self.log.times)
            if after_known:
                opacity = min(opacity, (after - place) / (FADE_FRAMES + 1))
        return opacity

    def _continues(self, index: int, seconds: float, *, ends: bool) -> bool:
        track = self.chooser.track_of(self.tasks[index])
        return any(
            (other.end if ends else other.start) == seconds
            and self.chooser.track_of(other) == track
            for at, other in enumerate(self.tasks)
            if at != index
        )
