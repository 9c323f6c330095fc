"""Frames as they will be delivered: turned upright, planar, in at most 10 bits."""

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Interpolation

from inference.media.info import ColorTags
from inference.media.pictures import Plane, PlaneLayout

FULL_RANGE, RGB_MATRIX, BT709, LIMITED_RANGE = 2, 0, 1, 1


@dataclass(frozen=True)
class Upright:
    """How frames become upright planes. Sizes are those after `turns` quarter turns to the left."""

    width: int
    height: int
    turns: int
    layout: PlaneLayout
    tags: ColorTags

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Upright":
        turns = round(frame.rotation / 90) % 4
        width, height = (frame.width, frame.height)[:: -1 if turns % 2 else 1]
        return cls(width, height, turns, _layout(frame, turns), tags_of(frame))

    @property
    def frame_bytes(self) -> int:
        samples = sum(
            rows * columns for rows, columns in self.layout.shapes(self.width, self.height)
        )
        return samples * self.layout.dtype.itemsize

    def planes(self, frame: av.VideoFrame) -> list[Plane]:
        """Y, U and V. A frame that is already in the layout is copied bit for bit."""
        frame = self._converted(frame)
        planes = [_plane(plane, self.layout) for plane in frame.planes[:3]]
        return [np.ascontiguousarray(np.rot90(plane, self.turns)) for plane in planes]

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        width, height = (self.width, self.height)[:: -1 if self.turns % 2 else 1]
        name = frame.format.name.replace("yuvj", "yuv")
        if name == self.layout.name and (frame.width, frame.height) == (width, height):
            return frame
        # Nearest chroma keeps the samples themselves where 4:2:0 must become 4:4:4 (odd sizes).
        return frame.reformat(
            width=width,
            height=height,
            format=self.layout.name,
            dst_colorspace="itu709" if frame.format.is_rgb else None,
            interpolation=Interpolation.POINT | Interpolation.ACCURATE_RND,
        )


def tags_of(frame: av.VideoFrame) -> ColorTags:
    if frame.format.is_rgb:
        return ColorTags(BT709, LIMITED_RANGE, int(frame.color_trc), int(frame.color_primaries))
    full = FULL_RANGE if frame.format.name.startswith("yuvj") else int(frame.color_range)
    matrix = int(frame.colorspace)
    return ColorTags(matrix, full, int(frame.color_trc), int(frame.color_primaries))


def _layout(frame: av.VideoFrame, turns: int) -> PlaneLayout:
    """The closest of our layouts. 4:4:4 where halved chroma has no whole number of samples, or
    where a quarter turn would make it 4:4:0, which no encoder takes."""
    format_ = frame.format
    bits = 10 if max(component.bits for component in format_.components) > 8 else 8
    halves = (format_.chroma_width(4) < 4, format_.chroma_height(4) < 4)
    if format_.is_rgb or len(format_.components) < 3 or halves not in ((1, 0), (0, 0)):
        halves = (True, True)
    if turns % 2 and halves == (True, False):
        halves = (False, False)
    if (halves[0] and frame.width % 2) or (halves[1] and frame.height % 2):
        halves = (False, False)
    return PlaneLayout(int(halves[0]), int(halves[1]), bits)


def _plane(plane: av.video.plane.VideoPlane, layout: PlaneLayout) -> Plane:
    """A view without the padding at the ends of the rows."""
    rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size]
    rows = rows.reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * layout.dtype.itemsize].view(layout.dtype)
