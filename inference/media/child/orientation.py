"""Which way up a frame is shown, by its display matrix."""

import struct
from dataclasses import dataclass

import av
from av.sidedata.sidedata import Type

# Row by row; (x, y) is shown at (x * first + y * fourth, x * second + y * fifth).
MATRIX = struct.Struct("=9i")


@dataclass(frozen=True)
class Orientation:
    """turns: quarter turns to the left, made last. mirrored: left and right change places first,
    as front cameras write it. A turn by anything else is taken for the nearest quarter."""

    turns: int
    mirrored: bool

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Orientation":
        data = frame.side_data.get(Type.DISPLAYMATRIX)
        if data is None:
            return cls(0, False)
        a, b, _, c, d, *_ = MATRIX.unpack_from(bytes(data))
        area = a * d - b * c
        if not area:  # it would show nothing at all
            return cls(0, False)
        # FFmpeg reads the turn off the first column, which the mirror has turned by a half.
        return cls(round(frame.rotation / 90 + 2 * (area < 0)) % 4, area < 0)
