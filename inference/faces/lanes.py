"""Everybody's lanes, and what comes out of them written into the log."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from inference.faces.face import NO_FACE
from inference.faces.lane import Lane
from inference.faces.log import FaceLog
from inference.faces.sight import Sight
from inference.picture.align import Aligner


class Lanes:
    """By track, negative while it is undecided who it is. resolution: of the model; each person has
    an aligner of that size."""

    def __init__(self, log: FaceLog, resolution: int) -> None:
        self._log, self._resolution = log, resolution
        self._lanes: dict[int, Lane] = {}
        self._aligners: dict[int, Aligner] = {}

    def awake(self) -> list[int]:
        """Tracks that must be shown frames without their face, too."""
        return [track for track, lane in self._lanes.items() if not lane.asleep]

    def push(self, sights: Mapping[int, Sight]) -> None:
        """All of one frame, the next one."""
        for track, sight in sights.items():
            lane = self._lanes.setdefault(track, Lane(sight.place))
            self._record(track, lane.push(sight))

    def flush(self) -> None:
        """The film is over."""
        for track, lane in self._lanes.items():
            self._record(track, lane.flush())

    def rename(self, old: int, new: int) -> None:
        """Who was undecided is somebody: what they did so far is that track's."""
        if new in self._lanes:
            self._record(new, self._lanes[new].flush())
        self._lanes[new] = self._lanes.pop(old)
        if old in self._aligners:
            self._aligners[new] = self._aligners.pop(old)

    def settled(self, place: int) -> int:
        """Places below are decided: frames before the first that a lane, or who somebody is, leaves
        open. place: of the last frame that was pushed."""
        awake = [lane.settled_to for lane in self._lanes.values() if not lane.asleep]
        undecided = [lane.born for track, lane in self._lanes.items() if track < 0]
        return min([*awake, *undecided], default=place + 1)

    def state(self) -> dict[str, Any]:
        """For JSON; restore() takes it back."""
        return {
            "aligners": {str(track): one.state() for track, one in self._aligners.items()},
            "lanes": {str(track): lane.state() for track, lane in self._lanes.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._aligners = {int(track): Aligner(self._resolution) for track in state["aligners"]}
        for track, aligner in self._aligners.items():
            aligner.restore(state["aligners"][str(track)])
        self._lanes = {int(track): Lane(0) for track in state["lanes"]}
        for track, lane in self._lanes.items():
            lane.restore(state["lanes"][str(track)])

    def _record(self, track: int, settled: Iterable[Sight]) -> None:
        rows = self._log.rows(track)
        for sight in settled:
            if sight.points is None:
                if sight.reason != NO_FACE:
                    rows.add(sight.place, sight.reason, 0.0, False, None)
                continue
            aligner = self._aligners.get(track)
            if aligner is None:
                aligner = self._aligners[track] = Aligner(self._resolution)
            matrix = None
            with suppress(ValueError):  # the points coincide, by interpolation: no face after all
                matrix = aligner.matrix(sight.points)
            reason = "" if matrix is not None else NO_FACE
            rows.add(sight.place, reason, sight.strength, sight.bridged, matrix)
