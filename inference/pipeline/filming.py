"""The last stage: frames into closed segments, each with its record."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.files import sha256_of
from inference.media.encoding import Encoding
from inference.media.info import ratio
from inference.media.segment import SegmentWriter
from inference.media.source import Film
from inference.options import SyncOptions
from inference.pipeline.windows import Shot
from inference.report.measures import Measures
from inference.results.recipe import Edit
from inference.results.segments import Segment
from inference.results.shelf import Shelf


class Filming:
    """Writes shots, in order, onto a shelf. before: the segment that they follow, if any.

    size: frames in a segment. measures, scouted: by a segment's number, what goes into its record.
    Use as a context: the last segment is closed when it is left, and removed if it is left
    by an error.
    """

    def __init__(
        self,
        shelf: Shelf,
        film: Film,
        encoding: Encoding,
        recipe: Mapping[str, Any],
        size: int,
        measures: Callable[[int], Measures],
        scouted: Callable[[int], Mapping[str, Any]],
        *,
        before: Segment | None = None,
        edits: Sequence[Edit] = (),
    ) -> None:
        self._shelf, self._film, self._encoding = shelf, film, encoding
        self._recipe, self._edits, self._size = recipe, edits, size
        self._measures, self._scouted = measures, scouted
        self.segments: list[Segment] = []
        self._number = before.number + 1 if before else 0
        self._first = before.until if before else 0
        self._start = self._last = self._end = 0
        self._frames = self._source_frames = self._unreadable = 0
        self._writer: SegmentWriter | None = None

    @property
    def _made(self) -> Path:
        return self._shelf.folder / f"{self._number:05d}.part"

    def __enter__(self) -> "Filming":
        return self

    def write(self, shot: Shot) -> None:
        if self._writer is None:
            self._writer = SegmentWriter(self._made, self._film, self._encoding)
            self._writer.__enter__()
            self._start = shot.frame.time
        self._writer.write(shot.frame)
        self._frames += 1
        self._source_frames = max(self._source_frames, shot.frame.number + 1)
        self._unreadable = shot.frame.unreadable
        self._last, self._end = shot.frame.time, shot.frame.time + shot.frame.duration
        if self._frames == self._size:
            self._close()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._writer is None:
            return
        if error is None:
            self._close()
        else:
            self._writer.__exit__(kind, error, trace)

    def _close(self) -> None:
        assert self._writer is not None
        self._writer.__exit__(None, None, None)
        self._writer, made = None, self._made
        segment = self._segment(made)
        self._shelf.put(segment, made)
        self.segments.append(segment)
        self._number, self._first = self._number + 1, segment.until
        self._frames = self._source_frames = 0

    def _segment(self, made: Path) -> Segment:
        """The record of the one that lies there, closed."""
        tick = self._film.time_base
        span = (self._start * tick, self._end * tick)
        return Segment(
            number=self._number,
            first=self._first,
            frames=self._frames,
            tick=ratio(tick),
            start=self._start,
            last=self._last,
            end=self._end,
            sha256=sha256_of(made),
            size_bytes=made.stat().st_size,
            recipe=self._recipe,
            source_frames=self._source_frames,
            unreadable=self._unreadable,
            edits=[edit.to_mapping() for edit in self._edits if edit.touches(*span)],
            measures=self._measures(self._number).state(),
            scout=self._scouted(self._number),
        )


def encoding_of(options: SyncOptions) -> Encoding:
    return Encoding(options.codec, options.quality, options.exact_size)
