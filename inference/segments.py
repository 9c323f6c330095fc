"""A result in pieces of about ten seconds: closed files, each with a record of what made it.

A run that was stopped goes on after the last whole piece, and a part that is made anew replaces
the pieces it lies in. A piece whose record doesn't say exactly what this run would make, or whose
file isn't the one that the record describes, is taken as not there.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.diffusion import WINDOW_FRAMES
from inference.errors import BadOption
from inference.media.info import ratio
from inference.options import SyncOptions
from inference.result import sha256_of

VERSION = 2  # 1 had nothing of the source, and another way to 25 frames a second
SEGMENT_SECONDS = 10
MAKE_WHOLE = "Make the whole result into this folder first, then the part."
# What decides which frames there are and how they are coded: it can't differ within one result.
COMMON_OPTIONS = ("length", "frame_rate", "codec", "quality", "exact_size")


def frames_in_segment(rate: Fraction) -> int:
    """Whole windows that last about ten seconds."""
    return WINDOW_FRAMES * max(1, round(SEGMENT_SECONDS * rate / WINDOW_FRAMES))


@dataclass(frozen=True)
class Recipe:
    """What a result is made from; two equal ones make equal frames.

    video, audio, sounds (of the option `face`, by path): SHA-256. device: what the model runs on.
    """

    video: str
    audio: str
    sounds: Mapping[str, str]
    options: SyncOptions
    model: Mapping[str, Any]
    device: str

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Recipe":
        return cls(**{**given, "options": SyncOptions.from_mapping(given["options"])})

    def to_mapping(self) -> dict[str, Any]:
        return {
            "video": self.video,
            "audio": self.audio,
            "sounds": dict(self.sounds),
            "options": _told(self.options),
            "model": dict(self.model),
            "device": self.device,
        }

    def common(self) -> dict[str, Any]:
        """What an earlier result must share with a part that is made anew."""
        options = self.options.to_mapping()
        return {
            "video": self.video,
            "audio": self.audio,
            "options": {name: options[name] for name in COMMON_OPTIONS},
            "model": dict(self.model),
            "device": self.device,
        }


@dataclass(frozen=True)
class Edit:
    """A part that was made anew: the frames that begin within [start, end), in exact seconds of
    the result."""

    start: Fraction
    end: Fraction
    options: SyncOptions
    sounds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Edit":
        options = SyncOptions.from_mapping(given["options"])
        return cls(Fraction(given["from"]), Fraction(given["to"]), options, dict(given["sounds"]))

    def to_mapping(self) -> dict[str, Any]:
        return {
            "from": ratio(self.start),
            "to": ratio(self.end),
            "options": _told(self.options),
            "sounds": dict(self.sounds),
        }

    def covers(self, seconds: Fraction) -> bool:
        return self.start <= seconds < self.end

    def touches(self, start: Fraction, end: Fraction) -> bool:
        return self.start < end and start < self.end


def _told(options: SyncOptions) -> dict[str, Any]:
    """Without the device that was asked for: what it ran on is told apart."""
    mapping = options.to_mapping()
    del mapping["device"]
    return mapping


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
            segment = cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        numbers = ("number", "first", "frames", "start", "last", "end", "size_bytes")
        if any(type(getattr(segment, name)) is not int for name in numbers):
            return None
        return segment if segment.version == VERSION else None

    @property
    def span(self) -> tuple[Fraction, Fraction]:
        """When it begins and ends, in seconds of the result."""
        tick = Fraction(self.tick)
        return self.start * tick, self.end * tick


def by_content(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's mapping with hashes in the place of paths: files may lie elsewhere by now."""
    sounds, options = dict(recipe["sounds"]), dict(recipe["options"])
    if isinstance(options["face"], list):
        options["face"] = [
            turn | {"sound": sounds[turn["sound"]] if turn["sound"] else None}
            for turn in options["face"]
        ]
    return {**recipe, "options": options, "sounds": sorted(sounds.values())}


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    with suppress(TypeError, KeyError, AttributeError):
        return by_content(one) == by_content(other)
    return False


