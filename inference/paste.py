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

from inference.align import OUTSIDE, Image, Matrix, canvas_size, corners, sample

MARGIN = 3  # pixels: a bilinear neighbor, the small erosion, rounding
Mask = NDArray[np.float32]


def keep_surround(decoded: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """The decoded mouth in the face it came from: (..., 3, R, R) each; mask 1 = keep."""
    return decoded * (1 - mask) + reference * mask


def restore(frame: Image, face: Tensor | NDArray[np.float32], matrix: Matrix) -> Image:
    """A copy of the frame with the face in it; outside the face's box not a byte differs.

    frame: (H, W, 3) uint8. face: (3, R, R) in -1..1. matrix: the one that aligned it.
    """
    picture = torch.as_tensor(face, dtype=torch.float32, device="cpu")
    width, height = canvas_size(picture.shape[-1])
    box = _box(matrix, (width, height), frame)
    result = frame.copy()
    if box is None:
        return result
    left, top, right, bottom = box
    canvas = F.interpolate(picture[None], (height, width), mode="bicubic", antialias=True)[0]
    place = matrix.astype(np.float64)
    pasted = _to_levels(sample(canvas - OUTSIDE, place, box) + OUTSIDE)
    covered = sample(torch.ones(1, height, width), place, box)[0].numpy()
    solid, soft = soften(covered)
    part = frame[top:bottom, left:right].astype(np.float32)
    blend = soft * (solid * pasted) + (1 - soft) * part
    result[top:bottom, left:right] = blend.astype(np.uint8)
    return result


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


def _box(matrix: Matrix, canvas: tuple[int, int], frame: Image) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what the canvas can reach in the frame; None if nothing."""
    whole = np.vstack([matrix, [0, 0, 1]]).astype(np.float64)
    places = corners(np.linalg.inv(whole)[:2], *canvas)
    low = np.maximum(np.floor(places.min(axis=0)) - MARGIN, 0).astype(int)
    size = np.array([frame.shape[1], frame.shape[0]])
    high = np.minimum(np.ceil(places.max(axis=0)) + MARGIN + 1, size).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
