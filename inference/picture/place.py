"""Where the model's square lies in one plane of a frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.media.pictures import Box, Picture
from inference.picture.align import Matrix, canvas_size, invert

Floats = npt.NDArray[np.float32]
Turn = npt.NDArray[np.float64]

MARGIN = 2  # pixels around the patch, for interpolation
SMALLEST = 8  # pixels a side that a square is made smaller to, at most


@dataclass(frozen=True)
class Place:
    """One plane's part in a patch. index: the plane's. slices: rows and columns of what the patch
    reaches in it. turn: (2, 3), from the square to that part."""

    index: int
    slices: tuple[slice, slice]
    turn: Turn

    def warped(self, square: Floats, interpolation: int, border: int) -> Floats:
        """Read a square, or a cut of it, (h, w) or (h, w, c), at this part's samples."""
        square, turn = _fitted(square, self.turn)
        rows, columns = self.slices
        size = (columns.stop - columns.start, rows.stop - rows.start)
        found = cv2.warpAffine(square, turn, size, flags=interpolation, borderMode=border)
        return np.asarray(found, np.float32)


def to_frame(matrix: Matrix, resolution: int) -> Turn:
    """(2, 3): from the square to the frame, the inverse of aligning and squaring."""
    ratio = np.array(canvas_size(resolution)) / resolution
    back = invert(matrix)
    # cv2.resize maps outer edges to outer edges, matrices map centers to centers.
    shift = back[:, 2] + back[:, :2] @ ((ratio - 1) / 2)
    return np.column_stack([back[:, :2] * ratio, shift])


def places(picture: Picture, turn: Turn, corners: npt.NDArray[np.float64]) -> Iterator[Place]:
    """The parts of Y, U and V that a patch reaches; none if it lies outside of the frame.

    turn: from the square to the frame. corners: (4, 2), of what is laid, in the square.
    """
    box = reached(picture, corners @ turn[:, :2].T + turn[:, 2])
    if box is None:
        return
    layout = picture.layout
    for index, shifts in enumerate([(0, 0), *[(layout.shift_x, layout.shift_y)] * 2]):
        rows, columns = box.slices(*shifts)
        step = np.array([1 << shifts[0], 1 << shifts[1]])
        # A chroma sample lies in the middle of its pixels, as FFmpeg's scaler takes it to.
        shift = (turn[:, 2] - (step - 1) / 2) / step - (columns.start, rows.start)
        yield Place(index, (rows, columns), np.column_stack([turn[:, :2] / step[:, None], shift]))


def reached(picture: Picture, points: npt.NDArray[np.float64], margin: int = MARGIN) -> Box | None:
    """The smallest box around points of the frame that lies on whole chroma samples."""
    step = np.array([1 << picture.layout.shift_x, 1 << picture.layout.shift_y])
    low = np.floor((points.min(axis=0) - margin) / step) * step
    high = np.ceil((points.max(axis=0) + margin + 1) / step) * step
    size = np.array([picture.width, picture.height])
    left, top = np.clip(low, 0, size).astype(int)
    right, bottom = np.clip(high, 0, size).astype(int)
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def _fitted(square: Floats, turn: Turn) -> tuple[Floats, Turn]:
    """A square made smaller first where its place is: reading it in large steps would alias."""
    sizes = np.array([square.shape[1], square.shape[0]])
    steps = np.linalg.norm(turn[:, :2], axis=0)  # along the square's own axes: x, y
    factors = (1 / np.maximum(steps, 1e-3)).astype(int)
    if (factors < 2).all():
        return square, turn
    fitting = np.maximum(sizes // np.maximum(factors, 1), np.minimum(sizes, SMALLEST))
    ratio = sizes / fitting
    size = (int(fitting[0]), int(fitting[1]))
    smaller = cv2.resize(square, size, interpolation=cv2.INTER_AREA)
    shift = turn[:, 2] + turn[:, :2] @ ((ratio - 1) / 2)
    return np.asarray(smaller, np.float32), np.column_stack([turn[:, :2] * ratio, shift])
