"""The brush: polygons in template units, drawn where a matrix puts them, parts of pixels kept."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.demo.faces import Color

SUBPIXEL_BITS = 4


@dataclass
class Canvas:
    """A picture under the brush, (h, w, 3) uint8 RGB, and the way from template units to it."""

    picture: np.ndarray
    matrix: np.ndarray

    @property
    def unit(self) -> float:
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def fill(self, points: np.ndarray, color: Color) -> None:
        placed = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        fixed = np.round(placed * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(self.picture, [fixed], _paint(color), cv2.LINE_AA, SUBPIXEL_BITS)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: Color) -> None:
        self.fill(oval(x, y, rx, ry), color)

    def stroke(self, points: np.ndarray, thickness: float, color: Color) -> None:
        """A line with rounded ends that keeps its width in template units."""
        self.fill(_ribbon(points, thickness), color)


def _paint(color: Color) -> tuple[float, float, float]:
    r, g, b = np.clip(color, 0, 255)
    return (float(r), float(g), float(b))


def oval(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def _ribbon(points: np.ndarray, thickness: float) -> np.ndarray:
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= thickness / 2 / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    return np.concatenate([points + across, (points - across)[::-1]])


def shade(color: Color, factor: float) -> Color:
    r, g, b = color
    return (r * factor, g * factor, b * factor)


def mix(a: Color, b: Color, share: float) -> Color:
    r, g, b_ = np.array(a) * (1 - share) + np.array(b) * share
    return (float(r), float(g), float(b_))
