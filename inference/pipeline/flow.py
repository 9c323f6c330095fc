"""Stages of one run that work at the same time, joined by short queues.

The slowest stage sets the pace: a queue that is full stops who fills it. What one stage raises ends
them all; whoever waits for another is woken by it, so no wait outlives the run.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from inference.errors import EngineFault

T = TypeVar("T")

# How often a wait looks up to ask whether the run was canceled.
GLANCE_SECONDS = 0.1
ENDING_SECONDS = 60


class Broken(Exception):
    """Another stage failed; the flow holds what it raised."""


class Flow:
    """Threads and queues of a run. Leaving the block waits for the threads, and raises what the
    first one that failed has raised; leaving it by an error stops them all at once.

    on_wait: called now and then by who waits patiently; what it raises ends the run.
    """

    def __init__(self, on_wait: Callable[[], None] | None = None) -> None:
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stops: list[Callable[[], None]] = []
        self._error: BaseException | None = None
        self._on_wait = on_wait

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, Broken):
            self.fail(error)
        for thread in self._threads:
            thread.join(ENDING_SECONDS if self._error else None)
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        if self._error is not None and self._error is not error:
            raise self._error from None
        if stuck and error is None:
            raise EngineFault(f"The stage {stuck[0]} did not end.")

    def fail(self, error: BaseException) -> None:
        """End the run with this error, unless another came first."""
        with self._changed:
            if self._error is not None:
                return
            self._error = error
            self._changed.notify_all()
        for stop in self._stops:
            stop()

    def on_failure(self, stop: Callable[[], None]) -> None:
        """Call this when the run fails: it must make a thread that waits for the outside return."""
        self._stops.append(stop)

    def start(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Broken:
                pass
            except BaseException as error:
                self.fail(error)

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self, ready: Callable[[], bool], *, patient: bool = False) -> None:
        """Until ready() is true, holding `self.changed`. Raises Broken if the run has failed."""
        while not ready():
            self._check()
            self._changed.wait(GLANCE_SECONDS if patient else None)
            if patient and self._on_wait:
                self._on_wait()
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise Broken

    @property
    def changed(self) -> threading.Condition:
        return self._changed


class Belt(Generic[T]):
    """A queue of at most so many things between two stages."""

    def __init__(self, flow: Flow, most: int) -> None:
        self._flow, self._most = flow, most
        self._things: deque[T] = deque()
        self._closed = False

    def put(self, thing: T, *, patient: bool = False) -> None:
        """Waits while the belt is full. patient: ask on_wait() meanwhile."""
        with self._flow.changed:
            self._flow.wait(lambda: len(self._things) < self._most, patient=patient)
            self._things.append(thing)
            self._flow.changed.notify_all()

    def close(self) -> None:
        """Nothing more will come."""
        with self._flow.changed:
            self._closed = True
            self._flow.changed.notify_all()

    def taken(self, *, patient: bool = False) -> Iterator[T]:
        """What comes, until the belt is closed and empty. patient: ask on_wait() meanwhile."""
        while True:
            with self._flow.changed:
                self._flow.wait(lambda: bool(self._things or self._closed), patient=patient)
                if not self._things:
                    return
                thing = self._things.popleft()
                self._flow.changed.notify_all()
            yield thing
            del thing  # not held while the next one is waited for


class Allowance:
    """So many frames may be under way at once, whichever stage holds them."""

    def __init__(self, flow: Flow, most: int) -> None:
        self._flow, self._left = flow, most

    def take(self) -> None:
        with self._flow.changed:
            self._flow.wait(lambda: self._left > 0)
            self._left -= 1

    def give(self) -> None:
        with self._flow.changed:
            self._left += 1
            self._flow.changed.notify_all()
