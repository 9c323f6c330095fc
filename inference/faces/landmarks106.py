"""106 points on one face: InsightFace's 2d106det. It reads an upright square around the box.

Source: InsightFace's model files and the code that goes with them; the three points: LatentSync.
"""

from pathlib import Path

import numpy as np

from inference.errors import WrongDetector
from inference.faces.face import Box, Points, Rgb
from inference.faces.face_mesh import cut
from inference.faces.onnx import Network

COUNT = 106
SIDE = 192
MARGIN = 1.5  # the square's side over the box's longer one
LEFT_BROW = [43, 48, 49, 51, 50]
RIGHT_BROW = [101, 102, 103, 104, 105]
NOSE = [74, 77, 83, 86]


class Landmarks106:
    def __init__(self, path: Path, device: str = "auto") -> None:
        self._network, self._path = Network(path, device), path
        if (self._network.size or (SIDE, SIDE)) != (SIDE, SIDE):
            raise WrongDetector(path, "its input is {} x {}".format(*self._network.size or ()))

    def find(self, frame: Rgb, box: Box) -> Points:
        """Points in the frame, (106, 2)."""
        matrix = to_frame(box)
        square = cut(frame, matrix, SIDE)
        # RGB, 0..255: the file itself brings it to the network's range.
        outputs = self._network(np.asarray(square, np.float32).transpose(2, 0, 1))
        if outputs[0].size != 2 * COUNT:
            raise WrongDetector(self._path, f"it gives {outputs[0].size} numbers for a face")
        points = outputs[0].reshape(COUNT, 2).astype(np.float64) * (SIDE / 2) + SIDE / 2
        return points @ matrix[:, :2].T + matrix[:, 2]


def to_frame(box: Box) -> Points:
    """(2, 3): from the network's square to the frame; the box's middle lies at (96, 96)."""
    left, top, right, bottom = box
    scale = MARGIN * max(right - left, bottom - top) / SIDE
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    return np.column_stack([np.eye(2) * scale, middle - scale * SIDE / 2])


def three_points(landmarks: Points) -> Points:
    """(106, 2) -> (3, 2): brows and nose, in whole pixels, rounded twice as LatentSync does."""
    whole = np.round(landmarks)
    return np.round([whole[part].mean(axis=0) for part in (LEFT_BROW, RIGHT_BROW, NOSE)])
