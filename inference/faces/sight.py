"""One person in one frame, as it goes down their lane."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.faces.appearance import Glance
from inference.faces.face import NO_FACE, Points
from inference.faces.packing import pack, unpack

BRIDGE_FRAMES = 5  # without the face; a longer gap is one in which the mouth goes and comes


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


def packed(sights: Iterable[Sight]) -> list[dict[str, Any]]:
    """For JSON; unpacked() takes them back, exactly."""
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


def unpacked(saved: Iterable[Mapping[str, Any]]) -> list[Sight]:
    return [
        Sight(
            **{name: one[name] for name in ("place", "reason", "strength", "cut", "bridged")},
            points=None if one["points"] is None else np.array(one["points"]),
            glance=one["glance"] and Glance(unpack(one["glance"][0]), np.array(one["glance"][1])),
        )
        for one in saved
    ]
