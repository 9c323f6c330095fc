"""One person's frames in the source's order: where the mouth is painted, and how strongly.

Three stages, each with a short delay: measured points that jump away and come back are dropped;
gaps of up to 5 frames are bridged if the face is still in the picture; at the edges of longer ones
the mouth fades over 3 frames.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from inference.faces.appearance import Glance, alike, alike_from_afar, sharpness
from inference.faces.face import BLURRED, JUMP, NO_FACE, Points
from inference.faces.packing import pack, unpack

BRIDGE_FRAMES = 5
FADE_FRAMES = 3
# A face that moves, grows or turns by more than this from one frame to the next is suspect. In
# spreads of its three points (about a quarter of its width), as a factor, in radians.
JUMP_SPREADS, JUMP_GROWTH, JUMP_TURN = 1.4, 1.28, 0.5
# ... and a jump, if within so many frames it is back where it was.
JUMP_FRAMES = 2
BACK = 0.6  # of the way it had jumped
# A gap's picture with less of its neighbors' sharpness than this shows no features to go by.
BLUR = 0.5


@dataclass(frozen=True)
class Sight:
    """One person in one frame. place: the frame's, from 0, without holes.

    points: the three points, None while reason says why there are none. glance: the picture
    around where the face is, or last was. cut: the frame begins another shot.
    """

    place: int
    points: Points | None = None
    reason: str = NO_FACE
    strength: float = 1.0
    glance: Glance | None = None
    cut: bool = False
    bridged: bool = False


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


@dataclass
class Bridge:
    """Fills short gaps by interpolation, where the picture still shows the face.

    A frame of another shot, of a blur or of somebody who walks by is a gap, too, but the mouth
    would be painted on what is not a face.
    """

    before: Sight | None = None
    gap: list[Sight] = field(default_factory=list)

    def push(self, sight: Sight) -> list[Sight]:
        if sight.points is None:
            self.gap.append(sight)
            if len(self.gap) <= BRIDGE_FRAMES and self.before is not None:
                return []
            self.before = None
            return self.flush()
        gap, self.gap = self.gap, []
        if gap and self.before is not None and not sight.cut:
            gap = self._bridged(self.before, gap, sight)
        self.before = sight
        return [*gap, sight]

    def flush(self) -> list[Sight]:
        gap, self.gap = self.gap, []
        return gap

    def _bridged(self, before: Sight, gap: list[Sight], after: Sight) -> list[Sight]:
        if any(sight.cut or sight.reason not in (NO_FACE, JUMP) for sight in gap):
            return gap
        assert before.points is not None and after.points is not None
        # Nobody moves further in a gap than in so many frames, one by one.
        if change(before.points, after.points) > len(gap) + 1:
            return gap
        filled = []
        for step, sight in enumerate(gap, start=1):
            share = step / (len(gap) + 1)
            points = (1 - share) * before.points + share * after.points
            if reason := _hidden(sight, points, (before, after)):
                filled.append(replace(sight, reason=JUMP if sight.reason == JUMP else reason))
                continue
            strength = (1 - share) * before.strength + share * after.strength
            filled.append(replace(sight, points=points, reason="", strength=strength, bridged=True))
        return filled


def _hidden(sight: Sight, points: Points, neighbors: tuple[Sight, Sight]) -> str:
    """Why the frame can't be bridged; "" if the face is there."""
    if sight.glance is None:
        return NO_FACE
    crop = sight.glance.face(points)
    crops = [
        near.glance.face(near.points)
        for near in neighbors
        if near.glance is not None and near.points is not None
    ]
    if not crops:
        return NO_FACE
    if sharpness(crop) < BLUR * min(map(sharpness, crops)):
        return BLURRED if any(alike_from_afar(crop, near) for near in crops) else NO_FACE
    return "" if any(alike(crop, near) for near in crops) else NO_FACE


