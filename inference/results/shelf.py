"""The folder of a result's pieces: what of it can be trusted, and how more is added.

A piece whose record doesn't say exactly what this run would make, or whose file isn't the one that
the record describes, is taken as not there.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.errors import BadOption
from inference.files import move, read_mapping, sha256_of, write_mapping
from inference.results.recipe import Edit, Recipe, alike
from inference.results.segments import VERSION, Segment


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
        for segment in self.chain():
            if not alike(segment.recipe, mapping) or segment.edits:
                break
            segments.append(segment)
        return segments

    def chain(self) -> Iterator[Segment]:
        """Pieces in order, as long as each follows from the one before and is what it was."""
        first = number = 0
        while (segment := Segment.read(self.record(number))) is not None:
            if (segment.number, segment.first) != (number, first) or segment.frames < 1:
                return
            if not self._whole(segment):
                return
            yield segment
            first, number = segment.until, number + 1

    def ending(self) -> dict[str, Any]:
        """What close() noted of the result; empty if it never came to that."""
        return read_mapping(self._ending)

    def put(self, segment: Segment, made: Path) -> None:
        """Take a piece in: the file first, so that no record speaks of one that isn't whole."""
        self.record(segment.number).unlink(missing_ok=True)
        move(made, self.file(segment.number))
        write_mapping(self.record(segment.number), asdict(segment))
        if self._on_put:
            self._on_put(segment.number)

    def take(self, segments: Sequence[Segment], other: "Shelf") -> None:
        """Bring pieces of another shelf here. Nothing is done if it is this one."""
        if other is not self:
            for segment in segments:
                self.put(segment, other.file(segment.number))

    def close(self, last: Segment, edits: Sequence[Edit] = ()) -> None:
        """The result ends with that piece. What a longer one has left behind it goes."""
        for number, path in self._pieces():
            if number > last.number:
                path.unlink(missing_ok=True)
        told = [edit.to_mapping() for edit in edits]
        ending = {"version": VERSION, "frames": last.until, "edits": told}
        write_mapping(self._ending, ending)

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

    def _whole(self, segment: Segment) -> bool:
        file = self.file(segment.number)
        with suppress(OSError):
            return file.stat().st_size == segment.size_bytes and sha256_of(file) == segment.sha256
        return False
