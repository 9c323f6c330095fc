"""Lay a generated mouth into its frame: only what is repainted, matched in color, soft-edged.

The reference pastes the whole aligned canvas (see `paste`), so eyes and cheeks come back softer
than they were. Here whatever the mask keeps stays the source's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.errors import BadCheckpoint
from inference.media.color import from_rgb
from inference.media.pictures import Picture
from inference.picture.align import Matrix
from inference.picture.paste import keep_surround, reach_of_canvas, restore_into
from inference.picture.place import Place, places, to_frame

Rgb = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]

# Measured at 128 px: the edge shows no outline on real faces, and the mouth stays whole.
MEASURED_AT = 128
RING, INSET, SIGMA = 6, 4, 2.5
RING_SAMPLE = 2048  # pixels of the ring, at most, that tell the colors
CUT_MARGIN = 2  # pixels around the opacity, for cubic interpolation
# Aligned faces are truncated to whole levels (see Aligner): as much darker than their frame.
TRUNCATED = 0.5


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
        if not ring.any():
            raise BadCheckpoint("The mask keeps nothing around the mouth.")
        return cls(repaint, opacity, ring.astype(bool), inset)


@dataclass(frozen=True)
class Patch:
    """What one frame gets: face (R, R, 3) in 0..255, and the matrix that aligned it."""

    face: Floats
    matrix: Matrix


class Blender:
    """Blends patches by one mask, (R, R), 1 = keep.

    color_match: shift a patch's colors so that they go on from the skin around it, and lay only
    what is repainted, under a feather. Without it the reference's formulas hold: the whole aligned
    canvas is pasted as it came from the network (see `paste`).
    """

    def __init__(self, mask: Tensor, *, color_match: bool = True) -> None:
        feather = Feather.of(mask)
        self.resolution, self.color_match = mask.shape[-1], color_match
        self.opacity = feather.opacity
        self._mask = mask.float()
        ring = np.flatnonzero(feather.ring)
        self._ring = torch.from_numpy(ring[:: -(-len(ring) // RING_SAMPLE)])
        self._cut = _cut(self.opacity)
        self._cover = np.ascontiguousarray(self.opacity[self._cut])
        height, width = self._cover.shape
        self._corners = np.array([(x, y) for y in (0, height - 1) for x in (0, width - 1)], float)

    def patch(self, decoded: Tensor, reference: Rgb, matrix: Matrix) -> Patch:
        """decoded: (3, R, R) in about -1..1; reference: (R, R, 3), the face it came from.

        Raises BadCheckpoint if they are not of the mask's size.
        """
        self._check_size(decoded, reference)
        face = decoded.float().cpu()
        shown = torch.from_numpy(reference)
        if self.color_match:
            black = 127.5 + self._shift(face, shown)
            face = (face * 127.5).add_(black[:, None, None]).clamp_(0, 255)
        else:
            pixels = shown.permute(2, 0, 1) / 127.5 - 1
            face = (keep_surround(face, pixels, self._mask) / 2 + 0.5) * 255
        return Patch(face.permute(1, 2, 0).contiguous().numpy(), matrix)

    def composed(self, patch: Patch, reference: Rgb, opacity: float = 1.0) -> Rgb:
        """The square as the viewer gets it, (R, R, 3): what the report measures."""
        if not self.color_match:
            return _mixed(reference, patch.face.clip(0, 255), np.float32(opacity))
        result, cover = reference.copy(), self._cover[..., None] * np.float32(opacity)
        face = patch.face[self._cut] - np.float32(TRUNCATED)
        result[self._cut] = _mixed(reference[self._cut], face, cover)
        return result

    def lay(self, picture: Picture, patch: Patch, opacity: float = 1.0) -> None:
        """Change the picture's planes in place; samples outside covers() stay as they are.

        opacity: 0..1, how much of the patch is seen where a face comes or goes.
        """
        if not self.color_match:
            face = torch.from_numpy(patch.face).permute(2, 0, 1) / 127.5 - 1
            restore_into(picture, face, patch.matrix, opacity)
            return
        colors = cv2.split(from_rgb(np.ascontiguousarray(patch.face[self._cut]), picture))
        top = (1 << picture.layout.bits) - 1
        for place, cover in self._covers(picture, patch.matrix):
            part = picture.planes[place.index][place.slices]
            new = place.warped(colors[place.index], cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
            new -= part
            new *= cover
            if opacity != 1:
                new *= np.float32(opacity)
            new += part
            part[...] = np.clip(np.rint(new, out=new), 0, top, out=new)

    def covers(self, picture: Picture, matrix: Matrix) -> list[npt.NDArray[np.bool_]]:
        """Which samples of Y, U and V lay() may change, for a patch with this matrix."""
        if not self.color_match:
            return reach_of_canvas(picture, matrix, self.resolution)
        reach = [np.zeros(plane.shape, bool) for plane in picture.planes]
        for place, cover in self._covers(picture, matrix):
            reach[place.index][place.slices] = cover > 0
        return reach

    def _covers(self, picture: Picture, matrix: Matrix) -> Iterator[tuple[Place, Floats]]:
        """What the patch reaches of each plane, and how opaque it is there."""
        turn, (rows, columns) = to_frame(matrix, self.resolution), self._cut
        turn[:, 2] += turn[:, :2] @ (columns.start, rows.start)
        for place in places(picture, turn, self._corners):
            if place.index < 2:  # U and V lie alike
                cover = place.warped(self._cover, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
            yield place, cover

    def _shift(self, face: Tensor, shown: Tensor) -> Tensor:
        """(3,): by how many levels the skin around the mouth is darker in the network's face."""
        painted = (face.flatten(1)[:, self._ring] * 127.5 + 127.5).clamp_(0, 255)
        real = shown.flatten(0, 1)[self._ring].T
        # The middle half: a hand, a collar or the frame's edge in the ring must not tint the mouth.
        ordered = (real - painted).sort(dim=1).values
        quarter = ordered.shape[1] // 4
        return ordered[:, quarter : ordered.shape[1] - quarter].mean(dim=1) + TRUNCATED

    def _check_size(self, decoded: Tensor, reference: Rgb) -> None:
        side = self.resolution
        if decoded.shape != (3, side, side) or reference.shape != (side, side, 3):
            raise BadCheckpoint(
                f"The mask is made for {side} pixels; the network paints {decoded.shape[-1]}.",
                hint="Give the bundle a mask of the model's own resolution, or none.",
            )


def _disc(radius: float) -> npt.NDArray[np.uint8]:
    side = 2 * round(radius) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)


def _mixed(old: Rgb, new: Floats, share: Floats | np.float32) -> Rgb:
    change = new - old
    change *= share
    change += old
    return np.rint(change, out=change).astype(np.uint8)


def _cut(opacity: Floats) -> tuple[slice, slice]:
    """Rows and columns that hold all of the opacity, and the neighbors that a warp reads."""
    rows, columns = np.nonzero(opacity)
    return _span(rows), _span(columns)


def _span(places: npt.NDArray[np.intp]) -> slice:
    return slice(max(0, int(places.min()) - CUT_MARGIN), int(places.max()) + 1 + CUT_MARGIN)
