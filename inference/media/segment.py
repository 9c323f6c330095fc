"""A part of a result as a closed file: pictures only, beginning with a key frame of its own."""

from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from inference.media.color import to_frame
from inference.media.encoding import Encoding
from inference.media.pictures import Picture, PlaneLayout
from inference.media.source import Film, Frame

# With fewer, libx265 (4.2) never sets the decoding times it gives out: they are what was in memory.
FRAMES_OF_X265 = 3


class SegmentWriter:
    """An mp4 without sound in the making. Left without an error it is complete; with one, or if
    nothing was written, it is removed.

    Frames keep the times of the whole result, exactly, in the film's time base: join() puts
    segments one after the other as they are.
    """

    def __init__(self, path: Path, film: Film, encoding: Encoding | None = None) -> None:
        self.path, self._film = path, film
        self.coding = (encoding or Encoding()).of(film)
        self.frames, self.end = 0, 0
        self._last_lasts = 0
        self._held: av.Packet | None = None

    def __enter__(self) -> Self:
        # The movie's clock has milliseconds by default, and would round when a segment begins.
        ticks = str(self._film.time_base.denominator)
        self._out = av.open(
            str(self.path), "w", format="mp4", container_options={"movie_timescale": ticks}
        )
        self._stream = self.coding.stream(self._out, self._film)
        return self

    def write(self, frame: Frame) -> None:
        picture = to_frame(self._shaped(frame.picture))
        picture.pts, picture.time_base = frame.time, self._film.time_base
        self.frames, self.end = self.frames + 1, frame.time + frame.duration
        self._last_lasts = frame.duration
        self._mux(self._stream.encode(picture))

    def _shaped(self, picture: Picture) -> Picture:
        if self.coding.layout == picture.layout:
            return picture
        return exact(picture, self._film, self.coding.layout)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self.frames:
                self._mux(self._last_packets())
                self._finish()
            self._out.close()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        if error is not None or not self.frames:
            self.path.unlink(missing_ok=True)

    def _last_packets(self) -> list[av.Packet]:
        packets: list[av.Packet] = self._stream.encode(None)
        if self.frames < FRAMES_OF_X265:
            for packet in packets:  # so few are in the order of display
                packet.dts = packet.pts
        return packets

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            if self._held is not None:
                self._out.mux(self._held)
            self._held = packet

    def _finish(self) -> None:
        """An mp4 knows one length that isn't the distance to the next: that of its last packet.
        It is how join() learns when the last frame is over, whichever packet that frame is in."""
        assert self._held is not None
        self._held.duration = self._last_lasts
        self._out.mux(self._held)


def exact(picture: Picture, film: Film, layout: PlaneLayout) -> Picture:
    """The source's own pixels alone, with a chroma sample for each."""
    box, old = film.source_box, picture.layout
    planes = []
    for index, plane in enumerate(picture.planes):
        if index:
            plane = np.repeat(np.repeat(plane, 1 << old.shift_y, 0), 1 << old.shift_x, 1)
        planes.append(plane[box.slices()])
    return Picture(planes, layout, picture.tags)
