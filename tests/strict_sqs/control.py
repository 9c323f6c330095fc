"""The routes by which a test steers the server: faults, state, purge, clock."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tests.strict_sqs.calls import Calls
from tests.strict_sqs.message import Message
from tests.strict_sqs.queue import Queue


class NoRoute(Exception):
    """Nothing is steered by that path."""


class Control:
    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.service = calls.service
        self.routes = {
            ("POST", "_faults"): self.order,
            ("GET", "_faults"): lambda rest, given: self.calls.faults.told(),
            ("DELETE", "_faults"): self.heal,
            ("GET", "_state"): self.state,
            ("POST", "_purge"): self.purge,
            ("POST", "_show"): self.show,
            ("POST", "_clock"): self.shift,
        }

    def run(self, method: str, path: str, given: Mapping[str, Any]) -> Any:
        name, _, rest = path.strip("/").partition("?")
        name, _, number = name.partition("/")
        try:
            route = self.routes[method, name]
        except KeyError:
            raise NoRoute(f"{method} {path}; there are {list(self.routes)}") from None
        return route(number or rest, given)

    def order(self, rest: str, given: Mapping[str, Any]) -> Any:
        return asdict(self.calls.faults.order(given))

    def heal(self, rest: str, given: Mapping[str, Any]) -> Any:
        self.calls.faults.heal(int(rest) if rest else None)
        return {}

    def state(self, rest: str, given: Mapping[str, Any]) -> Any:
        """Of the queues; the history too with `?history=1`."""
        with self.service.lock:
            now = self.service.clock()
            queues = [self.service.queue(name) for name in self.service.queues]
            told: dict[str, Any] = {"now": now, "queues": {q.name: _told(q, now) for q in queues}}
            if "history" in rest:
                told["history"] = list(self.calls.history.lines)
            return told

    def purge(self, rest: str, given: Mapping[str, Any]) -> Any:
        """At once and as often as one likes, in flight or not."""
        with self.service.lock:
            for name in [given["queue"]] if given.get("queue") else list(self.service.queues):
                self.service.queue(name).clear()
        return {}

    def show(self, rest: str, given: Mapping[str, Any]) -> Any:
        self.service.show(given["queue"])
        return {}

    def shift(self, rest: str, given: Mapping[str, Any]) -> Any:
        self.service.clock.shift(float(given["shift"]))
        return {"now": self.service.clock()}


def _told(queue: Queue, now: float) -> dict[str, Any]:
    return {
        "messages": [_message(message, now) for message in queue.messages.values()],
        "remembered": queue.remembered(now),
    }


def _message(message: Message, now: float) -> dict[str, Any]:
    state = "held" if message.held(now) else "delayed" if message.delayed(now) else "visible"
    return {
        "id": message.id,
        "body": message.body,
        "group": message.group,
        "dedup": message.dedup,
        "receives": message.receives,
        "state": state,
    }
