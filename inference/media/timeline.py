"""Which frame of the source is shown when: the one place that decides how many frames a result has.

Pure arithmetic in ticks, for constant and variable rates alike. The media process plays films by
it; a test, a count or a progress bar can ask it with `Even` in the film's place.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

# How long a result lasts, and what is seen when the film is shorter than the sound:
# audio  as long as the sound; the film plays forwards and backwards, the turning frames once
# loop   as long as the sound; the film starts over at its first frame
# hold   as long as the sound; the film's last frame stays
# cut    as long as the shorter of film and sound
# video  as long as the film, once, however long the sound is
LENGTHS = ("audio", "loop", "hold", "cut", "video")


class Timed(Protocol):
    """A frame of the source: its number, its first tick in the film, and how many it lasts."""

    @property
    def number(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def duration(self) -> int: ...


C_co = TypeVar("C_co", bound=Timed, covariant=True)
C = TypeVar("C", bound=Timed)


class Strip(Protocol[C_co]):
    """A film that can be read through in both directions, as often as needed; forwards first."""

    def forwards(self) -> Iterator[C_co]: ...
    def backwards(self) -> Iterator[C_co]: ...


@dataclass(frozen=True)
class Cell:
    """The plainest frame of a source: numbers only."""

    number: int
    start: int
    duration: int


@dataclass(frozen=True)
class Even:
    """A film of `frames` frames of equal length, as a strip of cells."""

    frames: int
    duration: int = 1

    def forwards(self) -> Iterator[Cell]:
        return (Cell(n, n * self.duration, self.duration) for n in range(self.frames))

    def backwards(self) -> Iterator[Cell]:
        return reversed(list(self.forwards()))


@dataclass(frozen=True)
class Showing(Generic[C]):
    """A frame of the result. time, duration: ticks of the result."""

    cell: C
    time: int
    duration: int


def showings(
    strip: Strip[C], length: str, *, usual: int, end: Fraction | None, begin: int = 0
) -> Iterator[Showing[C]]:
    """The result's frames in order, without gaps.

    usual: ticks of a usual frame. begin: when the first frame is shown. end: when the sound is
    over, in ticks, not rounded; None shows the film once, as `video` does.

    A frame is shown if at least half of it (of a usual frame, if it lasts longer) falls within
    the sound; the first one always. One that lasts beyond the end of the sound is cut there, but
    never to less than a usual frame. A film that is short by no more than one usual frame simply
    ends: one frame is no reason to turn around or to start over.
    """
    if length not in LENGTHS:
        raise ValueError(f"no length is called {length!r}")
    if end is None or length == "video":
        length, end = "video", None
    now = begin
    for turn, cells in enumerate(_passes(strip, length)):
        if turn == 1 and end is not None and length != "hold" and end - now <= usual:
            return
        for cell in cells:
            # A frame that is held gets a new mouth as often as any other.
            duration = usual if turn and length == "hold" else cell.duration
            if end is not None:
                if now > begin and now + Fraction(min(duration, usual), 2) > end:
                    return
                duration = min(duration, max(usual, int(end - now)))
            yield Showing(cell, now, duration)
            now += duration


def count(frames: int, rate: Fraction, seconds: Fraction | None, length: str = "audio") -> int:
    """How many frames the result of an even film has; seconds: of the sound."""
    end = None if seconds is None else seconds * rate
    return sum(1 for _ in showings(Even(frames), length, usual=1, end=end))


def _passes(strip: Strip[C], length: str) -> Iterator[Iterable[C]]:
    """Forwards once, then whatever fills the time; the caller stops it."""
    last = _Last(strip.forwards())
    yield last
    if length in ("cut", "video") or last.cell is None:
        return
    if length == "hold":
        yield itertools.repeat(last.cell)
    while length == "loop" or last.count == 1:
        yield strip.forwards()
    while True:
        # Neither turning frame is shown twice.
        yield itertools.islice(strip.backwards(), 1, None)
        yield itertools.islice(strip.forwards(), 1, None)


class _Last(Generic[C]):
    """An iterable that remembers how many there were, and the last of them."""

    def __init__(self, cells: Iterator[C]) -> None:
        self._cells = cells
        self.cell: C | None = None
        self.count = 0

    def __iter__(self) -> Iterator[C]:
        for cell in self._cells:
            self.cell, self.count = cell, self.count + 1
            yield cell


@dataclass(frozen=True)
class Slot(Generic[C]):
    """A frame of the source at one of the places of another rate."""

    cell: C
    start: int
    duration: int

    @property
    def number(self) -> int:
        return self.cell.number


@dataclass(frozen=True)
class Retimed(Generic[C]):
    """A strip at a constant rate: frames are left out or repeated by time.

    Each frame begins at the place of the new rate that is nearest to its own time, so nothing
    moves by more than half a new frame; where two begin at one place the later is seen.
    """

    strip: Strip[C]
    usual: int  # ticks of a frame at the new rate
    ratio: Fraction  # frames of the new rate in one of the strip's ticks
    begin: int = 0  # of the strip's ticks; until then the first frame is seen

    def forwards(self) -> Iterator[Slot[C]]:
        cell, following = None, 0
        for cell in self.strip.forwards():
            first, following = self._places(cell)
            for place in range(first, following):
                yield Slot(cell, place * self.usual, self.usual)
        if cell is not None and following == 0:  # shorter in all than half a new frame
            yield Slot(cell, 0, self.usual)

    def backwards(self) -> Iterator[Slot[C]]:
        for cell in self.strip.backwards():
            first, following = self._places(cell)
            for place in range(following - 1, first - 1, -1):
                yield Slot(cell, place * self.usual, self.usual)

    def _places(self, cell: C) -> tuple[int, int]:
        first = self._nearest(cell.start) if cell.start else 0
        return first, self._nearest(cell.start + cell.duration)

    def _nearest(self, tick: int) -> int:
        # Halves go up: round() would send them to either side in turn.
        return int((tick + self.begin) * self.ratio + Fraction(1, 2))
