"""Faces anywhere in a picture: MediaPipe's BlazeFace. Input -1..1, sides kept in proportion.

Each anchor predicts a box and six points around its own center, in pixels of the input; the score
is a logit. Source: MediaPipe's face detection graphs.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.faces.tflite import Array, Network

Rgb = npt.NDArray[np.uint8]

OVERLAP = 0.3  # boxes that share more than this are one face
POINTS = 6  # eyes (picture's left first), nose, mouth, ears


@dataclass(frozen=True)
class Detection:
    """In pixels of the frame. box: left, top, right, bottom. eyes: (2, 2), picture's left first."""

    box: Array
    score: float
    eyes: Array

    def enlarged(self, factor: int) -> "Detection":
        """In a frame that was so many times as large."""
        shift = (factor - 1) / 2  # pixel centers lie at whole numbers
        return Detection(self.box * factor + shift, self.score, self.eyes * factor + shift)


class BlazeFace:
    """layers: (cells a side, anchors a cell), in the order of the model's outputs."""

    def __init__(self, file: str, layers: tuple[tuple[int, int], ...], min_score: float) -> None:
        self._network = Network(file)
        self._anchors = anchors(layers)
        self._min_score = min_score

    def find(self, frame: Rgb) -> list[Detection]:
        """All faces, best first."""
        side = self._network.side
        square, scale, offset = letterbox(frame, side)
        regressions, logits = self._network(square.astype(np.float32) / 127.5 - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -60, 60)))
        good = np.flatnonzero(scores >= self._min_score)
        shapes = regressions[0, good].reshape(len(good), 2 + POINTS, 2)
        centers = self._anchors[good, None] * side
        # Rows: center, size, points. The size alone hangs on no anchor.
        places = shapes + centers * (np.arange(2 + POINTS) != 1)[:, None]
        half = shapes[:, 1] / 2
        boxes = np.hstack([places[:, 0] - half, places[:, 0] + half])
        to_frame = np.tile(offset, 2)
        return [
            Detection((boxes[i] - to_frame) / scale, float(scores[good[i]]), eyes)
            for i in separate(boxes, scores[good])
            for eyes in [(places[i, 2:4] - offset) / scale]
        ]


def anchors(layers: tuple[tuple[int, int], ...]) -> Array:
    """Centers in 0..1: (n, 2), x before y."""
    parts = []
    for cells, count in layers:
        line = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, count, axis=0))
    return np.concatenate(parts).astype(np.float32)


def letterbox(frame: Rgb, side: int) -> tuple[Rgb, float, Array]:
    """The frame in the middle of a black square; what it was scaled by, and where it begins."""
    height, width = frame.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    square = np.zeros((side, side, 3), np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    square[top : top + size[1], left : left + size[0]] = small
    return square, scale, np.array([left, top], np.float32)


def separate(boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating]) -> list[int]:
    """Indices of the boxes that stand for a face each, best first (non-maximum suppression)."""
    kept: list[int] = []
    for index in np.argsort(-scores):
        if all(overlap(boxes[index], boxes[other]) <= OVERLAP for other in kept):
            kept.append(int(index))
    return kept


def overlap(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    both = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return common / max(both - common, 1e-9)
