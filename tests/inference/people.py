"""Made-up people for tests of the tracker: a pattern for a face, a shirt below it, and a finder
that reads from a script where they are. Exact, and no network runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inference.faces.face import Face, Rgb
from inference.faces.plan import Plan
from inference.faces.scout import Scout
from inference.picture.align import Aligner

WIDTH, HEIGHT = 192, 144
NOWHERE = Path()  # no file is read


@dataclass(frozen=True)
class At:
    """Where somebody is: the middle of the face, its width, its roll, and how far it is turned
    (1 = towards the camera, 0 = profile)."""

    x: float = 96
    y: float = 60
    size: float = 50
    degrees: float = 0.0
    front: float = 1.0

    def face(self) -> Face:
        half, high = self.size / 2, self.size * 0.7
        box = (self.x - half, self.y - high, self.x + half, self.y + high)
        return Face(box, 0.9, self.points())

    def points(self) -> np.ndarray:
        upright = np.array([[-0.35 * self.front, -0.36], [0.35 * self.front, -0.36], [0, -0.02]])
        turn = np.radians(self.degrees)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return upright * self.size @ rotation.T + np.array([self.x, self.y])


Script = Sequence[Mapping[int, At]]  # for each frame: who is where


class Scripted:
    """Finds exactly what the script says, whatever the picture shows."""

    device = "cpu"

    def __init__(self, found: Sequence[Sequence[Face]]) -> None:
        self.found, self.asked = found, 0

    def find_all(self, frame: Rgb) -> list[Face]:
        self.asked += 1
        return list(self.found[self.asked - 1])

    def state(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.asked = state["asked"]


@lru_cache(maxsize=16)
def pattern(who: int) -> np.ndarray:
    rng = np.random.default_rng(who)
    color = rng.uniform(90, 200, 3)
    coarse = rng.uniform(-60, 60, (8, 6, 1)) + color
    face = cv2.resize(coarse.astype(np.float32), (100, 140), interpolation=cv2.INTER_CUBIC)
    shirt = np.broadcast_to(rng.uniform(20, 230, 3), (100, 100, 3))
    return np.clip(np.concatenate([face, shirt]), 0, 255).astype(np.uint8)


def room(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    coarse = np.random.default_rng(1000 + seed).uniform(30, 220, (5, 6, 3)).astype(np.float32)
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0, 255).astype(np.uint8)


def picture(who: Mapping[int, At], background: np.ndarray | None = None) -> np.ndarray:
    frame = (room() if background is None else background).copy()
    for person, at in who.items():
        half, high = at.size / 2, at.size * 0.7
        scale = at.size / 100
        turn = cv2.getRotationMatrix2D((0, 0), -at.degrees, scale)
        turn[:, 2] = np.array([at.x, at.y]) - turn[:, :2] @ np.array([50, high / scale])
        drawn = pattern(person)
        size = (frame.shape[1], frame.shape[0])
        cover = cv2.warpAffine(np.ones(drawn.shape[:2], np.uint8), turn, size)
        frame = np.where(cover[..., None] > 0, cv2.warpAffine(drawn, turn, size), frame)
        assert half > 0
    return frame


def scout(
    script: Script,
    *,
    found: Sequence[Sequence[Face]] | None = None,
    pictures: Mapping[int, np.ndarray] | None = None,
    rate: float = 25,
    choice: Any = None,
    resolution: int = 64,
    **keywords: Any,
) -> Scout:
    """found: what the finder says where it is not what the script says; pictures: likewise."""
    if found is None:
        found = [[at.face() for at in who.values()] for who in script]

    def footage() -> Iterator[tuple[int, float, Rgb]]:
        for number, who in enumerate(script):
            shown = (pictures or {}).get(number)
            yield number, number / rate, picture(who) if shown is None else shown

    aligner = Aligner(resolution)
    return Scout(NOWHERE, Scripted(found), choice, aligner, footage=footage(), **keywords)


def plan(script: Script, **keywords: Any) -> Plan:
    """Of the whole script."""
    with scout(script, **keywords) as running:
        running.plan.wait_for_end()
        return running.plan


def states(made: Plan, count: int) -> list[str]:
    """A word for each frame: "painted", "bridged", or the reason why not."""
    words = []
    for number in range(count):
        parts = made.at(number)
        words.append(
            ("bridged" if parts[0].bridged else "painted") if parts else made.reason(number)
        )
    return words
