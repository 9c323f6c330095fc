"""The folder in which the engine lays the finished pieces of a film, about ten seconds each.

NNNNN.mp4, then NNNNN.json, which is renamed into place when both are whole. Whether a piece fits is
for the engine to say.
"""

from collections.abc import Iterator
from pathlib import Path

Stamp = tuple[int, int]  # of a record: one that was written anew has another


class PieceFolder:
    """Makes the folder, and remembers which of its pieces have been seen."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        self._seen: dict[int, Stamp] = {}

    def film(self, number: int) -> Path:
        return self._path / f"{number:05d}.mp4"

    def record(self, number: int) -> Path:
        return self._path / f"{number:05d}.json"

    def new(self) -> Iterator[tuple[int, Stamp]]:
        """Numbers of pieces that were finished since they were last seen."""
        for record in sorted(self._path.glob("[0-9]" * 5 + ".json")):
            number, stamp = int(record.stem), _stamp(record)
            if self._seen.get(number) != stamp:
                yield number, stamp

    def see(self, number: int, stamp: Stamp | None = None) -> None:
        """The piece, as it was with that stamp, or as it is now, is new no more."""
        self._seen[number] = stamp or _stamp(self.record(number))


def _stamp(record: Path) -> Stamp:
    status = record.stat()
    return status.st_mtime_ns, status.st_ino
