"""A picture as its decoder gave it: planes of Y, U and V, in the source's own precision.

The paste changes numbers inside these planes and touches no other, so what is far from the mouth
reaches the encoder exactly as it was.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.media.info import ColorTags

Plane = npt.NDArray[Any]  # (h, w) uint8, or uint16 above 8 bits


@dataclass(frozen=True)
class PlaneLayout:
    """FFmpeg's planar Y'CbCr: 4:2:0, 4:2:2 or 4:4:4, 8 or 10 bits. A shift of 1 halves."""

    shift_x: int
    shift_y: int
    bits: int = 8

    @property
    def name(self) -> str:
        chroma = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}[self.shift_x, self.shift_y]
        return f"yuv{chroma}p" + ("10le" if self.bits == 10 else "")

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8 if self.bits == 8 else "<u2")

    def shapes(self, width: int, height: int) -> list[tuple[int, int]]:
        """(rows, columns) of Y, U, V."""
        chroma = (-(-height >> self.shift_y), -(-width >> self.shift_x))
        return [(height, width), chroma, chroma]


LAYOUTS = {
    layout.name: layout
    for layout in (PlaneLayout(x, y, bits) for x, y in ((1, 1), (1, 0), (0, 0)) for bits in (8, 10))
}


@dataclass(frozen=True)
class Box:
    """Pixels [left, right) x [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.right - self.left, self.bottom - self.top

    def slices(self, shift_x: int = 0, shift_y: int = 0) -> tuple[slice, slice]:
        return (
            slice(self.top >> shift_y, -(-self.bottom >> shift_y)),
            slice(self.left >> shift_x, -(-self.right >> shift_x)),
        )


@dataclass(frozen=True)
class Picture:
    planes: list[Plane]
    layout: PlaneLayout
    tags: ColorTags

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def whole(self) -> Box:
        return Box(0, 0, self.width, self.height)
