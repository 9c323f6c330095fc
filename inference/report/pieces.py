"""What counts for the report, for each segment apart: it goes into the segment's record."""

import threading

from torch import Tensor

from inference.report.measures import Measures


class MeasuresBySegment:
    """mask: the model's, (R, R), 1 = keep. size: frames in a segment. For several threads."""

    def __init__(self, mask: Tensor, size: int) -> None:
        self._mask, self._size = mask, size
        self._measures: dict[int, Measures] = {}
        self._making = threading.Lock()

    def of(self, place: int) -> Measures:
        """place: of a frame in the result."""
        number = place // self._size
        with self._making:
            if number not in self._measures:
                self._measures[number] = Measures(self._mask)
            return self._measures[number]

    def numbered(self, number: int) -> Measures:
        """The last to ask: the segment is whole."""
        with self._making:
            return self._measures.pop(number)
