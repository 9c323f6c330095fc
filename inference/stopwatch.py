"""Where the time of a run went."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """`with watch("denoise"): ...` adds to that stage's seconds. Stages must not be nested.

    Stages run at the same time: their seconds add up to more than the run took.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._adding = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            with self._adding:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + spent

    def to_mapping(self) -> dict[str, float]:
        return {stage: round(seconds, 3) for stage, seconds in self._seconds.items()}
