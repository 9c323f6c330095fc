"""A sign of life from the media process while it works and has nothing to give."""

import time

from inference.media import wire

BEAT_SECONDS = 1.0


class Beat:
    """Call it often: it tells the parent once a second. By time, not by how much was read: of some
    films a hundred pictures take a minute."""

    def __init__(self) -> None:
        self._next = time.monotonic() + BEAT_SECONDS

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + BEAT_SECONDS
            wire.send(wire.REPLY, {"kind": "beat"})
