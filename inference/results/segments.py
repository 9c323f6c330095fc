"""A result in pieces of about ten seconds: closed files, each with a record of what made it.

A run that was stopped goes on after the last whole piece, and a part that is made anew replaces
the pieces it lies in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.files import read_mapping
from inference.model.diffusion import WINDOW_FRAMES

VERSION = 4  # until 3 somebody new was noticed up to nine frames after a cut
SEGMENT_SECONDS = 10


def frames_in_segment(rate: Fraction) -> int:
    """Whole windows that last about ten seconds."""
    return WINDOW_FRAMES * max(1, round(SEGMENT_SECONDS * rate / WINDOW_FRAMES))


@dataclass(frozen=True)
class Segment:
    """One piece. first: the place of its first frame in the result. tick: seconds, as a ratio.
    start, last, end: ticks at which its first frame and its last one begin, and the last is over.
    source_frames: pictures of the source up to the furthest that it shows; unreadable: how many of
    those that had been read by then could not be decoded. edits: the parts made anew that reach
    into it. measures: what was counted of it for the report. scout: what was found out about faces
    since the record before, from where whoever continues goes on.

    Nothing else is carried over: windows begin at every sixteenth frame whatever came before.
    """

    number: int
    first: int
    frames: int
    tick: str
    start: int
    last: int
    end: int
    sha256: str
    size_bytes: int
    recipe: Mapping[str, Any]
    source_frames: int = 0
    unreadable: int = 0
    edits: Sequence[Mapping[str, Any]] = ()
    measures: Mapping[str, Any] = field(default_factory=dict)
    scout: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @classmethod
    def read(cls, path: Path) -> "Segment | None":
        """None if the file isn't there, or is no record."""
        try:
            segment = cls(**read_mapping(path))
        except TypeError:
            return None
        numbers = ("number", "first", "frames", "start", "last", "end", "size_bytes")
        if any(type(getattr(segment, name)) is not int for name in numbers):
            return None
        return segment if segment.version == VERSION else None

    @property
    def until(self) -> int:
        """The place of the frame that follows its last one."""
        return self.first + self.frames

    @property
    def span(self) -> tuple[Fraction, Fraction]:
        """When it begins and ends, in seconds of the result."""
        tick = Fraction(self.tick)
        return self.start * tick, self.end * tick
