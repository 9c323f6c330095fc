"""Processes killed, stopped and told to go at times drawn by a seed, and a queue that errs."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count

from tests.faults.house import House
from tests.faults.processes import Process

EVERY_SECONDS = 3.0  # between two strikes, on average
# How often a call to the queue goes wrong while it is there; see tests/strict_sqs/client.py.
ERRORS = (
    ("ReceiveMessage", {"when": "repeat", "chance": 0.04}),  # one message in two workers' hands
    ("SendMessage", {"when": "repeat", "chance": 0.04}),
    ("SendMessage", {"when": "after", "error": "cut", "chance": 0.01}),
    ("DeleteMessage", {"when": "after", "error": "cut", "chance": 0.01}),
    ("DeleteMessage", {"when": "before", "error": "throttled", "chance": 0.02}),
    ("ChangeMessageVisibility", {"when": "before", "error": "503", "chance": 0.02}),
)
OUTAGE_SECONDS = 3.0


class Trouble:
    """`strikes` counts what was done; every process that is killed has a successor at once."""

    def __init__(
        self, house: House, seed: int, workers: int, lease_seconds: float, *, calm: bool = False
    ) -> None:
        self.house = house
        self.lease = lease_seconds
        self.calm = calm
        self.strikes: Counter[str] = Counter()
        self._lots = random.Random(f"{seed} trouble")
        self._seed = seed
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._asleep: set[int] = set()
        self.queues = house.start_queues()
        self._let_it_err()
        names = [*["gpu-worker"] * workers, "dispatcher", "dispatcher", "task-worker"]
        self.processes = [(name, house.start(name)) for name in names]
        self._next = time.monotonic() + EVERY_SECONDS

    def tick(self) -> None:
        """Do what is due; call it often."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            heappop(self._later)[2]()
        if now >= self._next and not self.calm:
            self._strike()
            self._next = time.monotonic() + self._lots.expovariate(1 / EVERY_SECONDS)

    def end(self) -> None:
        """No more of it: who sleeps is woken, who died has a successor, the queue errs no more."""
        while self._later:
            heappop(self._later)[2]()
        self.house.queues.strict.heal()
        for place, (name, process) in enumerate(self.processes):
            if not process.alive:
                self.processes[place] = (name, self.house.start(name))

    def _strike(self) -> None:
        how, weights = zip(*WAYS.items(), strict=True)
        way = self._lots.choices(how, weights)[0]
        self.strikes[way] += 1
        kind, _, what = way.partition(": ")
        if kind == "queue":
            getattr(self, f"_{what}_queue")()
            return
        awake = [
            n
            for n, (name, _) in enumerate(self.processes)
            if name == kind and n not in self._asleep
        ]
        if awake:
            getattr(self, f"_{what}")(self._lots.choice(awake))

    def _kill(self, place: int) -> None:
        name, process = self.processes[place]
        process.kill()
        self.processes[place] = (name, self.house.start(name))

    def _go(self, place: int) -> None:
        """As a deploy does it: the old one hands over while the new one is there already."""
        name, process = self.processes[place]
        process.ask_to_end()
        self.processes[place] = (name, self.house.start(name))

    def _sleep(self, place: int) -> None:
        """Past its lease, so that another has its work when it wakes."""
        _, process = self.processes[place]
        process.signal(signal.SIGSTOP)
        self._asleep.add(place)
        self._after(self.lease * self._lots.uniform(0.5, 2.5), lambda: self._wake(place, process))

    def _wake(self, place: int, process: Process) -> None:
        process.wake()
        self._asleep.discard(place)

    def _orphan(self, place: int) -> None:
        """Only the model's process: its supervisor lives and starts another."""
        mine = self.house.model_processes()
        if mine:
            _kill_one(self._lots.choice(sorted(mine)))

    def _empty_queue(self) -> None:
        self.queues.kill()
        self.queues = self.house.start_queues()
        self._let_it_err()

    def _shut_queue(self) -> None:
        outage = self.house.queues.strict.fault("*", error="503", times=None)
        self._after(OUTAGE_SECONDS, outage.heal)

    def _let_it_err(self) -> None:
        if self.calm:
            return
        for number, (action, how) in enumerate(ERRORS):
            seed = self._seed * 100 + number
            self.house.queues.strict.fault(action, times=None, seed=seed, **how)

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        heappush(self._later, (time.monotonic() + seconds, next(self._numbers), what))


# What may happen, and how often beside the others: to whom, and what.
WAYS = {
    "gpu-worker: kill": 6,
    "gpu-worker: sleep": 4,
    "gpu-worker: go": 4,
    "gpu-worker: orphan": 3,
    "dispatcher: kill": 3,
    "dispatcher: sleep": 1,
    "task-worker: kill": 1,
    "queue: empty": 1,
    "queue: shut": 1,
}


def _kill_one(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
