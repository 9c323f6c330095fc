"""The built-in finder: BlazeFace finds a face, the mesh follows it from frame to frame."""

import numpy as np

from inference.blazeface import BlazeFace, Detection
from inference.face_mesh import FaceMesh, Points, Region, Rgb
from inference.faces import Face

# Mesh points whose mean stands for each of the three (measured against LatentSync's template).
LEFT_BROW = [70, 63, 105, 66, 107]
RIGHT_BROW = [336, 296, 334, 293, 300]
NOSE = [1, 4, 98, 327]
MIN_SCORE = 0.5


class MeshFinder:
    """Detects in the first frame and after a loss; else looks where the face was a frame ago."""

    def __init__(self) -> None:
        # Near faces first; the second sees smaller ones, and is asked only when there are none.
        self._detectors = (
            BlazeFace("face_detection_back.tflite", ((16, 2), (8, 6)), 0.5),
            BlazeFace("face_detection_full_range_sparse.tflite", ((48, 1),), 0.6),
        )
        self._mesh = FaceMesh()
        self._region: Region | None = None

    def find(self, frame: Rgb) -> Face | None:
        face = self._look(frame, self._region) if self._region else None
        if face is None:
            found = self._detect(frame)
            face = self._look(frame, found) if found else None
        if face is None:
            self._region = None
        return face

    def _look(self, frame: Rgb, region: Region) -> Face | None:
        mesh, score = self._mesh.find(frame, region)
        if score < MIN_SCORE:
            return None
        self._region = Region.of_mesh(mesh)
        (left, top), (right, bottom) = mesh.min(axis=0), mesh.max(axis=0)
        box = (float(left), float(top), float(right), float(bottom))
        return Face(box, score, three_points(mesh))

    def _detect(self, frame: Rgb) -> Region | None:
        for detector in self._detectors:
            found = detector.find(frame)
            if found:
                largest = max(found, key=lambda detection: detection.area)
                return _region(largest)
        return None


def three_points(mesh: Points) -> Points:
    return np.stack([mesh[points].mean(axis=0) for points in (LEFT_BROW, RIGHT_BROW, NOSE)])


def _region(detection: Detection) -> Region:
    box = detection.box.astype(np.float64)
    return Region.around(box[:2], box[2:], detection.eyes.astype(np.float64))
