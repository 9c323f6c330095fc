"""Time that a test moves by hand."""

import time
from collections.abc import Callable


class Clock:
    """Seconds since 1970, by `source` and what was added to it.

    `at_shift` is called after each shift: whoever waits for a moment must look again.
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._added = 0.0
        self.at_shift: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self._source() + self._added

    def shift(self, seconds: float) -> None:
        self._added += seconds
        self.at_shift()


def stopped(at: float = 1_800_000_000.0) -> Clock:
    """A clock that moves by `shift` alone."""
    return Clock(lambda: at)
