"""Who a drawn face is, how it is held, what its mouth does. `painting.py` draws it.

All lengths are in template units: the aligned face of LatentSync at 256 pixels, origin upper left.
Where the features lie was measured on real faces brought into that template (brows y 50, eyes y 75,
nose y 108, mouth y 150, chin y 210, half width 100), so that a drawn face aligns like a real one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Color = tuple[float, float, float]

TEMPLATE_SIZE = 256
CENTER = np.array([128.0, 128.0])
MOUTH_Y = 150.0
BLINK_SECONDS = 0.16

SKINS: tuple[Color, ...] = (
    (246, 216, 196),
    (232, 192, 163),
    (214, 168, 134),
    (190, 140, 106),
    (160, 112, 82),
    (132, 90, 66),
)
HAIRS: tuple[Color, ...] = (
    (48, 36, 30),
    (84, 58, 38),
    (128, 88, 52),
    (196, 158, 98),
    (150, 144, 140),
    (122, 58, 36),
)


@dataclass(frozen=True)
class Mouth:
    """opening 0 (closed) to 1; width 0 (rounded) to 1 (spread)."""

    opening: float = 0.0
    width: float = 0.5


@dataclass(frozen=True)
class Pose:
    """What is left of the head's movement after alignment, or all of it in a free picture."""

    degrees: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    yaw: float = 0.0  # units by which the nose moves over the face
    lids: float = 0.0  # 1 = eyes shut

    def matrix(self) -> np.ndarray:
        """Template units -> template units, (2, 3): about the middle of the face."""
        turn = np.radians(self.degrees)
        linear = self.scale * np.array(
            [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        )
        offset = CENTER + np.array(self.shift) - linear @ CENTER
        return np.hstack([linear, offset[:, None]])


@dataclass(frozen=True)
class Face:
    """One invented person and the room and light they are in."""

    skin: Color
    lips: Color
    hair: Color
    iris: Color
    half_width: float
    chin: float
    jaw: float  # squareness, 0 to 1
    mouth_half_width: float
    lip_height: float
    throat: Color
    teeth: float  # share of the opening's height that they cover
    tongue: bool
    brow_thickness: float
    beard: float  # 0 none, 0.3 stubble, 1 full
    moustache: bool
    glasses: bool
    long_hair: bool
    fringe: float
    light: tuple[float, float]  # change of brightness across the picture, right and down
    tint: Color
    blur: float
    noise: float
    seed: int
    shirt: Color = field(default=(90, 100, 120))


def invent(seed: int) -> Face:
    """A face from a number: the same number, the same face."""
    rng = np.random.default_rng([seed, 1])
    tone = int(rng.integers(len(SKINS)))
    skin = _near(rng, SKINS[tone], 8)
    hair = HAIRS[int(rng.integers(len(HAIRS)))] if tone < 4 else HAIRS[int(rng.integers(2))]
    bearded = rng.random() < 0.25
    return Face(
        skin=skin,
        lips=_lip_color(rng, skin),
        hair=_near(rng, hair, 10),
        iris=_near(rng, ((70, 110, 150), (90, 62, 38), (84, 120, 78))[int(rng.integers(3))], 12),
        half_width=rng.uniform(92, 106),
        chin=rng.uniform(203, 215),
        jaw=rng.uniform(0, 1),
        mouth_half_width=rng.uniform(36, 44),
        lip_height=rng.uniform(0.8, 1.25),
        throat=_near(rng, (46, 14, 18), 8),
        teeth=rng.uniform(0.18, 0.34),
        tongue=bool(rng.random() < 0.6),
        brow_thickness=rng.uniform(4, 8),
        beard=float(rng.choice([0.35, 1.0])) if bearded else 0.0,
        moustache=bool(bearded and rng.random() < 0.6),
        glasses=bool(rng.random() < 0.2),
        long_hair=bool(not bearded and rng.random() < 0.5),
        fringe=rng.uniform(8, 34),
        light=(rng.uniform(-0.22, 0.22), rng.uniform(-0.12, 0.12)),
        tint=_near(rng, (1.0, 1.0, 1.0), 0.05),
        blur=rng.uniform(0.4, 1.3),
        noise=rng.uniform(0.0, 3.0),
        seed=seed,
        shirt=_near(rng, (110, 110, 120), 60),
    )


def _near(rng: np.random.Generator, color: Color, spread: float) -> Color:
    r, g, b = np.array(color) + rng.uniform(-spread, spread, 3)
    return (float(r), float(g), float(b))


def _lip_color(rng: np.random.Generator, skin: Color) -> Color:
    """Redder than the skin, and not much darker: the dark of an open mouth must stand out."""
    red, green, blue = skin
    strength = rng.uniform(0.36, 0.5)
    return (
        min(0.94 * red + 22.0, 235.0),
        green * (1 - strength) + 10.0,
        blue * (1 - strength) + 22.0,
    )


def sway(seed: int, frames: int, rate: float = 25.0, size: float = 1.0) -> list[Pose]:
    """Slow movement of the head and a blink now and then, frame by frame."""
    rng = np.random.default_rng([seed, 2])
    seconds = np.arange(frames) / rate
    degrees, right, down, scale, yaw = (
        amplitude * size * _drift(rng, seconds) for amplitude in (2.5, 5.0, 6.0, 0.06, 7.0)
    )
    lids = _blinks(rng, seconds)
    return [
        Pose(degrees[i], (right[i], down[i]), 1 + scale[i], yaw[i], lids[i]) for i in range(frames)
    ]


def _drift(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """A constant and two slow sines, -1 to 1."""
    waves = [
        np.sin(2 * np.pi * (rng.uniform(0.08, 0.5) * seconds + rng.random())) for _ in range(2)
    ]
    return 0.5 * rng.uniform(-1, 1) + 0.25 * (waves[0] + waves[1])


def _blinks(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Lids shut for a moment every two to five seconds."""
    lids = np.zeros(len(seconds))
    moment = rng.uniform(0, 4)
    while moment < seconds[-1] + 1:
        lids = np.maximum(lids, np.clip(1.2 - np.abs(seconds - moment) / BLINK_SECONDS * 2, 0, 1))
        moment += rng.uniform(2, 5)
    return lids
