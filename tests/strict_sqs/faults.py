"""What a test has ordered to go wrong, and the record of every call."""

import random
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from tests.strict_sqs.errors import Refused

MOST_LINES = 200_000
NUMBERS = count(1)
Line = dict[str, Any]
ERRORS = {
    "503": Refused("ServiceUnavailable", "The service is not available.", status=503),
    "throttled": Refused("RequestThrottled", "The request was denied: too many requests."),
}


@dataclass
class Fault:
    """`tests/strict_sqs/client.py` explains each word."""

    action: str = "*"
    queue: str | None = None
    when: str = "before"
    error: str = "503"
    times: int | None = 1
    skip: int = 0
    chance: float = 1.0
    seed: int = 0
    milliseconds: int = 0
    id: int = field(default_factory=lambda: next(NUMBERS))
    struck: int = 0

    def __post_init__(self) -> None:
        self._lots = random.Random(self.seed)
        self._healed = threading.Event()

    def heal(self) -> None:
        self._healed.set()

    def wait(self) -> None:
        """For as long as a call is to be late."""
        self._healed.wait(self.milliseconds / 1000)

    def meets(self, action: str, queue: str) -> bool:
        return self.action in ("*", action) and self.queue in (None, queue)

    def strikes(self) -> bool:
        """Whether this call is one of those that it is meant for."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self._lots.random() >= self.chance:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []

    def order(self, told: Mapping[str, Any]) -> Fault:
        fault = Fault(**told)
        with self._lock:
            self._ordered.append(fault)
        return fault

    def heal(self, number: int | None = None) -> None:
        with self._lock:
            healed = [one for one in self._ordered if number in (None, one.id)]
            self._ordered = [one for one in self._ordered if one not in healed]
        for fault in healed:
            fault.heal()

    def told(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._ordered]

    def striking(self, action: str, queue: str, *whens: str) -> Fault | None:
        """The first that strikes this call at one of these moments; counted."""
        with self._lock:
            for fault in self._ordered:
                if fault.when in whens and fault.meets(action, queue) and fault.strikes():
                    return fault
        return None


class History:
    """A line for each message of each call, the newest last. A receive of nothing has none."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=MOST_LINES)


def refusal(error: str) -> Refused:
    return ERRORS.get(error) or Refused(error, f"{error}, as ordered by a test.")