class Shelf:
    """The folder of the pieces of one result. on_put: told the number of each that is in place."""

    def __init__(self, folder: Path, on_put: Callable[[int], None] | None = None) -> None:
        self.folder, self._on_put = folder, on_put

    def file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.mp4"

    def record(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"

    @property
    def _ending(self) -> Path:
        return self.folder / "complete.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time. Raises BadOption if another one is at work here."""
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadOption(
                    f"Another run is working in {self.folder}.",
                    hint="Wait until it is done, or name another folder.",
                ) from None
            yield  # a process that can't be forked is a BlockingIOError, too
        finally:
            os.close(handle)

    def finished(self, recipe: Recipe) -> list[Segment]:
        """The whole pieces from the first on, made by this recipe alone, that a run continues."""
        mapping = recipe.to_mapping()
        segments = []
        for segment in self._chain():
            if not _alike(segment.recipe, mapping) or segment.edits:
                break
            segments.append(segment)
        return segments

    def earlier(self, recipe: Recipe) -> "Earlier":
        """The earlier result that a part is to be joined with. Raises BadOption if it isn't there
        whole, or is another job's."""
        segments = list(self._chain())
        ending = _read(self._ending)
        frames = segments[-1].first + segments[-1].frames if segments else 0
        if not segments or ending.get("frames") != frames:
            raise BadOption(f"{self.folder} has no whole earlier result.", hint=MAKE_WHOLE)
        try:
            # Of the piece made last, whose files lie where that run found them.
            base = Recipe.from_mapping(segments[-1].recipe)
            edits = [Edit.from_mapping(edit) for edit in ending["edits"]]
        except (TypeError, KeyError, ValueError, BadOption):
            told = f"{self.folder} has no earlier result that can be read."
            raise BadOption(told, hint=MAKE_WHOLE) from None
        # All that reach into a piece, and no other: a run without them may have been stopped here.
        known = all(
            [json.dumps(edit) for edit in each.edits]
            == [json.dumps(edit.to_mapping()) for edit in edits if edit.touches(*each.span)]
            for each in segments
        )
        if not known or not all(_alike(segment.recipe, segments[0].recipe) for segment in segments):
            told = f"The pieces in {self.folder} belong to several results."
            raise BadOption(told, hint=MAKE_WHOLE)
        if base.common() != recipe.common():
            raise BadOption(
                f"The earlier result in {self.folder} was made from other files, with another model"
                f" or device, or with another value of {', '.join(COMMON_OPTIONS)}.",
                hint="Give what the earlier result was made with; the rest may differ in the part.",
            )
        return Earlier(segments, base, edits)

    def put(self, segment: Segment, made: Path) -> None:
        """Take a piece in: the file first, so that no record speaks of one that isn't whole."""
        self.record(segment.number).unlink(missing_ok=True)
        move(made, self.file(segment.number))
        _write(self.record(segment.number), asdict(segment))
        if self._on_put:
            self._on_put(segment.number)

    def close(self, last: Segment, edits: Sequence[Edit] = ()) -> None:
        """The result ends with that piece. What a longer one has left behind it goes."""
        for number, path in self._pieces():
            if number > last.number:
                path.unlink(missing_ok=True)
        frames = last.first + last.frames
        told = [edit.to_mapping() for edit in edits]
        _write(self._ending, {"version": VERSION, "frames": frames, "edits": told})

    def clear(self) -> None:
        """Remove all pieces and records."""
        pieces = [path for _, path in self._pieces()]
        for path in (*pieces, self._ending, self._ending.with_suffix(".part")):
            path.unlink(missing_ok=True)

    def _pieces(self) -> list[tuple[int, Path]]:
        """All files of pieces, whole or not, with their numbers; a piece's record comes first."""
        names = sorted(path.name for path in self.folder.iterdir())
        found = (re.fullmatch(r"(\d{5})\.(json|mp4|part)", name) for name in names)
        return [(int(match[1]), self.folder / match[0]) for match in found if match]

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


@dataclass(frozen=True)
class Earlier:
    """A whole result. edits: the parts of it that were made anew, in that order."""

    segments: Sequence[Segment]
    recipe: Recipe
    edits: Sequence[Edit]


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        mapping = json.loads(path.read_text("utf-8"))
        return dict(mapping) if isinstance(mapping, dict) else {}
    return {}


def move(made: Path, place: Path) -> None:
    """Put a finished file at its place, whole or not at all, on another disk too."""
    with suppress(OSError):
        made.replace(place)
        return
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, mapping: Mapping[str, Any]) -> None:
    """Whole or not at all, also when the machine stops."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(mapping, file, default=list)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
