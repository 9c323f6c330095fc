"""Films of drawn faces, already aligned: what the training sees and what the proof uses."""

from __future__ import annotations

import cv2
import numpy as np

from inference.demo.faces import Face, Mouth, Pose, invent, sway
from inference.demo.painting import draw

RESOLUTION = 128
HELD_OUT_FACES = 1_000_000  # numbers of invented faces from here on are never trained on


def film(face_number: int, curves: np.ndarray) -> np.ndarray:
    """Each frame once for each mouth: same face, pose, light and grain, only the mouth differs.

    curves: (mouths, frames, 2), opening and width -> (frames, mouths, 128, 128, 3) uint8 RGB.
    """
    face = invent(face_number)
    poses = sway(face_number, curves.shape[1])
    return np.stack(
        [
            np.stack([_aligned(face, poses[i], curve[i], i) for curve in curves])
            for i in range(curves.shape[1])
        ]
    )


def _aligned(face: Face, pose: Pose, articulation: np.ndarray, grain: int) -> np.ndarray:
    opening, width = articulation
    large = draw(face, pose, Mouth(float(opening), float(width)), grain=grain)
    return cv2.resize(large, (RESOLUTION, RESOLUTION), interpolation=cv2.INTER_AREA)
