"""The first stage of a lane: measured points that jump away and come back are dropped."""

from dataclasses import dataclass, field, replace

import numpy as np

from inference.faces.face import JUMP, Points
from inference.faces.sight import BRIDGE_FRAMES, Sight

# A face that moves, grows or turns by more than this from one frame to the next is suspect. In
# spreads of its three points (about a quarter of its width), as a factor, in radians.
JUMP_SPREADS, JUMP_GROWTH, JUMP_TURN = 1.4, 1.28, 0.5
# ... and a jump, if within so many frames it is back where it was.
JUMP_FRAMES = 2
BACK = 0.6  # of the way it had jumped


@dataclass
class JumpGate:
    """Drops points that are off for one or two frames. Fast motion goes on, or stops: it stays."""

    last: Points | None = None
    missed: int = 0
    waiting: list[Sight] = field(default_factory=list)

    def push(self, sight: Sight) -> list[Sight]:
        if sight.cut or self.missed > BRIDGE_FRAMES:
            settled = self.flush()
            self.last = None
            return [*settled, *self._pass([sight])]
        if not self.waiting and (sight.points is None or not self._suspect(sight.points)):
            return self._pass([sight])
        if self.waiting and sight.points is not None and self._is_back(sight.points):
            dropped = [
                replace(one, points=None, reason=JUMP) if one.points is not None else one
                for one in self.waiting
            ]
            self.waiting = []
            return self._pass([*dropped, sight])
        self.waiting.append(sight)
        return self.flush() if len(self.waiting) > JUMP_FRAMES else []

    def flush(self) -> list[Sight]:
        waiting, self.waiting = self.waiting, []
        return self._pass(waiting)

    def _pass(self, sights: list[Sight]) -> list[Sight]:
        for sight in sights:
            self.missed = 0 if sight.points is not None else self.missed + 1
            self.last = self.last if sight.points is None else sight.points
        return sights

    def _suspect(self, points: Points) -> bool:
        return self.last is not None and change(self.last, points) > 1

    def _is_back(self, points: Points) -> bool:
        assert self.last is not None
        away = max(change(self.last, one.points) for one in self.waiting if one.points is not None)
        return change(self.last, points) < BACK * away


def change(one: Points, other: Points) -> float:
    """How far a face moved, grew or turned, whichever is most; 1 is as much as one frame may."""
    spreads = [float((points - points.mean(axis=0)).std(ddof=1)) for points in (one, other)]
    moved = float(np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))) / max(*spreads, 1e-6)
    grown = abs(float(np.log(max(spreads[0], 1e-6) / max(spreads[1], 1e-6))))
    first, second = (points[1] - points[0] for points in (one, other))
    across = float(first[0] * second[1] - first[1] * second[0])
    turned = abs(float(np.arctan2(across, float(first @ second))))
    return max(moved / JUMP_SPREADS, grown / float(np.log(JUMP_GROWTH)), turned / JUMP_TURN)
