"""The frames of a film as the scout sees them: in the source's order, in RGB."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from inference.faces.face import Rgb
from inference.media import MediaLimits, open_frames
from inference.media.color import to_rgb
from inference.media.source import Frames

# Frames in the source's order: number, seconds, and (H, W, 3). Iterated once.
Footage = Iterable[tuple[int, float, Rgb]]


class FilmFootage:
    """A file's frames, once, forwards. first: how many are left out at its beginning."""

    def __init__(self, path: Path, first: int, limits: MediaLimits | None = None) -> None:
        self._path, self._first, self._limits = path, first, limits
        self._frames: Frames | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[tuple[int, float, Rgb]]:
        with open_frames(self._path, None, first=self._first, limits=self._limits) as frames:
            self._frames = frames
            tick = frames.film.time_base
            for frame in frames:
                if self._stopped:
                    return
                yield frame.number, float(frame.time * tick), to_rgb(frame.picture, quick=True)

    def stop(self) -> None:
        """From any thread; the iteration ends at once, with an error if it waited."""
        self._stopped = True
        if self._frames is not None:
            self._frames.stop()
