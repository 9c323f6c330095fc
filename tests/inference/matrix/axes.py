"""What people's footage differs in, and cells in which each two of the values meet once."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

VARIABLE = "variable"
PAL = Fraction(25)
TRIES = 20

QUICK: Mapping[str, tuple[Any, ...]] = {
    "rate": (
        Fraction(6), Fraction(16), Fraction(24000, 1001), Fraction(24), PAL,
        Fraction(30000, 1001), Fraction(30), Fraction(50), Fraction(60), VARIABLE,
    ),
    "frames": (1, 2, 15, 16, 17, 25, 48),
    "sound": ("shorter", "equal", "longer"),
    "form": ("8k.wav", "16k.wav", "stereo.mp3", "24bit.wav", "5.1.flac", "96k.m4a", "opus.ogg"),
    "size": ((96, 96), (235, 141), (320, 180), (180, 320)),
    "rotation": (0, 90, 180, 270),
    "color": ("bt601", "bt709", "full", "hlg", "pq"),
    "container": ("mp4", "mov", "mkv", "webm", "avi", "ts"),
    "name": ("plain", "a b", "it's", "clip (1)", "-i", "$(x);y", "żółć_视频_😀"),
    "faces": ("all", "start", "end", "gap of 1", "gap of 20", "two", "edge"),
    "length": ("audio", "loop", "hold", "cut", "video"),
    "match": (True, False),
}  # fmt: skip

WHOLE = {
    **QUICK,
    "frames": (*QUICK["frames"], 300),
    "size": (*QUICK["size"], (931, 501), (1080, 1920), (3840, 2160)),
}


@dataclass(frozen=True)
class Cell:
    """One run. rate: frames a second, or VARIABLE: 25 with every seventh frame missing. match: of
    colors. Beside the axes' values there are the sound "none" and the faces "none": refusals."""

    rate: Any
    frames: int
    sound: str
    form: str
    size: tuple[int, int]
    rotation: int
    color: str
    container: str
    name: str
    faces: str
    length: str
    match: bool

    def __str__(self) -> str:
        width, height = self.size
        rate = self.rate if self.rate == VARIABLE else f"{float(self.rate):.5g}fps"
        return "-".join(
            str(word).replace(" ", "_")
            for word in (
                rate, self.frames, self.sound, self.form, f"{width}x{height}", self.rotation,
                self.color, self.container, self.faces, self.length,
                "matched" if self.match else "plain",
            )
        )  # fmt: skip

    @property
    def deep(self) -> bool:
        """Ten bits a sample."""
        return self.color in ("hlg", "pq")


def possible(cell: Mapping[str, Any]) -> bool:
    """Whether there can be such a file. cell: some of the axes; what is missing forbids nothing."""
    container, size = cell.get("container"), cell.get("size")
    pixels = size[0] * size[1] if size else 0
    frames = cell.get("frames", 0)
    return not (
        # Only these have a matrix that turns the picture.
        (container in ("mkv", "webm", "avi", "ts") and cell.get("rotation", 0))
        # No encoder at hand writes ten bits in VP9.
        or (container == "webm" and cell.get("color") in ("hlg", "pq"))
        # AVI knows no times, and its MPEG-4 only eight bits.
        or (container == "avi" and cell.get("rate") == VARIABLE)
        or (container == "avi" and cell.get("color") in ("hlg", "pq"))
        or (size == (96, 96) and cell.get("faces") == "two")
        or (cell.get("faces") == "gap of 20" and frames and frames < 48)
        or (cell.get("faces") == "gap of 1" and frames and frames < 15)
        or (pixels > 400_000 and frames > 25)
        or (pixels > 4_000_000 and (frames > 2 or cell.get("rotation", 0)))
        # A second of sound over a frame of film would be hundreds of frames.
        or (frames and frames < 15 and cell.get("sound") == "longer" and pixels > 400_000)
    )


def pairwise(axes: Mapping[str, Iterable[Any]], seed: int) -> list[Cell]:
    """Cells in which every possible pair of values of two axes occurs; about as few as it takes.

    Greedy: each cell is the best of some that were made at random around a pair that is missing.
    """
    draw = random.Random(seed)
    table = Table(axes)
    cells = []
    while (start := table.a_missing_pair()) is not None:
        tries = [cell for _ in range(TRIES) if (cell := table.around(start, draw))]
        if not tries:  # the two can meet, but not within the rest of what is possible
            table.met(start)
            continue
        best = max(tries, key=table.gain)
        table.met(best)
        cells.append(Cell(**table.named(best)))
    return cells


class Table:
    """All values in one row, and which pairs of them have not met. A cell is a list of places."""

    def __init__(self, axes: Mapping[str, Iterable[Any]]) -> None:
        self._values = [(axis, value) for axis, given in axes.items() for value in given]
        self._places = {
            axis: [place for place, (name, _) in enumerate(self._values) if name == axis]
            for axis in axes
        }
        self._missing = np.zeros((len(self._values),) * 2, bool)
        for a, b in combinations(range(len(self._values)), 2):
            (one, _), (other, _) = self._values[a], self._values[b]
            apart = one != other and possible(self.named([a, b]))
            self._missing[a, b] = self._missing[b, a] = apart

    def named(self, cell: list[int]) -> dict[str, Any]:
        return dict(self._values[place] for place in cell)

    def a_missing_pair(self) -> list[int] | None:
        found = np.argwhere(self._missing)
        return None if not len(found) else [int(place) for place in found[0]]

    def met(self, cell: list[int]) -> None:
        self._missing[np.ix_(cell, cell)] = False

    def gain(self, cell: list[int]) -> int:
        return int(self._missing[np.ix_(cell, cell)].sum())

    def around(self, start: list[int], draw: random.Random) -> list[int] | None:
        """A whole cell with these values: axis by axis what meets the most that is missing."""
        cell = list(start)
        axes = [axis for axis in self._places if axis not in self.named(cell)]
        draw.shuffle(axes)
        for axis in axes:
            choices = [p for p in self._places[axis] if possible(self.named([*cell, p]))]
            if not choices:
                return None
            draw.shuffle(choices)
            cell.append(max(choices, key=lambda place: self._missing[place, cell].sum()))
        return cell
