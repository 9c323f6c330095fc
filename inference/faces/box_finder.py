"""A face that no finder sees: a drawing, an animal. The caller says where it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from inference.errors import BadOption
from inference.faces.face import MIN_HEIGHT, MIN_INSIDE, MIN_WIDTH, Face, Rgb, inside

# The three points in a box from hairline to chin and from ear to ear, as shares of its sides:
# where LatentSync's template has them in such a box around the middle of its 75 x 100 canvas.
POINTS = np.array([[0.15, 0.24], [0.85, 0.24], [0.5, 0.48]])


class BoxFinder:
    """The same upright face in every frame. box: x, y, width, height in pixels of the frame."""

    device = "cpu"

    def __init__(self, box: tuple[float, float, float, float]) -> None:
        x, y, width, height = box
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            raise BadOption(
                f"The option face_box must be at least {MIN_WIDTH} x {MIN_HEIGHT} pixels large;"
                f" it is {width:g} x {height:g}.",
                hint="It goes from hairline to chin and from ear to ear.",
            )
        points = np.array([x, y]) + POINTS * np.array([width, height])
        self._face = Face((x, y, x + width, y + height), 1.0, points)

    def find_all(self, frame: Rgb) -> list[Face]:
        height, width = frame.shape[:2]
        if inside(self._face.box, width, height) < MIN_INSIDE:
            raise BadOption(
                "Less than half of the option face_box lies in the picture, which has"
                f" {width} x {height} pixels.",
                hint="Its numbers are x, y, width and height in pixels of the upright picture.",
            )
        return [self._face]

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        pass
