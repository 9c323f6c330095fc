"""Put a generated face back into its frame. Source: LatentSync's AlignRestore.restore_img.

The reference works on the whole picture; here the same formulas run on the box around the face.
"""

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from inference.media.color import add_rgb, to_rgb
from inference.media.pictures import Box, Picture
from inference.picture.align import OUTSIDE, Image, Matrix, canvas_size, corners, invert, sample
from inference.picture.place import reached

MARGIN = 3  # pixels: a bilinear neighbor, the small erosion, rounding
Mask = NDArray[np.float32]
Edges = tuple[int, int, int, int]  # left, top, right, bottom


def keep_surround(decoded: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """The decoded mouth in the face it came from: (..., 3, R, R) each; mask 1 = keep."""
    return decoded * (1 - mask) + reference * mask


def restore(frame: Image, face: Tensor | NDArray[np.float32], matrix: Matrix) -> Image:
    """A copy of the frame with the face in it; outside the face's box not a byte differs.

    frame: (H, W, 3) uint8. face: (3, R, R) in -1..1. matrix: the one that aligned it.
    """
    picture = torch.as_tensor(face, dtype=torch.float32, device="cpu")
    size = np.array([frame.shape[1], frame.shape[0]])
    box = _box(matrix, canvas_size(picture.shape[-1]), size)
    result = frame.copy()
    if box is not None:
        left, top, right, bottom = box
        seen = frame[top:bottom, left:right]
        result[top:bottom, left:right] = _blended(seen, picture, matrix, box)
    return result


def restore_into(picture: Picture, face: Tensor, matrix: Matrix, opacity: float = 1.0) -> None:
    """The same in the planes of a picture: what it changes of the RGB is added to them.

    face: (3, R, R) in -1..1. opacity: 0..1, the share of the change that is made.
    """
    box = _whole_box(picture, matrix, face.shape[-1])
    if box is None:
        return
    old = to_rgb(picture, box)
    edges = (box.left, box.top, box.right, box.bottom)
    new = _blended(old, face, matrix, edges)
    add_rgb(picture, box, opacity * (new.astype(np.float32) - old))


def reach_of_canvas(picture: Picture, matrix: Matrix, resolution: int) -> list[NDArray[np.bool_]]:
    """Which samples of Y, U and V restore_into() may change."""
    reach = [np.zeros(plane.shape, bool) for plane in picture.planes]
    box = _whole_box(picture, matrix, resolution)
    if box is None:
        return reach
    edges = (box.left, box.top, box.right, box.bottom)
    _, soft = _cover(matrix, canvas_size(resolution), edges)
    seen = (soft[..., 0] > 0).astype(np.float32)
    for index, plane in enumerate(reach):
        shifts = (picture.layout.shift_x, picture.layout.shift_y) if index else (0, 0)
        part = plane[box.slices(*shifts)]
        size = (part.shape[1], part.shape[0])
        part[...] = cv2.resize(seen, size, interpolation=cv2.INTER_AREA) > 0
    return reach


def _blended(seen: Image, face: Tensor, matrix: Matrix, box: Edges) -> Image:
    """The part of a frame that lies in a box, with the face over it."""
    width, height = canvas_size(face.shape[-1])
    canvas = F.interpolate(face[None], (height, width), mode="bicubic", antialias=True)[0]
    place = matrix.astype(np.float64)
    pasted = _to_levels(sample(canvas - OUTSIDE, place, box) + OUTSIDE)
    solid, soft = _cover(matrix, (width, height), box)
    blend = soft * (solid * pasted) + (1 - soft) * seen.astype(np.float32)
    return blend.astype(np.uint8)


def _cover(matrix: Matrix, canvas: tuple[int, int], box: Edges) -> tuple[Mask, Mask]:
    width, height = canvas
    covered = sample(torch.ones(1, height, width), matrix.astype(np.float64), box)[0].numpy()
    return soften(covered)


def soften(covered: Mask) -> tuple[Mask, Mask]:
    """Shrink the area a face covers, and its soft copy that fades within it: (h, w) to (h, w, 1)s.

    The fade is as wide as the visible face is large: a tenth of the root of its area.
    """
    solid = cv2.erode(covered, np.ones((2, 2), np.uint8), anchor=(1, 1))
    edge = int(math.sqrt(float(solid.sum(dtype=np.float64)))) // 20
    if not edge:
        return solid[..., None].astype(np.float32), solid[..., None].astype(np.float32)
    side, size = 2 * edge, 2 * edge + 1
    shrunk = cv2.erode(solid, np.ones((side, side), np.uint8), anchor=(edge, edge))
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    soft = cv2.GaussianBlur(shrunk, (size, size), sigma, borderType=cv2.BORDER_REFLECT_101)
    return solid[..., None].astype(np.float32), soft[..., None].astype(np.float32)


def _to_levels(picture: Tensor) -> NDArray[np.float32]:
    """(3, h, w) in -1..1 and beyond -> (h, w, 3) in 0..255, not yet truncated."""
    levels = (picture / 2 + 0.5).clamp(0, 1) * 255
    return levels.permute(1, 2, 0).contiguous().numpy()


def _box(matrix: Matrix, canvas: tuple[int, int], size: NDArray[np.integer]) -> Edges | None:
    """Left, top, right, bottom of what the canvas can reach in a frame; None if nothing."""
    places = corners(invert(matrix), *canvas)
    low = np.maximum(np.floor(places.min(axis=0)) - MARGIN, 0).astype(int)
    high = np.minimum(np.ceil(places.max(axis=0)) + MARGIN + 1, size).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _whole_box(picture: Picture, matrix: Matrix, resolution: int) -> Box | None:
    """The same on whole chroma samples."""
    return reached(picture, corners(invert(matrix), *canvas_size(resolution)), MARGIN)
