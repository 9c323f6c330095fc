"""What the painter asks: which mouths belong into a frame of the source, and why one has none."""

import threading
import time
from collections.abc import Callable, Sequence

from inference.errors import Canceled, EngineError, EngineFault
from inference.faces.cast import Cast, Part
from inference.faces.choice import Chooser, Task
from inference.faces.face import NO_FACE
from inference.faces.fading import FADE_FRAMES
from inference.faces.log import FaceLog

PATIENCE_SECONDS = 300.0  # without a new frame; the media process gives up long before
GLIMPSE_SECONDS = 0.2  # between two looks at should_cancel()


class Plan:
    """Written by the scout's thread, read by the painter's. Asking for a frame waits until it is
    known, and raises what went wrong with the scouting.

    guesses: who leads so far is taken for the most prominent until that is decided. An answer had
    while it was not `firm`, if something is `guessed` after it, must be asked for again where that
    turns out to be `misled`.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        should_cancel: Callable[[], bool] | None = None,
        *,
        guesses: bool = False,
    ) -> None:
        self.tasks = tuple(tasks)
        self.log = FaceLog()
        self.chooser = Chooser(self.tasks)
        self._cast = Cast(self.tasks, self.chooser, self.log)
        self.changed = threading.Condition()
        self.error: EngineError | None = None
        self.wanted = 0  # the furthest number that was asked for
        self._should_cancel, self._guesses = should_cancel, guesses

    def at(self, number: int) -> list[Part]:
        """The mouths of the source frame with this number, in the order of the option's turns.

        Raises Canceled, or the scout's own error.
        """
        with self.changed:
            place = self._await(number)
            if place is None:
                return []
            return self._cast.parts(place)

    def reason(self, number: int) -> str:
        """Why a frame has no part; "" if it has one."""
        with self.changed:
            place = self._await(number)
            if place is None:
                return NO_FACE
            return self._cast.reason(place)

    def idle(self, frames: int) -> list[Task]:
        """Turns in whose time nobody could be painted, in the source's first `frames` frames: the
        caller holds `changed`."""
        return [
            task for index, task in enumerate(self.tasks) if not self._cast.is_seen(index, frames)
        ]

    def is_ahead(self, number: int, frames: int) -> bool:
        """Whether scouting this far is enough for now: the caller holds `changed`."""
        if self.chooser.guessing:  # somebody waits for the decision
            return False
        return number > self.wanted + frames and self._is_known(self.wanted)

    @property
    def firm(self) -> bool:
        """Whether who is painted is decided for good: no answer from now on is a guess."""
        with self.changed:
            return self.chooser.firm

    @property
    def guessed(self) -> bool:
        """Whether any answer was, or may have been, a guess."""
        with self.changed:
            return self.chooser.guessed is not None

    @property
    def misled(self) -> bool:
        """Whether the guess was wrong."""
        with self.changed:
            return self.chooser.misled

    def wait_until_firm(self, check: Callable[[], None]) -> None:
        """check: called meanwhile; what it raises ends the wait. Raises what at() does."""
        with self.changed:
            self._wait_until(lambda: self.chooser.firm, check)

    def wait_for_end(self) -> None:
        """Until the whole film is scouted. Raises what at() does."""
        with self.changed:
            self.wanted = 1 << 62
            self.changed.notify_all()
            self._wait_until(lambda: self.log.finished)

    def _await(self, number: int) -> int | None:
        """The frame's place, once it is decided; None if the film has no such frame."""
        self.wanted = max(self.wanted, number)
        self.changed.notify_all()
        self._wait_until(lambda: self._is_known(number))
        return self.log.place(number)

    def _is_known(self, number: int) -> bool:
        if self.log.finished:
            return True
        place = self.log.place(number)
        if place is None:
            # A number that was passed over is one that the film doesn't have.
            return bool(self.log.numbers) and self.log.numbers[-1] > number
        # The frames in which a turn may end are needed for its fade, too.
        if place + FADE_FRAMES >= self.log.settled:
            return False
        # Where nobody is, nobody is painted, whoever is chosen in the end: a film that shows a face
        # late, or none, is not searched to that point in silence.
        if self.log.is_empty(place):
            return True
        if self._guesses:
            self.chooser.guess()
        return all(self.chooser.knows(self.tasks[index]) for index in self._cast.asked(place))

    def _wait_until(
        self, known: Callable[[], bool], check: Callable[[], None] = lambda: None
    ) -> None:
        seen, since = len(self.log.numbers), time.monotonic()
        while not known():
            if self.error:
                raise self.error
            if self._should_cancel and self._should_cancel():
                raise Canceled("The synchronization was canceled.")
            check()
            self.changed.wait(GLIMPSE_SECONDS)
            if len(self.log.numbers) > seen:
                seen, since = len(self.log.numbers), time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                raise EngineFault("The search for faces made no headway.")
