"""The built-in finder: BlazeFace finds faces, the mesh follows each from frame to frame."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inference.faces import shots
from inference.faces.appearance import Gray, halvings, reduced
from inference.faces.blazeface import BlazeFace, Detection, separate
from inference.faces.face import Face
from inference.faces.face_mesh import FaceMesh, Points, Region, Rgb
from inference.faces.packing import pack, unpack

# Mesh points whose mean stands for each of the three (measured against LatentSync's template).
LEFT_BROW = [70, 63, 105, 66, 107]
RIGHT_BROW = [336, 296, 334, 293, 300]
NOSE = [1, 4, 98, 327]
MIN_SCORE = 0.5
# While all known faces are followed in one shot, new ones are looked for in every tenth frame only:
# a detector costs twice what following costs.
DETECT_EVERY = 10
# Frames are halved while they stay larger than this, before they get the detectors' own size.
DETECTOR_SIDE = 480


class MeshFinder:
    """Detects in the first frame, after a cut or a loss and from time to time; else looks where the
    faces were a frame ago."""

    device = "cpu"

    def __init__(self, files: Mapping[str, Path] | None = None, *, device: str = "auto") -> None:
        # Near faces first; the second sees smaller ones.
        self._detectors = (
            BlazeFace("face_detection_back.tflite", ((16, 2), (8, 6)), 0.5),
            BlazeFace("face_detection_full_range_sparse.tflite", ((48, 1),), 0.6),
        )
        self._mesh = FaceMesh()
        self._regions: list[Region] = []
        self._since_detection = 0
        self._shot: Gray | None = None

    def find_all(self, frame: Rgb) -> list[Face]:
        self._since_detection += 1
        found = [seen for region in self._regions if (seen := self._look(frame, region))]
        lost = len(found) < len(self._regions)
        if self._is_other_shot(frame) or lost or not found or self._since_detection >= DETECT_EVERY:
            self._since_detection = 0
            found += self._look_anew(frame, [face for face, _ in found])
        # Two regions may have slid onto one face.
        order = separate(
            np.array([face.box for face, _ in found]).reshape(-1, 4),
            np.array([face.width * face.height for face, _ in found]),
        )
        self._regions = [found[i][1] for i in order]
        return [found[i][0] for i in order]

    def state(self) -> dict[str, Any]:
        regions = [[*region.center.tolist(), region.side, region.angle] for region in self._regions]
        return {
            "regions": regions,
            "since_detection": self._since_detection,
            "shot": None if self._shot is None else pack(self._shot),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._regions = [
            Region(np.array([x, y]), side, angle) for x, y, side, angle in state["regions"]
        ]
        self._since_detection = int(state["since_detection"])
        self._shot = state["shot"] and unpack(state["shot"])

    def _is_other_shot(self, frame: Rgb) -> bool:
        before, self._shot = self._shot, shots.sampled(frame)
        return before is not None and shots.is_other(before, self._shot)

    def _look(self, frame: Rgb, region: Region) -> tuple[Face, Region] | None:
        """The face in a region, and where to look for it in the next frame."""
        mesh, score = self._mesh.find(frame, region)
        if score < MIN_SCORE:
            return None
        (left, top), (right, bottom) = mesh.min(axis=0), mesh.max(axis=0)
        box = (float(left), float(top), float(right), float(bottom))
        return Face(box, score, three_points(mesh)), Region.of_mesh(mesh)

    def _look_anew(self, frame: Rgb, known: list[Face]) -> list[tuple[Face, Region]]:
        found: list[tuple[Face, Region]] = []
        for detection in self._detect(frame):
            covered = any(
                _covers(face, detection) for face in [*known, *(face for face, _ in found)]
            )
            if not covered and (seen := self._look(frame, _region(detection))):
                found.append(seen)
        return found

    def _detect(self, frame: Rgb) -> list[Detection]:
        factor = halvings(max(frame.shape[:2]) / DETECTOR_SIDE)
        small = reduced(frame, factor)
        found = [one for detector in self._detectors for one in detector.find(small)]
        return [one.enlarged(factor) for one in found]


def three_points(mesh: Points) -> Points:
    return np.stack([mesh[points].mean(axis=0) for points in (LEFT_BROW, RIGHT_BROW, NOSE)])


def _region(detection: Detection) -> Region:
    box = detection.box.astype(np.float64)
    return Region.around(box[:2], box[2:], detection.eyes.astype(np.float64))


def _covers(face: Face, detection: Detection) -> bool:
    """Whether the detection is this face: its middle lies in the face's box."""
    x, y = (detection.box[:2] + detection.box[2:]) / 2
    left, top, right, bottom = face.box
    return bool(left <= x <= right and top <= y <= bottom)
