"""Where the face is: one interface, several finders behind it, chosen by a bundle's manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.errors import BadCheckpoint

Rgb = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

# Below this a face has less detail than the network paints into it: passed over, unchanged.
MIN_WIDTH, MIN_HEIGHT = 40, 50
# Brow to brow over brows to nose: 2.05 seen from the front, under 0.9 turned away by 60 degrees.
MIN_BREADTH, MAX_BREADTH = 0.9, 6.0


@dataclass(frozen=True)
class Face:
    """In pixels of the frame, whole numbers at pixel centers.

    box: left, top, right, bottom. score: 0..1. points3: (3, 2), the middle of the brow on the
    picture's left, of the other brow, and of the nose; x before y.
    """

    box: tuple[float, float, float, float]
    score: float
    points3: Points


class FaceFinder(Protocol):
    """Finds the same person in the frames of one video, which it is shown in order."""

    def find(self, frame: Rgb) -> Face | None:
        """The face in (H, W, 3), or None. Where there are several, the largest at first; then the
        one it has, until it is lost."""


def usable(face: Face) -> bool:
    """Large enough, and turned towards the camera far enough, to paint a mouth on it."""
    left, top, right, bottom = face.box
    first_brow, second_brow, nose = face.points3
    fall = float(np.linalg.norm(nose - (first_brow + second_brow) / 2))
    breadth = float(np.linalg.norm(second_brow - first_brow)) / max(fall, 1e-6)
    large = right - left >= MIN_WIDTH and bottom - top >= MIN_HEIGHT
    return large and MIN_BREADTH <= breadth <= MAX_BREADTH


# Name in a manifest -> module and function. A module is imported when a bundle asks for it, so
# that nobody needs the runtime of a finder that is not used.
FINDERS = {"builtin": ("inference.mesh_finder", "MeshFinder")}


def make_finder(name: str) -> FaceFinder:
    """A fresh finder for one video. Raises BadCheckpoint for a name that is not known."""
    if name not in FINDERS:
        known = ", ".join(sorted(FINDERS))
        raise BadCheckpoint(f"The manifest asks for the face finder {name}; there is {known}.")
    module, attribute = FINDERS[name]
    finder: Callable[[], FaceFinder] = getattr(import_module(module), attribute)
    return finder()
