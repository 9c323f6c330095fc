"""The geometry of a bar chart, as figures for an SVG template."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

WIDTH, HEIGHT = 720, 200
LEFT, TOP, FLOOR = 52, 10, 172


@dataclass(frozen=True)
class Bar:
    title: str
    label: str
    x: float
    y: float
    width: float
    height: float
    slot_x: float

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)

    @property
    def radius(self) -> float:
        return min(3, self.height / 2)


@dataclass(frozen=True)
class Mark:
    y: float
    label: str

    @property
    def text_y(self) -> float:
        return round(self.y + 4, 2)


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    marks: list[Mark]
    slot: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = FLOOR
    text_y: int = FLOOR + 18


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten: a scale whose thirds and halves can be read."""
    if value <= 0:
        return 1
    power = 10 ** (ceil(log10(value)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power)


def bars(values: Sequence[tuple[str, str, float]], unit: str) -> Chart:
    """Draw (title, label, value) as bars from left to right; a label may be empty."""
    top = round_up(max((value for *_, value in values), default=0))
    slot = round((WIDTH - LEFT) / max(len(values), 1), 2)
    scale = (FLOOR - TOP) / top
    drawn = []
    for place, (title, label, value) in enumerate(values):
        height = round(value * scale, 2)
        slot_x = round(LEFT + place * slot, 2)
        x = round(slot_x + slot * 0.16, 2)
        y = round(FLOOR - height, 2)
        drawn.append(Bar(title, label, x, y, round(slot * 0.68, 2), height, slot_x))
    marks = [
        Mark(round(FLOOR - share * (FLOOR - TOP), 2), f"{top * share:g} {unit}")
        for share in (0, 0.5, 1)
    ]
    return Chart(drawn, marks, slot)
