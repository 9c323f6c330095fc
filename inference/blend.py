"""Lay a generated mouth into its frame: only what is repainted, matched in color, soft-edged.

The reference pastes the whole aligned canvas (see `paste`), so eyes and cheeks come back softer
than they were. Here whatever the mask keeps stays the source's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from inference.align import Matrix, canvas_size, invert
from inference.media.color import add_rgb, to_rgb
from inference.media.pictures import Box, Picture

Rgb = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Measured at 128 px: the edge shows no outline on real faces, and the mouth stays whole.
MEASURED_AT = 128
RING, INSET, SIGMA = 6, 4, 2.5
MARGIN = 2  # pixels around the patch, for interpolation


@dataclass(frozen=True)
class Patch:
    """What one frame gets: face (R, R, 3) in 0..255, and the matrix that aligned it."""

    face: Floats
    matrix: Matrix


class Blender:
    """Blends patches by one mask, (R, R), 1 = keep."""

    def __init__(self, mask: Tensor) -> None:
        self.resolution = mask.shape[-1]
        repaint = (mask.numpy() < 0.5).astype(np.uint8)
        unit = self.resolution / MEASURED_AT
        ring = cv2.dilate(repaint, _disc(RING * unit)) - repaint
        self._ring = ring.astype(bool)
        # Eroded by the very square that the blur then spreads over: it ends at the edge of what may
        # be repainted, never beyond.
        size = 2 * max(1, round(INSET * unit)) + 1
        inner = cv2.erode(repaint, np.ones((size, size), np.uint8), borderValue=0)
        self.opacity: Floats = cv2.GaussianBlur(
            inner.astype(np.float32), (size, size), SIGMA * unit, borderType=cv2.BORDER_CONSTANT
        )
        self._corners = _corners(self.opacity)

    def patch(self, decoded: Tensor, reference: Rgb, matrix: Matrix) -> Patch:
        """decoded: (3, R, R) in about -1..1; reference: (R, R, 3), the face it came from."""
        face = ((decoded.float().cpu() / 2 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0).numpy()
        # The decoder shifts colors evenly; the skin around the mouth tells by how much.
        shift = (reference[self._ring] - face[self._ring]).mean(axis=0)
        return Patch(np.clip(face + shift, 0, 255).astype(np.float32), matrix)

    def lay(self, picture: Picture, patch: Patch) -> None:
        """Change the picture's planes in place; samples outside the opacity stay as they are."""
        to_frame = self._to_frame(patch.matrix)
        box = self._box(to_frame, picture)
        if box is None:
            return
        face, opacity, to_frame = self._fitted(patch.face, to_frame)
        place = to_frame.copy()
        place[:, 2] -= (box.left, box.top)
        size = (box.right - box.left, box.bottom - box.top)
        cover = cv2.warpAffine(opacity, place, size, flags=cv2.INTER_LINEAR)
        mouth = cv2.warpAffine(
            face, place, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        old = to_rgb(picture, box).astype(np.float32)
        add_rgb(picture, box, cover[..., None] * (np.clip(mouth, 0, 255) - old))

    def _to_frame(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """(2, 3): from the square to the frame, the inverse of aligning and squaring."""
        width, height = canvas_size(self.resolution)
        ratio = np.array([width, height]) / self.resolution
        back = invert(matrix)
        turn = back[:, :2] * ratio
        # cv2.resize maps outer edges to outer edges, matrices map centers to centers.
        return np.column_stack([turn, back[:, 2] + back[:, :2] @ ((ratio - 1) / 2)])

    def _box(self, to_frame: npt.NDArray[np.float64], picture: Picture) -> Box | None:
        """What the patch reaches in the frame, grown to whole chroma samples."""
        places = self._corners @ to_frame[:, :2].T + to_frame[:, 2]
        step = np.array([1 << picture.layout.shift_x, 1 << picture.layout.shift_y])
        low = np.floor((places.min(axis=0) - MARGIN) / step) * step
        high = np.ceil((places.max(axis=0) + MARGIN + 1) / step) * step
        size = np.array([picture.width, picture.height])
        left, top = np.clip(low, 0, size).astype(int)
        right, bottom = np.clip(high, 0, size).astype(int)
        return Box(left, top, right, bottom) if left < right and top < bottom else None

    def _fitted(
        self, face: Floats, to_frame: npt.NDArray[np.float64]
    ) -> tuple[Floats, Floats, npt.NDArray[np.float64]]:
        """Face and opacity, made smaller first where the frame's face is: else they would alias."""
        scale = float(np.sqrt(abs(np.linalg.det(to_frame[:, :2]))))
        factor = int(1 / max(scale, 1e-3))
        if factor < 2:
            return face, self.opacity, to_frame
        side = max(8, self.resolution // factor)
        ratio = self.resolution / side
        resized = [
            cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA)
            for each in (face, self.opacity)
        ]
        turn = to_frame[:, :2] * ratio
        shift = to_frame[:, 2] + to_frame[:, :2] @ np.full(2, (ratio - 1) / 2)
        return resized[0], resized[1], np.column_stack([turn, shift])


def _disc(radius: float) -> npt.NDArray[np.uint8]:
    side = 2 * round(radius) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)


def _corners(opacity: Floats) -> npt.NDArray[np.float64]:
    """(4, 2): of the smallest box that holds all of the opacity, x before y."""
    rows, columns = np.nonzero(opacity)
    if not len(rows):
        return np.zeros((4, 2))
    low, high = (columns.min(), rows.min()), (columns.max(), rows.max())
    return np.array([low, (high[0], low[1]), (low[0], high[1]), high], dtype=np.float64)
