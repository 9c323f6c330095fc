"""The second stage of a lane: gaps of up to 5 frames are bridged if the face is in the picture."""

from dataclasses import dataclass, field, replace

from inference.faces.appearance import alike, alike_from_afar, sharpness
from inference.faces.face import BLURRED, JUMP, NO_FACE, Points
from inference.faces.jumps import change
from inference.faces.sight import BRIDGE_FRAMES, Sight

# A gap's picture with less of its neighbors' sharpness than this shows no features to go by.
BLUR = 0.5


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
