"""A voice and a film, read through the media process."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from inference import errors
from inference.media import wire
from inference.media.info import ColorTags, Grading, ratio
from inference.media.limits import MediaLimits
from inference.media.pictures import LAYOUTS, Box, Picture, PlaneLayout
from inference.media.process import MediaProcess


@dataclass(frozen=True)
class Frame:
    """A picture and when it is shown. `number` is its place in the source; `time` and `duration`
    are ticks of the film's time base. `unreadable` counts the source's pictures, as far as it had
    been read for this one, that could not be decoded."""

    number: int
    time: int
    duration: int
    picture: Picture
    unreadable: int = 0


@dataclass(frozen=True)
class Film:
    """The picture stream as it will be delivered: upright, `rate` its usual frames a second.

    source_box: where the source's own pixels lie; smaller than the whole where an odd side has
    gained a column or a row, an edge repeated, so that halved chroma has whole samples.
    seconds: how long the file says that its picture lasts, None where it doesn't; not measured.
    """

    width: int
    height: int
    layout: PlaneLayout
    tags: ColorTags
    rate: Fraction
    time_base: Fraction
    pixel_aspect: Fraction
    source_box: Box
    seconds: Fraction | None = None
    grading: Grading | None = None

    @property
    def gained(self) -> tuple[int, int]:
        """Columns and rows that the source doesn't have: 0 or 1 each."""
        width, height = self.source_box.size
        return self.width - width, self.height - height


class Frames:
    """Iterate once: frames in the order of the result.

    When the iteration is over, `unreadable` counts the pictures that could not be decoded:
    the one before each stands in its place.
    """

    def __init__(self, process: MediaProcess) -> None:
        self._process = process
        self.film = process.read("film", _film)
        self.unreadable = 0

    def __iter__(self) -> Iterator[Frame]:
        last = -1
        while (header := self._process.header("frame", "end"))["kind"] == "frame":
            frame = self._frame(header)
            if frame.time <= last or frame.duration < 1:
                raise errors.DamagedMedia("The frames of this file come in no usable order.")
            last = frame.time
            yield frame
        self.unreadable = int(header.get("unreadable", 0))

    def stop(self) -> None:
        """From any thread: whoever waits for a frame gets an error at once, and none comes."""
        self._process.kill()

    def _frame(self, header: wire.Header) -> Frame:
        film, layout = self.film, self.film.layout
        planes = [np.empty(shape, layout.dtype) for shape in layout.shapes(film.width, film.height)]
        if header["bytes"] != sum(plane.nbytes for plane in planes):
            raise errors.DamagedMedia("The decoder of this file sent something unexpected.")
        for plane in planes:
            self._process.fill(plane.data.cast("B"))
        number, time, duration = (int(header[name]) for name in ("number", "time", "duration"))
        picture = Picture(planes, layout, film.tags)
        return Frame(number, time, duration, picture, int(header["unreadable"]))


@contextlib.contextmanager
def open_frames(
    path: str | Path,
    seconds: Fraction | None,
    *,
    length: str = "audio",
    frame_rate: Fraction | int | None = None,
    first: int = 0,
    limits: MediaLimits | None = None,
) -> Iterator[Frames]:
    """Frames of a file's first picture stream in the order of the result; none is read ahead.

    seconds: of the sound, None for the whole film once, forwards. length: what happens when sound
    and film differ, see timeline.LENGTHS. frame_rate: a constant rate in place of the film's own;
    frames are left out or repeated by time. first: begin at that place of the result, with times
    as in the whole.

    Times count from the beginning of the file: where a film's own sound begins before its
    picture, the first frame comes as late. Raises NoVideo beside what probe() raises.
    """
    limits = limits or MediaLimits()
    request = {
        "task": "frames",
        "cpu_seconds": limits.cpu_seconds,
        "seconds": None if seconds is None else ratio(Fraction(seconds)),
        "length": length,
        "frame_rate": None if frame_rate is None else ratio(Fraction(frame_rate)),
        "first": first,
    }
    with MediaProcess(request, source=path, limits=limits) as process:
        yield Frames(process)


def _film(header: wire.Header) -> Film:
    width, height = int(header["width"]), int(header["height"])
    if min(width, height) < 1 or max(width, height) > 1 << 14:
        raise ValueError("impossible size")
    return Film(
        width=width,
        height=height,
        layout=LAYOUTS[header["layout"]],
        tags=ColorTags.from_mapping(header["tags"]),
        rate=Fraction(header["rate"]),
        time_base=Fraction(header["time_base"]),
        pixel_aspect=Fraction(header["pixel_aspect"]),
        source_box=_box(header["source_box"], width, height),
        grading=Grading(tuple(map(int, header["grading"]))) if header["grading"] else None,
        seconds=Fraction(header["promised"]) if header["promised"] else None,
    )


def _box(sides: list[int], width: int, height: int) -> Box:
    left, top, right, bottom = (int(side) for side in sides)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError("impossible box")
    return Box(left, top, right, bottom)
