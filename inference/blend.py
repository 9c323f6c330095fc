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
from inference.errors import BadCheckpoint
from inference.media.color import add_rgb, to_rgb
from inference.media.pictures import Box, Picture

Rgb = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]

# Measured at 128 px: the edge shows no outline on real faces, and the mouth stays whole.
MEASURED_AT = 128
RING, INSET, SIGMA = 6, 4, 2.5
MARGIN = 2  # pixels around the patch, for interpolation


@dataclass(frozen=True)
class Feather:
    """What a mask, (R, R), 1 = keep, means for laying a mouth.

    repaint: 1 where the network may paint. opacity: 0..1, nothing outside of it, full `2 * inset`
    pixels within. ring: the kept skin around it, whose colors tell how the patch's are off.
    """

    repaint: Marks
    opacity: Floats
    ring: npt.NDArray[np.bool_]
    inset: int

    @classmethod
    def of(cls, mask: Tensor) -> "Feather":
        """Raises BadCheckpoint for a mask that isn't square or leaves no mouth to paint."""
        if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
            raise BadCheckpoint(f"The mask is {tuple(mask.shape)}; it must be square.")
        repaint = (mask.numpy() < 0.5).astype(np.uint8)
        unit = mask.shape[-1] / MEASURED_AT
        inset = max(1, round(INSET * unit))
        # Eroded by the very square that the blur then spreads over: it ends at the edge of what may
        # be repainted, never beyond.
        size = 2 * inset + 1
        inner = cv2.erode(repaint, np.ones((size, size), np.uint8), borderValue=0)
        if not inner.any():
            raise BadCheckpoint("The mask leaves no mouth to be painted.")
        opacity = cv2.GaussianBlur(
            inner.astype(np.float32), (size, size), SIGMA * unit, borderType=cv2.BORDER_CONSTANT
        )
        ring = cv2.dilate(repaint, _disc(RING * unit)) - repaint
        return cls(repaint, opacity, ring.astype(bool), inset)


@dataclass(frozen=True)
class Patch:
    """What one frame gets: face (R, R, 3) in 0..255, and the matrix that aligned it."""

    face: Floats
    matrix: Matrix


class Blender:
    """Blends patches by one mask, (R, R), 1 = keep."""

    def __init__(self, mask: Tensor, *, color_match: bool = True) -> None:
        self.color_match = color_match
        self.resolution = mask.shape[-1]
        feather = Feather.of(mask)
        self._ring, self.opacity = feather.ring, feather.opacity
        self._corners = _corners(self.opacity)

    def patch(self, decoded: Tensor, reference: Rgb, matrix: Matrix) -> Patch:
        """decoded: (3, R, R) in about -1..1; reference: (R, R, 3), the face it came from."""
        face = ((decoded.float().cpu() / 2 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0).numpy()
        # The decoder shifts colors evenly; the skin around the mouth tells by how much.
        shift = (reference[self._ring] - face[self._ring]).mean(axis=0)
        return Patch(np.clip(face + shift, 0, 255).astype(np.float32), matrix)

    def composed(self, patch: Patch, reference: Rgb, opacity: float = 1.0) -> Rgb:
        """The square as the viewer gets it, (R, R, 3): what the report measures."""
        cover = (self.opacity * opacity)[..., None]
        return np.rint(reference + cover * (patch.face - reference)).astype(np.uint8)

    def lay(self, picture: Picture, patch: Patch, opacity: float = 1.0) -> None:
        """Change the picture's planes in place; samples outside the opacity stay as they are.

        opacity: 0..1, how much of the patch is seen where a face comes or goes.
        """
        to_frame = self._to_frame(patch.matrix)
        box = self._box(to_frame, picture)
        if box is None:
            return
        face, soft, to_frame = self._fitted(patch.face, to_frame)
        place = to_frame.copy()
        place[:, 2] -= (box.left, box.top)
        size = (box.right - box.left, box.bottom - box.top)
        cover = cv2.warpAffine(soft, place, size, flags=cv2.INTER_LINEAR)
        mouth = cv2.warpAffine(
            face, place, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        old = to_rgb(picture, box).astype(np.float32)
        add_rgb(picture, box, opacity * cover[..., None] * (np.clip(mouth, 0, 255) - old))

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
