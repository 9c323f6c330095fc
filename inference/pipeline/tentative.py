"""Windows that are painted before it is decided whose mouth is.

Who is the most prominent is known after ten seconds of film. The network doesn't wait for that: it
paints who leads so far, and what it painted is held back. Nearly always the decision confirms it;
otherwise what is held back is cut and painted once more, so no result hangs on the guess.
"""

from collections import deque
from collections.abc import Callable, Iterator

from inference.errors import EngineFault
from inference.pipeline.painter import Mark, Painter
from inference.pipeline.windows import Cutter, Window

OnFrames = Callable[[int], None]


class Tentative:
    """most: so many windows can be held back while the next one is made ready. on_frames: told how
    many frames are painted, those that are held back too. check: called while it waits."""

    def __init__(
        self,
        cutter: Cutter,
        painter: Painter,
        most: int,
        on_frames: OnFrames,
        check: Callable[[], None],
    ) -> None:
        self._cutter, self._painter, self._most = cutter, painter, most
        self._on_frames, self._check = on_frames, check
        self._held: deque[tuple[Window, Mark]] = deque()

    def painted(self, window: Window) -> Iterator[Window]:
        """Paint it; what can go on by now, in order."""
        mark = self._painter.mark(window)
        self._try(window)
        if not window.tentative and not self._held:
            yield window
            return
        self._held.append((window, mark))
        if len(self._held) > self._most:
            self._cutter.wait_until_firm(self._check)
        if self._cutter.firm:
            yield from self._released()

    def rest(self) -> Iterator[Window]:
        """No more windows come."""
        if self._held:
            self._cutter.wait_until_firm(self._check)
            yield from self._released()

    def _released(self) -> Iterator[Window]:
        misled = self._cutter.misled
        if misled:
            for _, mark in reversed(self._held):
                self._painter.undo(mark)
        while self._held:
            window, _ = self._held.popleft()
            if misled:
                self._check()
                self._cutter.cut_anew(window)
                self._paint(window)
            yield window
            del window

    def _try(self, window: Window) -> None:
        try:
            self._paint(window)
        except EngineFault:  # no fault of the result if the face was the wrong one
            if not window.tentative:
                raise
            self._cutter.wait_until_firm(self._check)
            if not self._cutter.misled:
                raise

    def _paint(self, window: Window) -> None:
        self._painter.paint(window, lambda done: self._on_frames(window.first + done))
        self._on_frames(window.first + len(window.shots))
