"""Whose mouths are painted in a frame, as far as is known: the turns, their people, their fades."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.faces.choice import Chooser, Task
from inference.faces.face import NO_FACE, OTHER_PERSON
from inference.faces.fading import FADE_FRAMES
from inference.faces.log import FaceLog, Matrix


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


class Cast:
    """Reads it off the log, by a frame's place. Waits for nothing: the plan does."""

    def __init__(self, tasks: Sequence[Task], chooser: Chooser, log: FaceLog) -> None:
        self._tasks, self._chooser, self._log = tasks, chooser, log

    def parts(self, place: int) -> list[Part]:
        """In the order of the option's turns."""
        parts: dict[int, Part] = {}
        for index in range(len(self._tasks)):
            if part := self._part(index, place):
                parts.setdefault(part.track, part)  # two turns at once: the first counts
        return list(parts.values())

    def reason(self, place: int) -> str:
        """Why there is no part; "" if there is one."""
        covering = self.covering(place)
        if any(self._part(index, place) for index in covering):
            return ""
        wanted = [self._chooser.track_of(self._tasks[index]) for index in covering]
        # Where nobody was good enough to be chosen, whoever is seen tells why.
        candidates = sorted(self._log.tracks) if None in wanted else wanted
        reasons = (self._log.reason(track, place) for track in candidates if track is not None)
        other = OTHER_PERSON if self._log.people[place] else NO_FACE
        return next(filter(None, reasons), other)

    def is_seen(self, index: int, frames: int) -> bool:
        """Whether a turn's person could be painted anywhere in its time, in frames whose numbers
        are lower than `frames`."""
        track = self._chooser.track_of(self._tasks[index])
        rows = None if track is None else self._log.tracks.get(track)
        first, after = self._log.extent(self._tasks[index])
        after = min(after, bisect_left(self._log.numbers, frames))
        return rows is not None and rows.usable(first, after)

    def covering(self, place: int) -> list[int]:
        """The tasks in whose time the frame lies."""
        seconds = self._log.times[place]
        return [index for index, task in enumerate(self._tasks) if task.covers(seconds)]

    def _part(self, index: int, place: int) -> Part | None:
        task = self._tasks[index]
        track = self._chooser.track_of(task)
        rows = None if track is None else self._log.tracks.get(track)
        at = None if rows is None or not task.covers(self._log.times[place]) else rows.find(place)
        if track is None or rows is None or at is None or rows.reasons[at]:
            return None
        opacity = min(rows.opacities[at], self._edge(index, place))
        return Part(track, rows.matrix(at), opacity, bool(rows.bridged[at]), task.sound, index)

    def asked(self, place: int) -> list[int]:
        """The tasks that parts() and reason() go by there: who goes on where a turn ends or begins
        decides whether the mouth fades."""
        covering = self.covering(place)
        beyond = [
            other
            for index in covering
            for outside in self._edges(index, place)
            for other in self.covering(outside)
        ]
        return sorted({*covering, *beyond})

    def _edge(self, index: int, place: int) -> float:
        """The fade at a turn's own edges within the film, where the person is seen on both sides
        and does not go on in another turn."""
        track = self._chooser.track_of(self._tasks[index])
        opacity = 1.0
        for outside in self._edges(index, place):
            beyond = (self._tasks[other] for other in self.covering(outside))
            if all(self._chooser.track_of(task) != track for task in beyond):
                opacity = min(opacity, abs(outside - place) / (FADE_FRAMES + 1))
        return opacity

    def _edges(self, index: int, place: int) -> Iterator[int]:
        """Places just outside of a turn that are within a fade's reach."""
        first, after = self._log.extent(self._tasks[index])
        if first > 0 and place - first < FADE_FRAMES:
            yield first - 1
        if after < len(self._log.times) and after - place <= FADE_FRAMES:
            yield after