@dataclass
class Fader:
    """Lets the mouth come and go over 3 frames at the edges of gaps that are not bridged and
    longer than 5 frames. absent: frames without the mouth so far."""

    absent: int = 0
    shown: int = 0  # since the last long gap, up to 3
    fading_in: bool = False
    waiting: list[Sight] = field(default_factory=list)

    def push(self, sight: Sight) -> list[Sight]:
        if sight.points is None:
            self.absent += 1
            if self.absent > BRIDGE_FRAMES:
                return self._gap(sight)
            self.waiting.append(sight)
            return []
        if self.absent > BRIDGE_FRAMES:
            self.fading_in, self.shown = True, 0
        self.absent = 0
        self.shown += 1
        if self.fading_in:
            self.fading_in = self.shown < FADE_FRAMES
            sight = _weaker(sight, self.shown)
        self.waiting.append(sight)
        return self._settled()

    def flush(self) -> list[Sight]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def _gap(self, sight: Sight) -> list[Sight]:
        """A long gap it is: what waits before it fades out."""
        before = [at for at, one in enumerate(self.waiting) if one.points is not None]
        for steps, at in enumerate(reversed(before[-FADE_FRAMES:]), start=1):
            self.waiting[at] = _weaker(self.waiting[at], steps)
        return [*self.flush(), sight]

    def _settled(self) -> list[Sight]:
        """All but the last 3 frames with a mouth, which may have to fade out yet."""
        shown = [at for at, one in enumerate(self.waiting) if one.points is not None]
        ready = shown[-FADE_FRAMES] if len(shown) > FADE_FRAMES else 0
        settled, self.waiting = self.waiting[:ready], self.waiting[ready:]
        return settled


def _weaker(sight: Sight, steps: int) -> Sight:
    """The mouth so many frames from a gap: 1/4, 2/4, 3/4, but never above what it may be."""
    return replace(sight, strength=min(sight.strength, steps / (FADE_FRAMES + 1)))


class Lane:
    """All stages for one person. born: the place of the frame in which they are first seen."""

    def __init__(self, born: int) -> None:
        self.gate, self.bridge, self.fader = JumpGate(), Bridge(), Fader(absent=born)
        self.born, self.settled_to = born, born  # places below settled_to are settled

    @property
    def asleep(self) -> bool:
        """In a long gap with nothing to settle: it need not be shown frames without the face."""
        waits = self.gate.waiting or self.bridge.gap or self.fader.waiting
        return not waits and self.fader.absent > BRIDGE_FRAMES

    def push(self, sight: Sight) -> list[Sight]:
        return self._note(self._fade(self._bridge(self.gate.push(sight))))

    def flush(self) -> list[Sight]:
        bridged = [*self._bridge(self.gate.flush()), *self.bridge.flush()]
        return self._note([*self._fade(bridged), *self.fader.flush()])

    def _bridge(self, sights: list[Sight]) -> list[Sight]:
        return [settled for sight in sights for settled in self.bridge.push(sight)]

    def _fade(self, sights: list[Sight]) -> list[Sight]:
        # From here on nobody looks at the pictures.
        plain = [replace(sight, glance=None) for sight in sights]
        return [settled for sight in plain for settled in self.fader.push(sight)]

    def _note(self, settled: list[Sight]) -> list[Sight]:
        if settled:
            self.settled_to = settled[-1].place + 1
        return settled

    def state(self) -> dict[str, Any]:
        """For JSON; restore() takes it back, exactly."""
        return {
            "born": self.born,
            "settled_to": self.settled_to,
            "last": None if self.gate.last is None else self.gate.last.tolist(),
            "missed": self.gate.missed,
            "suspects": _packed(self.gate.waiting),
            "before": _packed([self.bridge.before] if self.bridge.before else []),
            "gap": _packed(self.bridge.gap),
            "absent": self.fader.absent,
            "shown": self.fader.shown,
            "fading_in": self.fader.fading_in,
            "fading": _packed(self.fader.waiting),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.born, self.settled_to = state["born"], state["settled_to"]
        last = None if state["last"] is None else np.array(state["last"])
        self.gate = JumpGate(last, state["missed"], _unpacked(state["suspects"]))
        before = next(iter(_unpacked(state["before"])), None)
        self.bridge = Bridge(before, _unpacked(state["gap"]))
        fading = _unpacked(state["fading"])
        self.fader = Fader(state["absent"], state["shown"], state["fading_in"], fading)


def _packed(sights: Sequence[Sight]) -> list[dict[str, Any]]:
    return [
        {
            "place": one.place,
            "points": None if one.points is None else one.points.tolist(),
            "reason": one.reason,
            "strength": one.strength,
            "glance": one.glance and [pack(one.glance.gray), one.glance.matrix.tolist()],
            "cut": one.cut,
            "bridged": one.bridged,
        }
        for one in sights
    ]


def _unpacked(saved: Iterable[Mapping[str, Any]]) -> list[Sight]:
    return [
        Sight(
            **{name: one[name] for name in ("place", "reason", "strength", "cut", "bridged")},
            points=None if one["points"] is None else np.array(one["points"]),
            glance=one["glance"] and Glance(unpack(one["glance"][0]), np.array(one["glance"][1])),
        )
        for one in saved
    ]
