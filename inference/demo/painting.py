"""Draws a face of `faces.py` with OpenCV polygons: no picture of anybody is in it.

Everything a mouth changes (lips, jaw, chin, beard) lies inside the area that LatentSync repaints,
so the masked picture of a frame is the same whatever the mouth does.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from inference.demo.canvas import Canvas, mix, oval, shade
from inference.demo.faces import TEMPLATE_SIZE, Face, Mouth, Pose
from inference.demo.lip_shapes import CHIN_DROP, INNER_HEIGHT, draw_mouth

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def draw(
    face: Face,
    pose: Pose,
    mouth: Mouth,
    *,
    size: tuple[int, int] = (TEMPLATE_SIZE, TEMPLATE_SIZE),
    placement: np.ndarray = IDENTITY,
    grain: int = 0,
) -> np.ndarray:
    """One frame, (height, width, 3) uint8 RGB.

    placement: template units -> pixels, (2, 3). grain: number of the film grain's pattern.
    """
    matrix = _compose(placement, pose.matrix())
    canvas = Canvas(_background(face.seed, size).copy(), matrix)
    _body(canvas, face)
    _head(canvas, face, mouth)
    _nose(canvas, face, pose.yaw)
    for side in (-1, 1):
        _eye(canvas, face, pose, side)
        _brow(canvas, face, pose.yaw, side)
    draw_mouth(canvas, face, mouth, pose.yaw)
    _fringe(canvas, face)
    return _expose(canvas, face, grain)


def _compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    linear = outer[:, :2] @ inner[:, :2]
    return np.hstack([linear, (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]])


@lru_cache(maxsize=8)
def _background(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Blurred blobs of two colors: a room out of focus. size: (width, height)."""
    rng = np.random.default_rng([seed, 3])
    width, height = size
    cells = int(rng.integers(2, 7))
    colors = rng.uniform(40, 220, (cells, cells, 3)).astype(np.float32)
    colors = colors.mean(axis=(0, 1)) + rng.uniform(0.1, 0.8) * (colors - colors.mean(axis=(0, 1)))
    large = cv2.resize(colors.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0, 255).astype(np.uint8)


def _body(canvas: Canvas, face: Face) -> None:
    if face.long_hair:
        canvas.fill(_curtain(face.half_width + 26), face.hair)
    canvas.fill(np.array([[78, 180], [178, 180], [186, 290], [70, 290]]), shade(face.skin, 0.72))
    shoulders = [[70, 262], [186, 262], [300, 306], [330, 460], [-74, 460], [-44, 306]]
    canvas.fill(np.array(shoulders), face.shirt)
    canvas.ellipse(128, 20, face.half_width + 12, 92, face.hair)


def _curtain(half: float) -> np.ndarray:
    """Long hair behind the face: round above, nearly straight to below the shoulders."""
    angle = np.linspace(np.pi, 2 * np.pi, 24)
    crown = np.stack([128 + half * np.cos(angle), 30 + 98 * np.sin(angle)], axis=1)
    return np.concatenate([crown, [[128 + half + 8, 280], [120 - half, 280]]])


