"""What a finder tells of a face, and whether a mouth can be painted on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]

# Below this a face has less detail than the network paints into it: passed over, unchanged.
MIN_WIDTH, MIN_HEIGHT = 40, 50
# Brow to brow over brows to nose: 2.05 seen from the front, under 0.9 turned away by 60 degrees.
# Between the two pairs the new mouth fades, so that a head that turns slowly shows no step.
MIN_BREADTH, FULL_FROM = 0.9, 1.2
FULL_TO, MAX_BREADTH = 5.0, 6.0
# A face of which less lies within the picture has no mouth to speak of.
MIN_INSIDE = 0.5

NO_FACE, OTHER_PERSON = "no_face", "other_person"
TOO_SMALL, TURNED_AWAY = "too_small", "turned_away"
JUMP, BLURRED = "jump", "blurred"
# Why a frame has no part, in the order of their numbers in records. Never renumber.
REASONS = ("", NO_FACE, OTHER_PERSON, TOO_SMALL, TURNED_AWAY, JUMP, BLURRED)


@dataclass(frozen=True)
class Face:
    """In pixels of the frame, whole numbers at pixel centers.

    box: left, top, right, bottom. score: 0..1. points3: (3, 2), the middle of the brow on the
    picture's left, of the other brow, and of the nose; x before y.
    """

    box: Box
    score: float
    points3: Points

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def center(self) -> Points:
        left, top, right, bottom = self.box
        return np.array([(left + right) / 2, (top + bottom) / 2])


class Finder(Protocol):
    """Finds the faces in the frames of one video, which it is shown in order."""

    # "cpu" or "cuda": where it really runs, for the report.
    device: str

    def find_all(self, frame: Rgb) -> list[Face]:
        """Every face in (H, W, 3), the largest first."""

    def state(self) -> dict[str, Any]:
        """What it remembers of the frames before, for JSON; {} if nothing."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as if it had seen the frames before state() was asked."""


def breadth(points: Points) -> float:
    """Brow to brow over brows to nose: how far a face is turned to the side, or up and down."""
    first_brow, second_brow, nose = points
    fall = float(np.linalg.norm(nose - (first_brow + second_brow) / 2))
    return float(np.linalg.norm(second_brow - first_brow)) / max(fall, 1e-6)


def usable(face: Face) -> bool:
    """Large enough, and turned towards the camera far enough, to paint a mouth on it."""
    large = face.width >= MIN_WIDTH and face.height >= MIN_HEIGHT
    return large and MIN_BREADTH <= breadth(face.points3) <= MAX_BREADTH


def judge(face: Face, width: int, height: int) -> tuple[str, float]:
    """Why no mouth can be painted on it ("" if one can), and how strong the mouth may be, 0..1.

    width, height: of the frame.
    """
    if inside(face.box, width, height) < MIN_INSIDE:
        return NO_FACE, 0.0
    if face.width < MIN_WIDTH or face.height < MIN_HEIGHT:
        return TOO_SMALL, 0.0
    seen = breadth(face.points3)
    strength = min(
        (seen - MIN_BREADTH) / (FULL_FROM - MIN_BREADTH),
        (MAX_BREADTH - seen) / (MAX_BREADTH - FULL_TO),
        1.0,
    )
    return ("", strength) if strength > 0 else (TURNED_AWAY, 0.0)


def inside(box: Box, width: int, height: int) -> float:
    """The share of a box that lies within the frame."""
    left, top, right, bottom = box
    across = min(right, width) - max(left, 0)
    down = min(bottom, height) - max(top, 0)
    return max(across, 0.0) * max(down, 0.0) / ((right - left) * (bottom - top))


def sound(face: Face, width: int, height: int) -> bool:
    """Finite, with an area, three different points, and partly in the picture: else it is none.

    Finders return boxes without width at the picture's edge, and numbers that are none.
    """
    numbers = np.array([*face.box, face.score, *face.points3.flat])
    if not np.isfinite(numbers).all() or face.width <= 0 or face.height <= 0:
        return False
    return inside(face.box, width, height) > 0 and float(np.ptp(face.points3, axis=0).max()) > 0
