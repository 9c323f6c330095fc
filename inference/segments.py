"""A result in pieces of about ten seconds: closed files, each with a record of what made it.

A run that was stopped goes on after the last whole piece, and a part that is made anew replaces
the pieces it lies in. A piece whose record doesn't say exactly what this run would make, or whose
file isn't the one that the record describes, is taken as not there.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.diffusion import WINDOW_FRAMES
from inference.errors import BadOption
from inference.options import SyncOptions
from inference.result import sha256_of

VERSION = 1
SEGMENT_SECONDS = 10
# What decides which frames there are and how they are coded: it can't differ within one result.
COMMON_OPTIONS = ("length", "frame_rate", "codec", "quality", "exact_size")


def frames_in_segment(rate: Fraction) -> int:
    """Whole windows that last about ten seconds."""
    return WINDOW_FRAMES * max(1, round(SEGMENT_SECONDS * rate / WINDOW_FRAMES))


@dataclass(frozen=True)
class Recipe:
    """What a result is made from; two equal ones make equal frames. sounds: SHA-256 by path."""

    video: str
    audio: str
    sounds: Mapping[str, str]
    options: SyncOptions
    model: Mapping[str, Any]
    device: str

    def to_mapping(self) -> dict[str, Any]:
        options = self.options.to_mapping()
        del options["device"]  # what was asked for; `device` says what it ran on
        return asdict(self) | {"options": options, "sounds": dict(self.sounds)}

    def without_look(self) -> dict[str, Any]:
        """What an earlier result must share with a part that is made anew."""
        mapping = self.to_mapping()
        del mapping["sounds"]
        options = mapping["options"]
        return mapping | {"options": {name: options[name] for name in COMMON_OPTIONS}}


@dataclass(frozen=True)
class Edit:
    """A part that was made anew: places of its first and last frame in the result."""

    first: int
    last: int
    options: SyncOptions

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Edit":
        options = SyncOptions.from_mapping(given["options"])
        return cls(int(given["first"]), int(given["last"]), options)

    def to_mapping(self) -> dict[str, Any]:
        return {
            "first": self.first,
            "last": self.last,
            "options": self.options.to_mapping(),
        }

    def touches(self, first: int, frames: int) -> bool:
        return self.first < first + frames and first <= self.last


@dataclass(frozen=True)
class Segment:
    """One piece. first: the place of its first frame in the result. end: ticks at which its last
    frame is over. account: what became of its frames. state: what the next one needs."""

    number: int
    first: int
    frames: int
    end: int
    sha256: str
    size_bytes: int
    recipe: Mapping[str, Any]
    edits: Sequence[Mapping[str, Any]] = ()
    account: Mapping[str, Any] = field(default_factory=dict)
    measures: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @classmethod
    def read(cls, path: Path) -> "Segment | None":
        """None if the file isn't there, or is no record."""
        try:
            segment = cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        numbers = ("number", "first", "frames", "end", "size_bytes")
        if any(type(getattr(segment, name)) is not int for name in numbers):
            return None
        return segment if segment.version == VERSION else None


class Shelf:
    """The folder of the pieces of one result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.mp4"

    def record(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"

    @property
    def _end(self) -> Path:
        return self.folder / "complete.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time. Raises BadOption if another one is at work here."""
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise BadOption(f"Another run is working in {self.folder}.") from None
        finally:
            os.close(handle)

    def finished(self, recipe: Recipe) -> list[Segment]:
        """The whole pieces from the first on, made by this recipe alone, that a run continues."""
        mapping = recipe.to_mapping()
        segments = []
        for segment in self._chain():
            if segment.recipe != mapping or segment.edits:
                break
            segments.append(segment)
        return segments

    def complete(self, recipe: Recipe) -> list[Segment]:
        """All pieces of an earlier result. Raises BadOption if they aren't there, or are another
        job's."""
        segments = list(self._chain())
        if not segments or self._frames() != segments[-1].first + segments[-1].frames:
            raise BadOption(f"{self.folder} has no whole earlier result.")
        for segment in segments:
            earlier = _recipe(segment)
            if earlier is None or earlier.without_look() != recipe.without_look():
                raise BadOption(
                    f"The earlier result in {self.folder} was made from other files, with another"
                    f" model or device, or with other values of {', '.join(COMMON_OPTIONS)}."
                )
        return segments

    def put(self, segment: Segment, made: Path) -> None:
        """Take a piece in: the file first, so that no record speaks of one that isn't whole."""
        self.record(segment.number).unlink(missing_ok=True)
        made.replace(self.file(segment.number))
        _write(self.record(segment.number), asdict(segment))

    def close(self, frames: int) -> None:
        """The result has no more frames than that."""
        _write(self._end, {"version": VERSION, "frames": frames})

    def _frames(self) -> int | None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            return int(json.loads(self._end.read_text("utf-8"))["frames"])
        return None

    def _chain(self) -> Iterator[Segment]:
        """Pieces in order, as long as each follows from the one before and is what it was."""
        first = number = 0
        while (segment := Segment.read(self.record(number))) is not None:
            if (segment.number, segment.first) != (number, first) or segment.frames < 1:
                return
            if not self._whole(segment):
                return
            yield segment
            first, number = first + segment.frames, number + 1

    def _whole(self, segment: Segment) -> bool:
        file = self.file(segment.number)
        with suppress(OSError):
            return file.stat().st_size == segment.size_bytes and sha256_of(file) == segment.sha256
        return False


def _recipe(segment: Segment) -> Recipe | None:
    try:
        options = SyncOptions.from_mapping(segment.recipe["options"])
        return Recipe(**{**segment.recipe, "options": options})
    except (TypeError, KeyError, BadOption):
        return None


def options_of(segment: Segment) -> SyncOptions:
    """What its frames were made with before any part was made anew."""
    recipe = _recipe(segment)
    assert recipe is not None
    return recipe.options


def _write(path: Path, mapping: Mapping[str, Any]) -> None:
    """Whole or not at all, also when the machine stops."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(mapping, file, default=list)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
