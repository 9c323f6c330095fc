"""468 points on one face: MediaPipe's face mesh. It reads a turned square around the face, 0..1.

Source: MediaPipe's face landmark graphs.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.faces.tflite import Network

Rgb = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

FILE = "face_landmark.tflite"
POINTS = 468
# The region's side over the longer side of a detected box, or of the box around the mesh.
MARGIN = 1.5
OUTER_EYES = (33, 263)  # picture's left first


@dataclass(frozen=True)
class Region:
    """A square in the frame: center, side, and the angle of the line through the eyes."""

    center: Points
    side: float
    angle: float

    @classmethod
    def around(cls, low: Points, high: Points, eyes: Points) -> "Region":
        across, down = eyes[1] - eyes[0]
        side = MARGIN * float(max(high - low))
        return cls((low + high) / 2, side, math.atan2(float(down), float(across)))

    @classmethod
    def of_mesh(cls, mesh: Points) -> "Region":
        return cls.around(mesh.min(axis=0), mesh.max(axis=0), mesh[list(OUTER_EYES)])

    def to_frame(self, pixels: int) -> Points:
        """(2, 3): from a square of so many pixels to the frame."""
        scale = self.side / pixels
        turn = np.array(
            [
                [math.cos(self.angle), -math.sin(self.angle)],
                [math.sin(self.angle), math.cos(self.angle)],
            ]
        )
        matrix = scale * turn
        middle = np.full(2, (pixels - 1) / 2)
        return np.column_stack([matrix, self.center - matrix @ middle])


class FaceMesh:
    def __init__(self) -> None:
        self._network = Network(FILE)

    def find(self, frame: Rgb, region: Region) -> tuple[Points, float]:
        """Points in the frame, (468, 2), and how surely the region holds a face, 0..1."""
        pixels = self._network.side
        matrix = region.to_frame(pixels)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        # A face much larger than the square would alias: read it from a smaller picture.
        seen, matrix_seen = shrunk(frame, matrix, region.side / pixels)
        square = cv2.warpAffine(seen, matrix_seen, (pixels, pixels), flags=flags)
        mesh, logit = self._network(square.astype(np.float32) / 255)
        points = mesh.reshape(POINTS, 3)[:, :2].astype(np.float64)
        score = 1 / (1 + math.exp(-float(np.clip(logit.item(), -60, 60))))
        return points @ matrix[:, :2].T + matrix[:, 2], score


def shrunk(frame: Rgb, matrix: Points, scale: float) -> tuple[Rgb, Points]:
    """The part of the frame that a region reads, by whole factors smaller where that helps."""
    factor = int(scale)
    if factor < 2:
        return frame, matrix
    height, width = frame.shape[:2]
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([size[0] / width, size[1] / height])
    shift = (ratio - 1) / 2  # pixel centers lie at whole numbers
    moved = matrix * ratio[:, None]
    moved[:, 2] += shift
    return np.asarray(small, dtype=np.uint8), moved
