"""Frames as they will be delivered: turned upright, planar, in at most 10 bits."""

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Interpolation

from inference.media.child.orientation import Orientation
from inference.media.info import ColorTags
from inference.media.pictures import Box, Plane, PlaneLayout

FULL_RANGE, RGB_MATRIX, BT709, LIMITED_RANGE = 2, 0, 1, 1


@dataclass(frozen=True)
class Upright:
    """How frames become upright planes. Sizes are those after `turns` quarter turns to the left,
    which a `mirrored` film makes after its left and right have changed places.

    Where chroma is halved an odd side gains a column or a row, an edge of the picture repeated:
    before all that, at the right and at the bottom, so that chroma stays over its luma.
    source_box: where the source's own pixels lie.
    """

    width: int
    height: int
    turns: int
    layout: PlaneLayout
    tags: ColorTags
    source_box: Box
    mirrored: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Upright":
        orientation = Orientation.of(frame)
        turns, mirrored = orientation.turns, orientation.mirrored
        layout = _layout(frame, turns)
        columns = frame.width % 2 if layout.shift_x else 0
        rows = frame.height % 2 if layout.shift_y else 0
        order = -1 if turns % 2 else 1
        width, height = (frame.width, frame.height)[::order]
        # The mirror takes gained columns to the left; the turn carries all that round.
        before, after = (columns, 0) if mirrored else (0, columns)
        left, top = ((before, 0), (0, after), (after, rows), (rows, before))[turns]
        more = (columns, rows)[::order]
        box = Box(left, top, left + width, top + height)
        size = width + more[0], height + more[1]
        return cls(*size, turns, layout, tags_of(frame), box, mirrored)

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
        # Halved chroma is rounded up already: its last sample covers the gained column or row.
        gained = [
            (0, whole - side) for whole, side in zip(self._coded, planes[0].shape, strict=True)
        ]
        if gained != [(0, 0), (0, 0)]:
            planes[0] = np.pad(planes[0], gained, mode="edge")
        if self.mirrored:
            planes = [np.fliplr(plane) for plane in planes]
        return [np.ascontiguousarray(np.rot90(plane, self.turns)) for plane in planes]

    @property
    def _coded(self) -> tuple[int, int]:
        """(rows, columns) before the turn, with what was gained."""
        return (self.width, self.height) if self.turns % 2 else (self.height, self.width)

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        width, height = self.source_box.size[:: -1 if self.turns % 2 else 1]
        name = frame.format.name.replace("yuvj", "yuv")
        if name == self.layout.name and (frame.width, frame.height) == (width, height):
            return frame
        # Nearest chroma keeps the samples themselves where 4:2:2 on its side becomes 4:4:4.
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
    """The closest of our layouts. 4:4:4 where a quarter turn would make it 4:4:0, which no encoder
    takes."""
    format_ = frame.format
    bits = 10 if max(component.bits for component in format_.components) > 8 else 8
    halves = (format_.chroma_width(4) < 4, format_.chroma_height(4) < 4)
    if format_.is_rgb or len(format_.components) < 3 or halves not in ((1, 0), (0, 0)):
        halves = (True, True)
    if turns % 2 and halves == (True, False):
        halves = (False, False)
    return PlaneLayout(int(halves[0]), int(halves[1]), bits)


def _plane(plane: av.video.plane.VideoPlane, layout: PlaneLayout) -> Plane:
    """A view without the padding at the ends of the rows."""
    rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size]
    rows = rows.reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * layout.dtype.itemsize].view(layout.dtype)
