"""Which part of a face is painted anew: 1 keeps a pixel, 0 repaints it.

LatentSync ships its mask as a picture, which is not ours to give on. Ours is drawn: a rectangle
over the lower face, rounded below like a chin, with a notch in the middle of its top that keeps the
nose. An operator's bundle may bring the original.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.errors import BadCheckpoint

# In pixels of a 256 x 256 picture; the right and lower edges are outside.
SIDE = 256
LEFT, TOP, RIGHT = 9, 95, 248
NOSE_LEFT, NOSE_RIGHT, NOSE_BOTTOM = 78, 178, 128
CHIN_WIDEST, CHIN_BOTTOM = 140, 242


def draw_mask(resolution: int) -> Tensor:
    """Our mask for faces of this size: (R, R) fp32.

    Above 256 it is enlarged like the original, whose network was trained with the values between 0
    and 1 which that gives; up to 256 it is binary.
    """
    if resolution > SIDE:
        return enlarge(_draw(SIDE), resolution)
    return torch.from_numpy(_draw(resolution)).float() / 255


def load_mask(path: Path, resolution: int) -> Tensor:
    """An operator's mask picture (white keeps, black repaints): (R, R) fp32.

    Raises BadCheckpoint if it isn't a square picture with both in it.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise BadCheckpoint(f"The mask {path.name} can't be read as a picture.")
    if picture.shape[0] != picture.shape[1] or picture.min() > 127 or picture.max() < 128:
        raise BadCheckpoint(f"The mask {path.name} must be square, with black and white in it.")
    return enlarge(np.asarray(picture, dtype=np.uint8), resolution)


def enlarge(picture: NDArray[np.uint8], resolution: int) -> Tensor:
    """To (R, R) fp32 in 0..1, by Lanczos in whole levels as the reference does it.

    A larger picture is averaged down: Lanczos would skip most of it and leave a ragged edge.
    """
    shrinks = picture.shape[0] > resolution
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    resized = cv2.resize(picture, (resolution, resolution), interpolation=interpolation)
    return torch.from_numpy(np.asarray(resized)).float() / 255


def latent_mask(mask: Tensor, side: int) -> Tensor:
    """The mask as the UNet sees it, by nearest neighbor: (R, R) -> (side, side)."""
    picked = torch.arange(side) * len(mask) // side
    return mask[picked][:, picked]


def _draw(side: int) -> NDArray[np.uint8]:
    """(side, side), 255 = keep, 0 = repaint."""
    center = (np.arange(side) + 0.5) * SIDE / side
    x, y = center[None, :], center[:, None]
    middle, half = (LEFT + RIGHT) / 2, (RIGHT - LEFT) / 2
    below = np.maximum(y - CHIN_WIDEST, 0) / (CHIN_BOTTOM - CHIN_WIDEST)
    face = (y > TOP) & (((x - middle) / half) ** 2 + below**2 < 1)
    nose = (x > NOSE_LEFT) & (x < NOSE_RIGHT) & (y < NOSE_BOTTOM)
    return np.where(face & ~nose, 0, 255).astype(np.uint8)


def to_pixels(face: Tensor) -> Tensor:
    """uint8 levels to the -1..1 of the networks, in fp32."""
    return (face.float() / 255 - 0.5) / 0.5


def cover(pixels: Tensor, mask: Tensor) -> Tensor:
    """Pixels in -1..1 with the repainted part at 0, which is the middle gray, not black."""
    return pixels * mask
