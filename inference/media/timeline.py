"""Which frame of the source is shown when: the one place that decides how many frames a result has.

Pure arithmetic in ticks, for constant and variable rates alike. The media process plays films by
it; a test, a count or a progress bar can ask it with `Even` in the film's place.
"""

import itertools
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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


# How far a frame may drift from the place where it is due, in frames of the new rate, before it is
# left out or repeated; and what FFmpeg adds to a time that is no whole number of frames.
SLACK = 1.1
FINENESS, NUDGE = 1 << 16, 2.0**-17


@dataclass
class Retimed(Generic[C]):
    """A strip at a constant rate, frame by frame as `ffmpeg -r` makes it, which the reference
    calls: frames are left out or repeated when they have drifted too far, not before.

    So the first frames of a faster film all stay, and from then on it is up to two frames of the
    new rate late; early, by half a frame at the most.
    """

    strip: Strip[C]
    usual: int  # ticks of a frame at the new rate
    ratio: Fraction  # frames of the new rate in one of the strip's ticks
    begin: int = 0  # of the strip's ticks; until then the first frame is seen
    # The place after each frame's last, in the strip's order; eight bytes a frame.
    _ends: "array[int]" = field(default_factory=lambda: array("q"), init=False)

    def forwards(self) -> Iterator[Slot[C]]:
        self._ends = array("q")
        place = 0
        for cell in self.strip.forwards():
            first, place = place, place + self._times(cell, place)
            self._ends.append(place)
            for at in range(first, place):
                yield Slot(cell, at * self.usual, self.usual)

    def backwards(self) -> Iterator[Slot[C]]:
        """After all of it was seen forwards."""
        indices = range(len(self._ends) - 1, -1, -1)
        for index, cell in zip(indices, self.strip.backwards(), strict=True):
            first = self._ends[index - 1] if index else 0
            for at in range(self._ends[index] - 1, first - 1, -1):
                yield Slot(cell, at * self.usual, self.usual)

    def _times(self, cell: C, place: int) -> int:
        """How often a frame is shown from that place on."""
        over = self._due(cell.start) + float(cell.duration * self.ratio) - place
        if over < -SLACK:
            return 0
        return round(over) if over > SLACK else 1

    def _due(self, tick: int) -> float:
        exact = (tick + self.begin) * self.ratio
        due = int(exact * FINENESS + Fraction(1, 2)) / FINENESS
        return due if due.is_integer() else due + NUDGE
