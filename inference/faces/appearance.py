"""What a face looks like, in a few hundred numbers, and small pictures to compare frames by.

Nothing here recognizes a person: it tells the people of one film apart, and a face from whatever
stands before it.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.faces.face import Points, Rgb

Gray = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]

SMALL_SIDE = 640
FACE_SIDE, WIDE_SIDE = 24, 72
# Half a side of the two squares, in units of the three points' spread: the face from forehead to
# chin, and three times that. (In LatentSync's template the spread is 14.9 of 75 x 100 units.)
FACE_REACH, WIDE_REACH = 2.6, 7.8
DOWN = 1.3  # from the points' middle to the face's, in the same units
# Levels by which two crops may differ and still be called alike whatever their pattern.
SAME_LEVELS = 12.0


@dataclass(frozen=True)
class Small:
    """A frame halved until it has at most 640 pixels a side."""

    rgb: Rgb
    factor: int

    @classmethod
    def of(cls, frame: Rgb) -> "Small":
        factor = 1
        while max(frame.shape[:2]) > SMALL_SIDE * factor:
            factor *= 2
        return cls(reduced(frame, factor), factor)

    def square(self, points: Points, side: int, reach: float) -> tuple[Rgb, Points]:
        """An upright square around a face, and the (2, 3) matrix that leads from frame to it."""
        matrix = upright(points, side, reach)
        # Pixel centers lie at whole numbers: x here is factor x + (factor - 1) / 2 in the frame.
        back = np.diag([self.factor, self.factor, 1.0])
        back[:2, 2] = (self.factor - 1) / 2
        to_square = matrix @ back
        square = cv2.warpAffine(self.rgb, to_square, (side, side), flags=cv2.INTER_AREA)
        return np.asarray(square, np.uint8), matrix


def halvings(scale: float) -> int:
    """The largest power of two that is not above a scale; 1 at least."""
    return 1 << max(0, int(math.log2(max(scale, 1.0))))


def reduced(frame: Rgb, factor: int) -> Rgb:
    """Means of factor x factor pixels, a power of two; what is over at the edges is dropped.

    By halves, for which OpenCV has a fast way: 0.7 ms for a quarter of 1080p, 5.8 ms by any factor.
    """
    while factor > 1 and min(frame.shape[:2]) > 1:
        width, height = frame.shape[1] // 2, frame.shape[0] // 2
        whole = frame[: 2 * height, : 2 * width]
        frame = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))
        factor //= 2
    return frame


def upright(points: Points, side: int, reach: float) -> Points:
    """(2, 3): from the frame to a square of so many pixels that holds the face, eyes level."""
    middle = points.mean(axis=0)
    spread = max(float((points - middle).std(ddof=1)), 1e-3)
    across, down = points[1] - points[0]
    angle = math.atan2(float(down), float(across))
    cos, sin = math.cos(angle), math.sin(angle)
    center = middle + DOWN * spread * np.array([-sin, cos])
    scale = side / (2 * reach * spread)
    linear = scale * np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([linear, np.full(2, (side - 1) / 2) - linear @ center])


@dataclass(frozen=True)
class Glance:
    """The wide square around a face, in gray, from which the face's own is cut later.

    matrix: (2, 3) from the frame to the square.
    """

    gray: Gray
    matrix: Points

    @classmethod
    def at(cls, small: Small, points: Points) -> "Glance":
        square, matrix = small.square(points, WIDE_SIDE, WIDE_REACH)
        return cls(np.asarray(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY), np.uint8), matrix)

    def face(self, points: Points) -> Gray:
        """(24, 24): the face at these points of the frame."""
        back = cv2.invertAffineTransform(self.matrix)
        to_square = upright(points, FACE_SIDE, FACE_REACH) @ np.vstack([back, [0, 0, 1]])
        return np.asarray(cv2.warpAffine(self.gray, to_square, (FACE_SIDE, FACE_SIDE)), np.uint8)


def alike(one: Gray, other: Gray) -> bool:
    """Whether two crops can show the same face: the same pattern, or nearly the same levels."""
    a, b = one.astype(np.float32), other.astype(np.float32)
    return correlation(a, b) >= 0.5 or float(np.abs(a - b).mean()) <= SAME_LEVELS


def alike_from_afar(one: Gray, other: Gray) -> bool:
    """Whether two crops have the same lights and shades: a blur keeps them, another picture not."""
    a, b = (cv2.resize(crop, (3, 3), interpolation=cv2.INTER_AREA) for crop in (one, other))
    return float(np.abs(a.astype(np.float32) - b).mean()) <= 2 * SAME_LEVELS


def sharpness(crop: Gray) -> float:
    """Mean step from pixel to pixel, in levels."""
    levels = crop.astype(np.float32)
    across, down = np.abs(np.diff(levels, axis=1)), np.abs(np.diff(levels, axis=0))
    return float(across.mean() + down.mean())


def correlation(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> float:
    """-1..1; 0 where one of them is flat."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 1e-6 else 0.0


def describe(small: Small, points: Points) -> Vector:
    """Unit vector: the dot product of two is near 1 for one person, lower for two.

    Three parts of equal weight: the face's pattern of light, its colors with the hair's, and the
    colors below it, which are mostly clothes.
    """
    wide, _ = small.square(points, WIDE_SIDE, WIDE_REACH)
    # No wider than the face: what is beside it changes when they move.
    face, head, below = wide[24:48, 26:46], wide[19:47, 27:45], wide[51:63, 27:45]
    look = np.concatenate([_pattern(face), _colors(head), _colors(below)]) / np.float32(3**0.5)
    # Looks are kept for whole films: half the digits do, and are the same after a restart.
    return look.astype(np.float16).astype(np.float32)


def _pattern(face: Rgb) -> Vector:
    light = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = np.asarray(cv2.resize(light, (12, 12), interpolation=cv2.INTER_AREA))
    light -= light.mean()
    return _unit(light.ravel())


def _colors(part: Rgb) -> Vector:
    """Histograms of chroma (12 x 12 bins) and of light (12), each made soft, as a unit vector."""
    luma, red, blue = cv2.split(cv2.cvtColor(part, cv2.COLOR_RGB2YCrCb))
    chroma = cv2.calcHist([red, blue], [0, 1], None, [12, 12], [68, 188, 68, 188])
    light = cv2.calcHist([luma], [0], None, [12], [0, 256])
    soft = [cv2.GaussianBlur(chroma, (0, 0), 0.7).ravel(), cv2.blur(light, (1, 3)).ravel()]
    # Roots: the dot product of two is then the overlap of two distributions (Bhattacharyya).
    return _unit(np.concatenate([_unit(np.sqrt(np.maximum(counts, 0))) for counts in soft]))


def _unit(vector: npt.NDArray[np.floating]) -> Vector:
    size = float(np.linalg.norm(vector))
    return np.asarray(vector / size if size > 1e-6 else vector * 0, np.float32)
