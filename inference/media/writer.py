"""The result: frames of ours, coded once, with the sound that was given."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from inference.media.color import to_frame
from inference.media.encoding import Encoding
from inference.media.sound import Sound
from inference.media.soundtrack import add_track, exact_edits
from inference.media.source import Film, Frame

# The index before the pictures, so that a download plays while it comes in.
CONTAINER = {"movflags": "+faststart"}


class Writer:
    """An mp4 in the making. Left without an error it is complete; with one it is removed.

    Frames keep their own times, in the film's time base: a rate of 30000/1001 stays exactly that.
    """

    def __init__(self, path: Path, film: Film, sound: Sound) -> None:
        self.path = path
        self._film, self._sound = film, sound
        self._durations: dict[int, int] = {}
        self.frames, self.end = 0, 0

    @property
    def seconds(self) -> Fraction:
        """How long what was written so far is shown, exactly."""
        return self.end * self._film.time_base

    def __enter__(self) -> Self:
        options = CONTAINER | exact_edits(self._sound)
        self._out = av.open(str(self.path), "w", format="mp4", options=options)
        self._video = Encoding().of(self._film).stream(self._out, self._film)
        self._audio = add_track(self._out, self._sound)
        self._packets = self._sound.packets()
        self._waiting = next(self._packets, None)
        return self

    def write(self, frame: Frame) -> None:
        picture = to_frame(frame.picture)
        picture.pts, picture.time_base = frame.time, self._film.time_base
        self._durations[frame.time] = frame.duration
        self.frames, self.end = self.frames + 1, frame.time + frame.duration
        self._mux_video(self._video.encode(picture))
        self._mux_sound(until=frame.time * self._film.time_base)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._mux_video(self._video.encode(None))
                self._mux_sound(until=None)
            self._out.close()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        if error is not None:
            self.path.unlink(missing_ok=True)

    def _mux_video(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            # The encoder reorders frames and forgets how long each was to be shown.
            packet.duration = self._durations.pop(packet.pts)
            self._out.mux(packet)

    def _mux_sound(self, *, until: Fraction | None) -> None:
        base = self._sound.time_base
        while self._waiting is not None and (until is None or self._waiting[0] * base <= until):
            time, duration, data = self._waiting
            packet = av.Packet(data)
            packet.stream, packet.time_base = self._audio, base
            packet.pts = packet.dts = time
            packet.duration = duration
            self._out.mux(packet)
            self._waiting = next(self._packets, None)
