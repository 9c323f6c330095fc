"""The mouth of a drawn face: what changes when it talks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.demo.canvas import Canvas, mix, shade
from inference.demo.faces import MOUTH_Y, Face, Mouth

INNER_HEIGHT = 40.0  # units between the lips of a mouth that is fully open
UPWARDS = 0.18  # share of it by which the upper lip rises
CHIN_DROP = 0.42  # of the inner height
NOTCH = 131.0  # above it, under the nose, inference keeps the picture: nothing there may move


@dataclass(frozen=True)
class Lips:
    """Four edges over the same places, from the left corner to the right one."""

    x: np.ndarray
    upper_outer: np.ndarray
    upper_inner: np.ndarray
    lower_inner: np.ndarray
    lower_outer: np.ndarray

    def between(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        x = np.concatenate([self.x, self.x[::-1]])
        return np.stack([x, np.concatenate([above, below[::-1]])], axis=1)


def lips(face: Face, mouth: Mouth, yaw: float) -> Lips:
    half = face.mouth_half_width * (0.86 + 0.26 * mouth.width - 0.12 * mouth.opening)
    reach = np.linspace(-1, 1, 33)
    arch = np.clip(1 - np.abs(reach) ** 2.4, 0, 1) ** 0.75
    height = INNER_HEIGHT * mouth.opening
    upper_inner = MOUTH_Y - UPWARDS * height * arch
    lower_inner = MOUTH_Y + (1 - UPWARDS) * height * arch + 0.6
    bow = 1 - 0.22 * np.exp(-((reach / 0.12) ** 2))
    return Lips(
        128 + 0.8 * yaw + half * reach,
        upper_inner - 10.5 * face.lip_height * arch * bow,
        upper_inner,
        lower_inner,
        lower_inner + 12.5 * face.lip_height * arch,
    )


def draw_mouth(canvas: Canvas, face: Face, mouth: Mouth, yaw: float) -> None:
    shape = lips(face, mouth, yaw)
    if face.moustache:
        top = np.maximum(shape.upper_outer - 13, NOTCH)
        color = mix(face.skin, face.hair, 0.4 + 0.35 * face.beard)
        bottom = np.maximum(shape.upper_outer - 3, top + 1)
        canvas.fill(shape.between(top, bottom), color)
    canvas.fill(shape.between(shape.upper_outer, shape.lower_outer), face.lips)
    canvas.fill(shape.between(shape.upper_outer, shape.upper_inner), shade(face.lips, 0.9))
    canvas.fill(shape.between(shape.upper_inner, shape.lower_inner), face.throat)
    _inside(canvas, face, shape, INNER_HEIGHT * mouth.opening)
    line = np.stack([shape.x, shape.upper_inner], axis=1)
    canvas.stroke(line, 1.6, shade(face.lips, 0.62))


def _inside(canvas: Canvas, face: Face, shape: Lips, height: float) -> None:
    if height < 5:
        return
    middle = slice(5, 28)
    inner = Lips(*(edge[middle] for edge in vars(shape).values()))
    teeth = inner.upper_inner + face.teeth * (inner.lower_inner - inner.upper_inner)
    canvas.fill(inner.between(inner.upper_inner, teeth), (226, 220, 208))
    if face.tongue and height > 14:
        low = inner.lower_inner
        canvas.fill(inner.between(low - 0.16 * (low - inner.upper_inner), low), (150, 62, 66))
