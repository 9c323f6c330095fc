"""468 points on one face: MediaPipe's face mesh. It reads a turned square around the face, 0..1.

Source: MediaPipe's face landmark graphs.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.faces.appearance import halvings, reduced
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
        square = cut(frame, matrix, pixels)
        mesh, logit = self._network(square.astype(np.float32) / np.float32(255))
        points = mesh.reshape(POINTS, 3)[:, :2].astype(np.float64)
        score = 1 / (1 + math.exp(-float(np.clip(logit.item(), -60, 60))))
        return points @ matrix[:, :2].T + matrix[:, 2], score


def cut(frame: Rgb, matrix: Points, pixels: int) -> Rgb:
    """A square of so many pixels, black where the frame ends. matrix: (2, 3), from it to the frame.

    Where it shrinks the frame by 2 or more, the frame is halved first: a face much larger than the
    square would alias.
    """
    factor = halvings(float(np.hypot(*matrix[:, 0])))
    ends = np.array([[0, 0], [pixels, 0], [0, pixels], [pixels, pixels]]) @ matrix[:, :2].T
    low = np.clip(np.floor((ends + matrix[:, 2]).min(axis=0)).astype(int) - factor, 0, None)
    high = np.clip(np.ceil((ends + matrix[:, 2]).max(axis=0)).astype(int) + 2 * factor, 0, None)
    part = frame[low[1] : high[1], low[0] : high[0]]
    if min(part.shape[:2]) < factor:
        return np.zeros((pixels, pixels, 3), np.uint8)
    to_part = matrix.copy()
    # Pixel centers lie at whole numbers.
    to_part[:, 2] = matrix[:, 2] - low - (factor - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = reduced(part, factor)
    square = cv2.warpAffine(small, to_part / factor, (pixels, pixels), flags=flags)
    return np.asarray(square, np.uint8)
