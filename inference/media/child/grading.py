"""What an HDR film was graded on, read from its first frame."""

import contextlib
import struct
from fractions import Fraction

import av
from av.sidedata.sidedata import Type

from inference.media.info import Grading

# struct AVMasteringDisplayMetadata: x and y of red, green, blue and white, lowest and highest
# luminance, each a fraction of two ints; then which of the two groups is set.
DISPLAY = struct.Struct("=20i2i")
# struct AVContentLightMetadata: MaxCLL, MaxFALL.
LIGHT = struct.Struct("=2I")


def grading_of(frame: av.VideoFrame) -> Grading | None:
    """None where the film says nothing, or nothing that can be."""
    light = _unpacked(frame, Type.CONTENT_LIGHT_LEVEL, LIGHT) or (0, 0)
    values = _unpacked(frame, Type.MASTERING_DISPLAY_METADATA, DISPLAY)
    if values is None or not (values[20] and values[21]):
        return None
    with contextlib.suppress(ZeroDivisionError, ValueError):
        numbers = [Fraction(values[i], values[i + 1]) for i in range(0, 20, 2)]
        points = [round(number * Grading.CHROMATICITY) for number in numbers[:8]]
        lowest, highest = (round(number * Grading.LUMINANCE) for number in numbers[8:])
        return Grading((*points, highest, lowest, *light))
    return None


def _unpacked(frame: av.VideoFrame, kind: Type, layout: struct.Struct) -> tuple[int, ...] | None:
    data = frame.side_data.get(kind)
    return layout.unpack_from(bytes(data)) if data is not None else None
