"""Bring a face into the upright square that the network knows. Source: LatentSync's AlignRestore.

Points and matrices are in pixels whose centers lie at whole numbers, x before y.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from inference.media.color import to_rgb
from inference.media.pictures import Box, Picture

Image = NDArray[np.uint8]
Matrix = NDArray[np.float32]

# Left brow, right brow, nose, in a canvas of 75 x 100 units.
TEMPLATE = np.array([[17, 20], [58, 20], [37.5, 40]])
CANVAS = (75, 100)
PIXELS_PER_UNIT_AT_256 = 2.8
OUTSIDE = 127
CHROMA_REACH = 2  # pixels: more than swscale's bilinear chroma reads to either side
SMOOTHING = 0.2  # the share of the offset before in the next one


def scale(resolution: int) -> float:
    return resolution / 256 * PIXELS_PER_UNIT_AT_256


def canvas_size(resolution: int) -> tuple[int, int]:
    """Width and height of the canvas between the frame and the square, in pixels."""
    width, height = CANVAS
    # In floats like the reference: at 384 px the product falls just under 420 and makes 419.
    return int(width * scale(resolution)), int(height * scale(resolution))


class Aligner:
    """Aligns the faces of one video in order; the smoothing remembers the frame before."""

    def __init__(self, resolution: int, *, smooth: bool = True) -> None:
        self.resolution = resolution
        self.canvas = canvas_size(resolution)
        self.template = TEMPLATE * scale(resolution)
        self._offset: NDArray[np.float64] | None = None
        self._smooth = smooth

    def matrix(self, points: ArrayLike) -> Matrix:
        """Frame to canvas, for the three points of this frame: (3, 2) -> (2, 3).

        Raises ValueError if the points coincide. Don't call it twice for one frame: it moves the
        smoothing on.
        """
        measured = np.asarray(points, dtype=np.float64)
        center, spread, shape = _normalize(measured)
        goal_center, goal_spread, goal_shape = _normalize(self.template)
        turn = goal_spread / spread * _rotation(shape, goal_shape)
        shift = goal_center - turn @ center
        if self._smooth:
            shift = shift + self._smoothed(goal_shape[2] - shape[2])
        return np.column_stack([turn, shift]).astype(np.float32)

    def _smoothed(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        # In units of the points' spread and yet added to pixels, as the reference does: it moves
        # the picture by less than half a pixel.
        if self._offset is not None:
            offset = SMOOTHING * self._offset + (1 - SMOOTHING) * offset
        self._offset = offset
        return offset

    def state(self) -> list[float] | None:
        """What the smoothing remembers, for JSON; restore() takes it back."""
        return None if self._offset is None else [float(value) for value in self._offset]

    def restore(self, state: list[float] | None) -> None:
        self._offset = None if state is None else np.array(state)

    def warp(self, frame: Image, matrix: Matrix) -> Image:
        """(H, W, 3) -> (R, R, 3). The 3:4 canvas becomes square: the aspect is not kept."""
        return self._squared(self.to_canvas(frame, matrix))

    def warp_picture(self, picture: Picture, matrix: Matrix) -> Image:
        """warp() of the picture's RGB, bit for bit, converting only what the canvas shows."""
        back = invert(matrix)
        low, high = self._seen(back, picture.width, picture.height)
        if (low >= high).any():
            return self._squared(self._nothing())
        box = _grown(low, high, picture)
        left, top = low - (box.left, box.top)
        right, bottom = high - (box.left, box.top)
        part = to_rgb(picture, box)[top:bottom, left:right]
        return self._squared(self._sampled(part, back, low))

    def to_canvas(self, frame: Image, matrix: Matrix) -> Image:
        """(H, W, 3) -> (canvas height, canvas width, 3); where the frame ends, a middle gray."""
        back = invert(matrix)
        low, high = self._seen(back, frame.shape[1], frame.shape[0])
        if (low >= high).any():
            return self._nothing()
        return self._sampled(frame[low[1] : high[1], low[0] : high[0]], back, low)

    def _seen(
        self, back: NDArray[np.float64], width: int, height: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Corners, x before y, of the part of a frame that the canvas shows: it spares the rest."""
        places = corners(back, *self.canvas)
        # One pixel of margin for the bilinear neighbors, one for rounding.
        low = np.floor(places.min(axis=0)).astype(np.int64) - 2
        high = np.ceil(places.max(axis=0)).astype(np.int64) + 3
        return np.clip(low, 0, None), np.minimum(high, (width, height))

    def _nothing(self) -> Image:
        return np.full((*reversed(self.canvas), 3), OUTSIDE, dtype=np.uint8)

    def _squared(self, canvas: Image) -> Image:
        square = (self.resolution, self.resolution)
        return np.asarray(cv2.resize(canvas, square, interpolation=cv2.INTER_LANCZOS4), np.uint8)

    def _sampled(self, part: Image, back: NDArray[np.float64], origin: NDArray[np.int64]) -> Image:
        """The canvas, from the part of the frame that begins at `origin`."""
        width, height = self.canvas
        back[:, 2] -= origin
        seen = torch.from_numpy(part).permute(2, 0, 1).float() - OUTSIDE
        canvas = sample(seen, back, (0, 0, width, height)) + OUTSIDE
        # Truncated, not rounded: half a level darker on average, as the network was trained.
        return canvas.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def invert(matrix: Matrix) -> NDArray[np.float64]:
    """The matrix that goes the other way, in fp64."""
    whole = np.vstack([matrix, [0, 0, 1]]).astype(np.float64)
    return np.asarray(np.linalg.inv(whole)[:2])


def sample(picture: Tensor, matrix: NDArray[np.float64], box: tuple[int, int, int, int]) -> Tensor:
    """Read a picture bilinearly at the places that a box's pixels are mapped to; 0 outside of it.

    picture: (c, h, w) fp32. matrix: from the box's coordinates to the picture's.
    box: left, top, right, bottom -> (c, bottom - top, right - left).
    OpenCV's warpAffine reads at 32nds of a pixel, which is off by several levels at sharp edges.
    """
    left, top, right, bottom = box
    x, y = np.arange(left, right), np.arange(top, bottom)
    (a, b, c), (d, e, f) = matrix
    height, width = picture.shape[1:]
    grid = np.empty((bottom - top, right - left, 2), dtype=np.float32)
    # grid_sample's own coordinates: -1 and 1 are the outer edges of the outer pixels.
    grid[..., 0] = ((a * x + c + 0.5) * 2 / width - 1) + (b * y * 2 / width)[:, None]
    grid[..., 1] = ((d * x + f + 0.5) * 2 / height - 1) + (e * y * 2 / height)[:, None]
    found = F.grid_sample(
        picture[None], torch.from_numpy(grid)[None], mode="bilinear", align_corners=False
    )
    return found[0]


def corners(matrix: NDArray[np.floating], width: int, height: int) -> NDArray[np.float64]:
    """Where the corners of a width x height picture are mapped to: (4, 2)."""
    x, y = width - 1, height - 1
    places = np.array([[0, 0, 1], [x, 0, 1], [0, y, 1], [x, y, 1]]) @ matrix.T
    return np.asarray(places, dtype=np.float64)


def _grown(low: NDArray[np.int64], high: NDArray[np.int64], picture: Picture) -> Box:
    """With the neighbors that chroma is interpolated from, on whole chroma samples."""
    step = np.array([1 << picture.layout.shift_x, 1 << picture.layout.shift_y])
    left, top = np.maximum((low - CHROMA_REACH) // step * step, 0)
    size = np.array([picture.width, picture.height])
    right, bottom = np.minimum(-(-(high + CHROMA_REACH) // step) * step, size)
    return Box(int(left), int(top), int(right), int(bottom))


def _normalize(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Centroid, unbiased deviation of all coordinates together, and the points freed of both."""
    center = points.mean(axis=0)
    spread = float((points - center).std(ddof=1))
    if not spread > 0:
        raise ValueError("the three points of a face coincide")
    return center, spread, (points - center) / spread


def _rotation(shape: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation, never a reflection, that turns one set of points best into the other."""
    u, _, vt = np.linalg.svd(shape.T @ goal)
    v = vt.T
    if np.linalg.det(v @ u.T) < 0:
        v[:, -1] *= -1
    return np.asarray(v @ u.T)
