"""Where on the aligned square each figure is taken."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from inference.picture.blend import Feather

SECTORS = 32  # pieces of the border, by direction from the mask's middle
SAMPLED_ROWS = 64  # of a square, where a sample of it is enough

Marks = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Zones:
    """The parts of a square that matter, cut to the smallest box that holds them all.

    box: rows and columns of that box in the square. inside, around: (h, w), 255 where the mouth is
    laid (at least half opaque) and in the ring of kept skin around the mask. sample: flat places
    in the square, a grid of the pixels inside. band: flat places in the box around the mask's
    border, sorted by line (outermost first) and sector; starts: where each of those begins.
    """

    resolution: int
    box: tuple[slice, slice]
    inside: Marks
    around: Marks
    sample: Indices
    band: Indices
    bins: Indices
    starts: Indices
    lines: int

    @classmethod
    def of(cls, mask: Tensor) -> "Zones":
        """mask: (R, R), 1 = keep. Raises BadCheckpoint as Feather does."""
        feather = Feather.of(mask)
        inside, around = feather.opacity >= 0.5, feather.ring
        # Pixels to the border: 1, 2, ... within what is repainted; 0, -1, ... outside of it.
        depth = _depth(feather.repaint)
        band = (depth >= -1) & (depth <= feather.inset + 1)
        box = _box(inside | around | band)
        places = np.flatnonzero(band[box])
        lines = depth[box].flat[places] + 1
        bins = lines * SECTORS + _sectors(feather.repaint)[box].flat[places]
        order = np.argsort(bins, kind="stable")
        used, starts = np.unique(bins[order], return_index=True)
        return cls(
            resolution=mask.shape[-1],
            box=box,
            inside=_marks(inside[box]),
            around=_marks(around[box]),
            sample=_sample(inside),
            band=places[order],
            bins=used,
            starts=starts,
            lines=feather.inset + 3,
        )

    def means(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Mean level of each line, sector and channel: (h, w, 3) of the box -> (lines, 32, 3).

        NaN where a small square's line has no pixel in a sector.
        """
        seen = picture.reshape(-1, 3)[self.band].astype(np.float32)
        counts = np.diff(self.starts, append=len(self.band))
        means = np.full((self.lines * SECTORS, 3), np.nan, np.float32)
        means[self.bins] = np.add.reduceat(seen, self.starts, axis=0) / counts[:, None]
        return means.reshape(self.lines, SECTORS, 3)


def _sample(inside: npt.NDArray[np.bool_]) -> Indices:
    step = max(1, len(inside) // SAMPLED_ROWS)
    grid = np.zeros_like(inside)
    grid[::step, ::step] = True
    return np.flatnonzero(inside & grid)


def _depth(repaint: Marks) -> npt.NDArray[np.int64]:
    within = cv2.distanceTransform(repaint, cv2.DIST_C, 3)
    beyond = cv2.distanceTransform(1 - repaint, cv2.DIST_C, 3)
    return np.where(repaint > 0, within, 1 - beyond).astype(np.int64)


def _sectors(repaint: Marks) -> npt.NDArray[np.int64]:
    rows, columns = np.nonzero(repaint)
    y, x = np.mgrid[: repaint.shape[0], : repaint.shape[1]]
    angle = np.arctan2(y - rows.mean(), x - columns.mean()) / (2 * np.pi) + 0.5
    return np.minimum(angle * SECTORS, SECTORS - 1).astype(np.int64)


def _box(marked: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.nonzero(marked)
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def _marks(marked: npt.NDArray[np.bool_]) -> Marks:
    return np.ascontiguousarray(marked, dtype=np.uint8) * 255
