"""Faces anywhere in a picture: InsightFace's SCRFD (det_10g). Source: its paper and model files.

The picture lies in the upper left corner of a square, black elsewhere. For each stride the network
gives one score and four distances, in strides, for two anchors at each of the grid's points: from
the point to the box's left, upper, right and lower side.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inference.errors import WrongDetector
from inference.faces.face import Box, Rgb
from inference.faces.onnx import Array, Network

STRIDES = (8, 16, 32)
ANCHORS = 2
SIDE = 640  # where the file leaves it open; InsightFace's own default, LatentSync takes 512
MIN_SCORE = 0.5
OVERLAP = 0.4  # boxes that share more than this are one face
MEAN, SCALE = 127.5, 128.0


@dataclass(frozen=True)
class Detection:
    """box: left, top, right, bottom in pixels of the frame."""

    box: Box
    score: float


class Scrfd:
    def __init__(self, path: Path, device: str = "auto") -> None:
        self._network = Network(path, device)
        self.device = self._network.device
        self._path = path
        width, height = self._network.size or (SIDE, SIDE)
        self.side = width
        if width != height or width % STRIDES[-1]:
            raise WrongDetector(path, f"its input is {width} x {height}")

    def find(self, frame: Rgb) -> list[Detection]:
        """All faces in (H, W, 3), best first."""
        square, scale = letterbox(frame, self.side)
        # RGB, as InsightFace trained it. LatentSync hands it BGR.
        planes = (square.transpose(2, 0, 1).astype(np.float32) - MEAN) / SCALE
        scores, boxes = self._decoded(self._network(planes))
        kept = separate(boxes, scores)
        return [
            Detection((float(left), float(top), float(right), float(bottom)), float(score))
            for (left, top, right, bottom), score in zip(
                boxes[kept] / scale, scores[kept], strict=True
            )
        ]

    def _decoded(self, outputs: list[Array]) -> tuple[Array, Array]:
        """Scores (n,) and boxes (n, 4), in pixels of the square, of all likely faces."""
        levels = len(STRIDES)
        if len(outputs) not in (2 * levels, 3 * levels):  # with and without five points a face
            raise WrongDetector(self._path, f"it has {len(outputs)} outputs")
        scores, boxes = [], []
        for level, stride in enumerate(STRIDES):
            score = outputs[level].reshape(-1)
            distances = outputs[levels + level].reshape(-1, 4) * stride
            centers = anchors(self.side, stride)
            if len(score) != len(centers) or len(distances) != len(centers):
                raise WrongDetector(
                    self._path, f"stride {stride} has {len(score)} scores, not {len(centers)}"
                )
            good = np.flatnonzero(score >= MIN_SCORE)
            scores.append(score[good])
            near, far = distances[good, :2], distances[good, 2:]
            boxes.append(np.hstack([centers[good] - near, centers[good] + far]))
        return np.concatenate(scores), np.concatenate(boxes)


@lru_cache(maxsize=8)
def anchors(side: int, stride: int) -> Array:
    """(n, 2), x before y: each point of the grid twice, rows first."""
    line = np.arange(side // stride, dtype=np.float32) * stride
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return np.repeat(grid, ANCHORS, axis=0)


def letterbox(frame: Rgb, side: int) -> tuple[Rgb, float]:
    """The frame in the upper left of a black square, and what it was scaled by."""
    height, width = frame.shape[:2]
    scale = side / max(height, width)
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    square = np.zeros((side, side, 3), np.uint8)
    # InsightFace reads bilinearly in both ways, which aliases when it shrinks.
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[: size[1], : size[0]] = cv2.resize(frame, size, interpolation=how)
    return square, scale


def separate(boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating]) -> list[int]:
    """Indices of the boxes that stand for a face each, best first (non-maximum suppression).

    Sides count their last pixel, as in the code that the networks were made with.
    """
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, others = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[others, :2])
        high = np.minimum(boxes[best, 2:], boxes[others, 2:])
        common = np.clip(high - low + 1, 0, None).prod(axis=1)
        order = others[common / (areas[best] + areas[others] - common) <= OVERLAP]
    return kept
