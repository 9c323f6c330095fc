"""InsightFace's pair, which LatentSync was trained with: SCRFD finds, 106 points measure.

Its weights are given away for research only; a bundle that carries them says so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.errors import MissingCheckpoint
from inference.faces.face import Box, Face, Rgb
from inference.faces.landmarks106 import Landmarks106, three_points
from inference.faces.scrfd import Scrfd

DETECTOR, LANDMARKS = "face_detector", "face_landmarks"
# Width over height: beyond these LatentSync takes a box for no face.
NARROWEST, WIDEST = 0.2, 1.5


class InsightFinder:
    """Looks at every frame alone and remembers nothing."""

    def __init__(self, files: Mapping[str, Path], *, device: str = "auto") -> None:
        for role in (DETECTOR, LANDMARKS):
            if role not in files:
                raise MissingCheckpoint(f"The face finder insightface needs the file {role}.")
        self._detector = Scrfd(files[DETECTOR], device)
        self._landmarks = Landmarks106(files[LANDMARKS], device)
        self.device = self._detector.device

    def find_all(self, frame: Rgb) -> list[Face]:
        faces = [
            Face(found.box, found.score, three_points(self._landmarks.find(frame, found.box)))
            for found in self._detector.find(frame)
            if _shaped(found.box)
        ]
        return sorted(faces, key=lambda face: -face.width * face.height)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        pass


def _shaped(box: Box) -> bool:
    left, top, right, bottom = box
    return bottom > top and NARROWEST <= (right - left) / (bottom - top) <= WIDEST