def outline(face: Face, drop: float) -> np.ndarray:
    """The face's edge. drop: how far the chin has gone down."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x, y = np.cos(angle), np.sin(angle)
    below = y > 0
    flat = 1 + 0.16 * face.jaw
    x = np.where(below, np.sign(x) * np.abs(x) ** (1 / flat), x)
    middle, top = 78.0, -38.0
    down = face.chin - middle + drop * np.clip(y, 0, 1)
    return np.stack(
        [
            128 + face.half_width * x * np.where(below, 1 - 0.18 * y**2, 1),
            middle + y * np.where(below, down, middle - top),
        ],
        axis=1,
    )


def _head(canvas: Canvas, face: Face, mouth: Mouth) -> None:
    for side in (-1, 1):
        canvas.ellipse(128 + side * (face.half_width + 3), 92, 11, 22, shade(face.skin, 0.86))
    drop = CHIN_DROP * INNER_HEIGHT * mouth.opening
    edge = outline(face, drop)
    canvas.fill(edge, shade(face.skin, 0.88))
    canvas.fill((edge - [128, 84]) * [0.9, 0.93] + [128, 84], face.skin)
    for side in (-1, 1):
        canvas.ellipse(128 + side * 58, 122, 26, 18, mix(face.skin, (225, 120, 110), 0.13))
    canvas.ellipse(128, face.chin - 22 + drop, 20, 9, shade(face.skin, 1.04))
    if face.beard:
        _beard(canvas, face, drop)


def _beard(canvas: Canvas, face: Face, drop: float) -> None:
    """Along the jaw, thin or full; a strip of skin below the lips stays free."""
    edge = outline(face, drop)
    lower = edge[edge[:, 1] > 112]
    order = np.argsort(np.arctan2(lower[:, 1] - 112, lower[:, 0] - 128))
    lower = lower[order]
    share = (lower[:, 1:] - 112) / (face.chin + drop - 112)
    inner = (lower - [128, 112]) * (0.86 - 0.12 * share) + [128, 112]
    color = mix(face.skin, face.hair, 0.35 + 0.4 * face.beard)
    canvas.fill(np.concatenate([lower, inner[::-1]]), color)


def _nose(canvas: Canvas, face: Face, yaw: float) -> None:
    x = 128 + yaw
    dark = shade(face.skin, 0.8)
    bridge = np.array([[128 + 0.3 * yaw - 9, 70], [x - 11, 96], [x - 15, 107]])
    canvas.stroke(bridge, 3.0, shade(face.skin, 0.9))
    canvas.ellipse(x, 104, 15, 10, shade(face.skin, 1.05))
    canvas.ellipse(x, 114, 17, 4.5, dark)
    for side in (-1, 1):
        canvas.ellipse(x + side * 8, 112.5, 4.2, 2.8, shade(face.skin, 0.42))


def _eye(canvas: Canvas, face: Face, pose: Pose, side: int) -> None:
    x, y = 128 + side * 48 + 0.6 * pose.yaw, 75.0
    open_height = 9.0 * (1 - 0.92 * pose.lids)
    canvas.ellipse(x, y - 1, 22, 13, shade(face.skin, 0.9))
    canvas.ellipse(x, y, 19, open_height, (238, 236, 232))
    if pose.lids < 0.6:
        canvas.ellipse(x + 0.2 * pose.yaw, y, 8.5, min(8.5, open_height), face.iris)
        canvas.ellipse(x + 0.2 * pose.yaw, y, 4, min(4, open_height), (18, 16, 18))
        canvas.ellipse(x + 0.2 * pose.yaw - 2.5, y - 3, 1.8, min(1.8, open_height), (250, 250, 250))
    reach = np.linspace(-1, 1, 9)
    lid = np.stack([x + 20 * reach, y - open_height * (1 - reach**2) ** 0.5], axis=1)
    canvas.stroke(lid, 3.0, shade(face.hair, 0.6))
    if face.glasses:
        _lens(canvas, x, y, side)


def _lens(canvas: Canvas, x: float, y: float, side: int) -> None:
    frame = (44, 40, 44)
    ring = oval(x, y, 31, 24)
    canvas.stroke(np.concatenate([ring, ring[:2]]), 4, frame)
    canvas.stroke(np.array([[x - side * 31, y - 3], [x - side * 48, y - 5]]), 4, frame)
    canvas.stroke(np.array([[x + side * 31, y - 3], [x + side * 52, y - 5]]), 4, frame)


def _brow(canvas: Canvas, face: Face, yaw: float, side: int) -> None:
    reach = np.linspace(0, 1, 9)
    x = 128 + 0.6 * yaw + side * (26 + 70 * reach)
    y = 52 - 7 * np.sin(np.pi * (0.25 + 0.7 * reach))
    canvas.stroke(
        np.stack([x, y], axis=1),
        face.brow_thickness,
        mix(face.hair, (30, 22, 20), 0.35),
    )


def _fringe(canvas: Canvas, face: Face) -> None:
    reach = np.linspace(-1, 1, 25)
    w = face.half_width + 6
    low = np.stack([128 + w * reach, face.fringe - 26 + 46 * np.abs(reach) ** 2.5], axis=1)
    angle = np.linspace(0, np.pi, 25)
    crown = np.stack([128 + w * np.cos(angle), face.fringe + 16 - 84 * np.sin(angle)], axis=1)
    canvas.fill(np.concatenate([low, crown]), shade(face.hair, 1.08))


@lru_cache(maxsize=8)
def _texture(seed: int) -> np.ndarray:
    """Skin's unevenness in two scales, (TEMPLATE_SIZE, TEMPLATE_SIZE) around 1;
    none at the edge, so that it ends nowhere in a larger picture."""
    rng = np.random.default_rng([seed, 4])
    coarse = cv2.resize(rng.standard_normal((12, 12)).astype(np.float32), 2 * (TEMPLATE_SIZE,))
    fine = cv2.GaussianBlur(
        rng.standard_normal(2 * (TEMPLATE_SIZE,)).astype(np.float32), (0, 0), 1.5
    )
    reach = np.abs(np.linspace(-1, 1, TEMPLATE_SIZE, dtype=np.float32))
    edge = np.clip((1 - reach) * 8, 0, 1)
    return 1 + (0.03 * coarse + 0.08 * fine) * edge * edge[:, None]


def _expose(canvas: Canvas, face: Face, grain: int) -> np.ndarray:
    """Texture, light, tint, blur and film grain over the finished drawing."""
    height, width = canvas.picture.shape[:2]
    texture = cv2.warpAffine(_texture(face.seed), canvas.matrix, (width, height), borderValue=1.0)
    across = 1 + face.light[0] * np.linspace(-1, 1, width, dtype=np.float32)
    down = 1 + face.light[1] * np.linspace(-1, 1, height, dtype=np.float32)
    light = texture * down[:, None] * across
    lit = canvas.picture.astype(np.float32) * light[..., None]
    lit *= np.array(face.tint, np.float32)
    lit = cv2.GaussianBlur(lit, (0, 0), face.blur * canvas.unit)
    rng = np.random.default_rng([face.seed, 5, grain])
    lit += face.noise * rng.standard_normal(lit.shape, dtype=np.float32)
    return np.clip(lit, 0, 255).astype(np.uint8)
